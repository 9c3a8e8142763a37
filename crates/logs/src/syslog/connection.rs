// SPDX-License-Identifier: Apache-2.0
//! Connections to syslog servers, made again when they break.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::{ClientConfig, ClientConnection};

use super::{Address, Peer, message, tls};
use crate::cut::Line;
use crate::error::{Again, Error, Result};
use crate::sink::Sink;

/// Sends each line as a message.
#[derive(Debug)]
pub(crate) struct Sender {
    connection: Connection,
    message: message::Writer,
    buffer: Vec<u8>,
}

impl Sender {
    pub(super) fn new(connection: Connection, message: message::Writer) -> Self {
        Self { connection, message, buffer: Vec::new() }
    }
}

impl Sink for Sender {
    fn take(&mut self, line: &Line<'_>) -> Result<()> {
        if line.bytes.is_empty() {
            return Ok(());
        }
        self.buffer.clear();
        self.message.write(&mut self.buffer, line);
        self.connection.send(&self.buffer)
    }

    fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.connection.lost)
    }

    fn close(&mut self) -> Result<()> {
        self.connection.close()
    }
}

/// A server, connected or not.
#[derive(Debug)]
pub(super) struct Connection {
    address: Address,
    /// For people.
    name: String,
    config: Option<Arc<ClientConfig>>,
    wire: Option<Wire>,
    /// Bytes of the message that was begun, and since when none of it went out.
    begun: Option<(usize, Instant)>,
    /// Datagrams that came back.
    lost: u64,
}

#[derive(Debug)]
enum Wire {
    Udp(UdpSocket),
    Unixgram(UnixDatagram),
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<ClientConnection>, TcpStream),
}

impl Connection {
    pub(super) fn new(address: Address) -> Result<Self> {
        let config = match &address {
            Address::Tls(_, tls) => Some(tls.configuration()?),
            _ => None,
        };
        let name = address.to_string();
        Ok(Self { address, name, config, wire: None, begun: None, lost: 0 })
    }

    pub(super) fn open(&mut self) -> Result<()> {
        let wire = match &self.address {
            Address::Here => here().map_err(|error| self.broken(&error))?,
            Address::Udp(peer) => udp(peer).map(Wire::Udp).map_err(|error| self.broken(&error))?,
            Address::Tcp(peer) => tcp(peer).map(Wire::Tcp).map_err(|error| self.broken(&error))?,
            Address::Unix(path) => unix(path).map_err(|error| self.broken(&error))?,
            Address::Unixgram(path) => unixgram(path).map_err(|error| self.broken(&error))?,
            Address::Tls(peer, _) => self.tls(peer)?,
        };
        self.wire = Some(wire);
        self.begun = None;
        Ok(())
    }

    /// Sends `message`, or goes on with it after [`Again::AtOnce`].
    pub(super) fn send(&mut self, message: &[u8]) -> Result<()> {
        if self.begun.is_none() && self.wire.as_ref().is_some_and(Wire::is_gone) {
            self.wire = None;
        }
        if self.wire.is_none() {
            self.open()?;
        }
        match self.wire.as_mut() {
            Some(Wire::Udp(socket)) => {
                let mut sent = socket.send(message);
                if sent.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
                    // That is about an earlier message, which nobody took (udp(7)). This one did not go yet.
                    self.lost += 1;
                    sent = socket.send(message);
                }
                sent.map(drop).map_err(|error| Error::server(&self.name, told(&error), Again::Never))
            }
            Some(Wire::Unixgram(socket)) => match socket.send(message) {
                Ok(_) => Ok(()),
                Err(error) if is_slow(&error) => Err(self.slow()),
                Err(error) if error.raw_os_error() == Some(TOO_LONG) => {
                    Err(Error::server(&self.name, told(&error), Again::Never))
                }
                Err(error) => Err(self.give_up(&error)),
            },
            Some(_) => self.stream(message),
            None => Err(self.slow()),
        }
    }

    pub(super) fn close(&mut self) -> Result<()> {
        let Some(Wire::Tls(mut client, mut socket)) = self.wire.take() else { return Ok(()) };
        end_session(&mut client, &mut socket)
            .map_err(|error| Error::server(&self.name, told(&error), Again::Never))
    }

    fn stream(&mut self, message: &[u8]) -> Result<()> {
        let (mut sent, mut since) = self.begun.take().unwrap_or((0, Instant::now()));
        while sent < message.len() || self.wire.as_ref().is_some_and(Wire::has_more) {
            let written = match &mut self.wire {
                Some(wire) => wire.write(&message[sent..]),
                None => Err(ErrorKind::NotConnected.into()),
            };
            match written {
                Ok(count) => {
                    sent += count;
                    since = Instant::now();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_slow(&error) && since.elapsed() < STALL => {
                    self.begun = Some((sent, since));
                    return Err(self.slow());
                }
                Err(error) => return Err(self.give_up(&error)),
            }
        }
        Ok(())
    }

    fn tls(&self, peer: &Peer) -> Result<Wire> {
        let Some(config) = &self.config else { return Err(self.slow()) };
        let mut client = tls::client(config, &peer.host, &self.name)?;
        let mut socket = tcp(peer).map_err(|error| self.broken(&error))?;
        socket.set_read_timeout(Some(CONNECT)).map_err(|error| self.broken(&error))?;
        while client.is_handshaking() {
            client.complete_io(&mut socket).map_err(|error| self.broken(&error))?;
        }
        Ok(Wire::Tls(Box::new(client), socket))
    }

    fn slow(&self) -> Error {
        Error::server(&self.name, "it takes nothing", Again::AtOnce)
    }

    /// The connection is of no use any more; the message goes out whole over the next one.
    fn give_up(&mut self, error: &std::io::Error) -> Error {
        self.wire = None;
        self.begun = None;
        self.broken(error)
    }

    fn broken(&self, error: &std::io::Error) -> Error {
        Error::server(&self.name, told(error), Again::Later)
    }
}

impl Wire {
    /// Whether the server has closed a stream. It has nothing else to say there but for TLS's own
    /// messages, which are taken in.
    fn is_gone(&self) -> bool {
        let fd: BorrowedFd<'_> = match self {
            Self::Udp(_) | Self::Unixgram(_) => return false,
            Self::Unix(socket) => socket.as_fd(),
            Self::Tcp(socket) | Self::Tls(_, socket) => socket.as_fd(),
        };
        let mut polled = [PollFd::from_borrowed_fd(fd, PollFlags::RDHUP)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let gone = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
        poll(&mut polled, Some(&now)).is_ok() && polled[0].revents().intersects(gone)
    }

    /// Whether TLS holds what is still to go out.
    fn has_more(&self) -> bool {
        matches!(self, Self::Tls(client, _) if client.wants_write())
    }

    /// Takes some of `bytes`; with TLS these may be none.
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Unix(socket) => socket.write(bytes),
            Self::Tcp(socket) => socket.write(bytes),
            Self::Tls(client, socket) => {
                if client.wants_write() {
                    client.write_tls(socket)?;
                    return Ok(0);
                }
                client.writer().write(bytes)
            }
            Self::Udp(_) | Self::Unixgram(_) => Err(ErrorKind::Unsupported.into()),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Here => f.write_str("this machine's syslog"),
            Self::Udp(peer) => write!(f, "udp://{}:{}", peer.host, peer.port),
            Self::Tcp(peer) => write!(f, "tcp://{}:{}", peer.host, peer.port),
            Self::Tls(peer, _) => write!(f, "tcp+tls://{}:{}", peer.host, peer.port),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Unixgram(path) => write!(f, "unixgram://{}", path.display()),
        }
    }
}

/// The first socket that this machine has.
fn here() -> std::io::Result<Wire> {
    let mut last = ErrorKind::NotFound.into();
    for path in ["/dev/log", "/var/run/syslog", "/var/run/log"].map(Path::new) {
        for connect in [unixgram, unix] {
            match connect(path) {
                Ok(wire) => return Ok(wire),
                Err(error) => last = error,
            }
        }
    }
    Err(last)
}

fn unix(path: &Path) -> std::io::Result<Wire> {
    let socket = UnixStream::connect(path)?;
    socket.set_write_timeout(Some(TURN))?;
    Ok(Wire::Unix(socket))
}

fn unixgram(path: &Path) -> std::io::Result<Wire> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    socket.set_write_timeout(Some(TURN))?;
    Ok(Wire::Unixgram(socket))
}

fn udp(peer: &Peer) -> std::io::Result<UdpSocket> {
    let mut last = ErrorKind::NotFound.into();
    for address in addresses(peer)? {
        let ours: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        match UdpSocket::bind(ours).and_then(|socket| socket.connect(address).map(|()| socket)) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn tcp(peer: &Peer) -> std::io::Result<TcpStream> {
    let mut last = ErrorKind::NotFound.into();
    for address in addresses(peer)? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(socket) => {
                socket.set_write_timeout(Some(TURN))?;
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Ends a session so that the end can be told from a cut (RFC 5425, section 4.4), and waits a moment for
/// the server's own end: what it sends us unasked (session tickets) would, unread, make the kernel reset
/// the connection, and what the server has not read yet be lost (RFC 2525, section 2.17).
fn end_session(client: &mut ClientConnection, socket: &mut TcpStream) -> std::io::Result<()> {
    client.send_close_notify();
    while client.wants_write() {
        client.write_tls(socket)?;
    }
    socket.shutdown(Shutdown::Write)?;
    socket.set_read_timeout(Some(TURN))?;
    let until = Instant::now() + 2 * TURN;
    let mut unread = [0; 4096];
    while Instant::now() < until {
        match socket.read(&mut unread) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // It keeps its side open, or has gone already. Everything of ours was sent.
            Err(_) => break,
        }
    }
    Ok(())
}

/// `localhost` is this machine, whatever a resolver says (RFC 6761, section 6.3).
fn addresses(peer: &Peer) -> std::io::Result<Vec<SocketAddr>> {
    if peer.host == "localhost" {
        return Ok(vec![(Ipv4Addr::LOCALHOST, peer.port).into(), (Ipv6Addr::LOCALHOST, peer.port).into()]);
    }
    Ok((peer.host.as_str(), peer.port).to_socket_addrs()?.collect())
}

fn is_slow(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn told(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::NotFound => "nothing listens there".to_owned(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => {
            "it hung up".to_owned()
        }
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "it does not answer".to_owned(),
        _ => oci::shown(&error.to_string()),
    }
}

const CONNECT: Duration = Duration::from_secs(5);
/// How long one attempt waits; then it is asked whether to go on.
const TURN: Duration = Duration::from_millis(500);
/// A stream that takes nothing for so long is given up, and another connection tried.
const STALL: Duration = Duration::from_secs(30);
/// EMSGSIZE.
const TOO_LONG: i32 = 90;
