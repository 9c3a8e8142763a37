// SPDX-License-Identifier: Apache-2.0
//! A way to a registry on which requests are counted.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::failure::{Result, While};

/// Passes bytes on until it is dropped.
#[derive(Debug)]
pub(super) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    target: String,
    requests: AtomicUsize,
    ended: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// To `target` (`127.0.0.1:PORT`), by a port of its own.
    pub(super) fn to(target: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").cannot(|| "listen for the proxy")?;
        let address = listener.local_addr().cannot(|| "find the proxy's port")?;
        let shared = Arc::new(Shared {
            target: target.to_owned(),
            requests: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
            connections: Mutex::default(),
        });
        let with = shared.clone();
        let accepting = std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if with.ended.load(Ordering::SeqCst) {
                    break;
                }
                if let Err(error) = join(connection, &with) {
                    eprintln!("the counting proxy lost a connection: {error}");
                }
            }
        });
        Ok(Self { address, shared, accepting: Some(accepting) })
    }

    /// `127.0.0.1:PORT`.
    pub(super) fn host(&self) -> String {
        self.address.to_string()
    }

    /// How many requests there were since this was asked last. Only of those without a body, which is
    /// what a pull sends.
    pub(super) fn requests(&self) -> usize {
        self.shared.requests.swap(0, Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        for connection in self.shared.connections.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // One that is closed already cannot be closed again.
            connection.shutdown(Shutdown::Both).unwrap_or_default();
        }
        let woken = TcpStream::connect(self.address).is_ok();
        let joined = self.accepting.take().filter(|_| woken).is_some_and(|thread| thread.join().is_ok());
        if !joined {
            eprintln!("the counting proxy did not end");
        }
    }
}

/// Two threads for one connection.
fn join(client: TcpStream, shared: &Arc<Shared>) -> std::io::Result<()> {
    let server = TcpStream::connect(&shared.target)?;
    let (answers, asker) = (server.try_clone()?, client.try_clone()?);
    shared
        .connections
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .extend([client.try_clone()?, server.try_clone()?]);
    let counting = shared.clone();
    std::thread::spawn(move || {
        let mut count = Count::default();
        pass(client, server, |bytes| {
            counting.requests.fetch_add(count.ends(bytes), Ordering::SeqCst);
        });
    });
    std::thread::spawn(move || pass(answers, asker, |_| {}));
    Ok(())
}

/// Until one of them is closed; then both are.
fn pass(mut from: TcpStream, mut to: TcpStream, mut seen: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 128 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        seen(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    // The other side may have closed it already.
    to.shutdown(Shutdown::Write).unwrap_or_default();
}

/// Counts the empty lines that end the head of a request, wherever a read cuts them.
#[derive(Debug, Default)]
struct Count(usize);

impl Count {
    fn ends(&mut self, bytes: &[u8]) -> usize {
        let mut found = 0;
        for byte in bytes {
            self.0 = match (byte, self.0) {
                (b'\n', 3) => {
                    found += 1;
                    0
                }
                (b'\r', 2) => 3,
                (b'\n', 1) => 2,
                (b'\r', _) => 1,
                _ => 0,
            };
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::Count;

    #[test]
    fn requests_are_counted_wherever_they_are_cut() {
        let bytes = b"GET / HTTP/1.1\r\nA: b\r\n\r\nHEAD / HTTP/1.1\r\n\r\n";
        for cut in 0..bytes.len() {
            let mut count = Count::default();
            assert_eq!(count.ends(&bytes[..cut]) + count.ends(&bytes[cut..]), 2, "{cut}");
        }
    }
}
