// SPDX-License-Identifier: Apache-2.0
//! A server that does what a test says, however wrong, and remembers what it was asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use oci::Digest;
use oci::descriptor::Descriptor;
use registry::{Client, Keyring, Patience, Settings};

/// On a port of its own of this machine, until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    state: Arc<State>,
    accepting: Option<JoinHandle<()>>,
}

struct State {
    answer: Box<dyn Fn(&Asked) -> Reply + Send + Sync>,
    asked: Mutex<Vec<Asked>>,
    connections: Mutex<Vec<TcpStream>>,
    stopped: AtomicBool,
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// How many requests of this method and path there were before.
    pub(crate) before: usize,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Where `Range: bytes=N-` begins.
    pub(crate) fn from(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// An answer.
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    length: Option<u64>,
    then: Then,
}

/// What comes of the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Close,
    /// So many bytes of the body, and then nothing more while the server lives.
    StallAfter(usize),
    /// The body again and again, without a length.
    Endless,
    /// From so many bytes of head and body on, one byte at a time and a pause after each.
    Trickle(usize),
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), length: None, then: Then::Close }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Says another length than the body has.
    pub(crate) fn claiming(mut self, length: u64) -> Self {
        self.length = Some(length);
        self
    }

    pub(crate) fn stalling_after(mut self, bytes: usize) -> Self {
        self.then = Then::StallAfter(bytes);
        self
    }

    /// From so many bytes of the whole answer on.
    pub(crate) fn trickling_after(mut self, bytes: usize) -> Self {
        self.then = Then::Trickle(bytes);
        self
    }

    pub(crate) fn endless(mut self) -> Self {
        self.then = Then::Endless;
        self
    }

    /// A part of a blob.
    pub(crate) fn range(whole: &[u8], from: usize) -> Self {
        let range = format!("bytes {from}-{}/{}", whole.len() - 1, whole.len());
        Self::new(206, &whole[from..]).with("Content-Range", range)
    }
}

impl Server {
    pub(crate) fn new(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            answer: Box::new(answer),
            asked: Mutex::default(),
            connections: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let shared = state.clone();
        let accepting = std::thread::spawn(move || {
            let mut serving = Vec::new();
            for connection in listener.incoming() {
                if shared.stopped.load(Ordering::SeqCst) {
                    break;
                }
                // Whoever left before they were let in is not missed.
                let Ok(connection) = connection else { continue };
                shared.connections.lock().unwrap().push(connection.try_clone().unwrap());
                let shared = shared.clone();
                serving.push(std::thread::spawn(move || serve(&connection, &shared)));
            }
            serving.into_iter().for_each(|thread| thread.join().unwrap());
        });
        Self { address, state, accepting: Some(accepting) }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }

    /// `METHOD PATH` of each request so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.host(), &settings()).unwrap()
    }

    pub(crate) fn client_of(&self, keyring: Keyring) -> Client {
        Client::new(&self.host(), &Settings { keyring, ..settings() }).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        for connection in self.state.connections.lock().unwrap().iter() {
            // One that is closed already cannot be closed again.
            connection.shutdown(Shutdown::Both).unwrap_or_default();
        }
        TcpStream::connect(self.address).unwrap();
        self.accepting.take().unwrap().join().unwrap();
    }
}

fn serve(connection: &TcpStream, state: &State) {
    let Some(mut asked) = read(connection) else { return };
    let mut all = state.asked.lock().unwrap();
    asked.before =
        all.iter().filter(|other| (&other.method, &other.path) == (&asked.method, &asked.path)).count();
    all.push(asked.clone());
    drop(all);
    let reply = (state.answer)(&asked);
    // Whoever asked may have left.
    write(connection, &asked, &reply, state).unwrap_or_default();
    connection.shutdown(Shutdown::Both).unwrap_or_default();
}

fn read(connection: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut asked = Asked { method, path, headers, body: Vec::new(), before: 0 };
    let length = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
    reader.take(length).read_to_end(&mut asked.body).ok()?;
    Some(asked)
}

fn write(mut connection: &TcpStream, asked: &Asked, reply: &Reply, state: &State) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Whatever\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if reply.then != Then::Endless {
        head.push_str(&format!("Content-Length: {}\r\n", reply.length.unwrap_or(reply.body.len() as u64)));
    }
    if let Then::Trickle(after) = reply.then {
        let all = [format!("{head}\r\n").as_bytes(), &reply.body].concat();
        let after = after.min(all.len());
        connection.write_all(&all[..after])?;
        return all[after..].iter().try_for_each(|byte| {
            std::thread::sleep(TRICKLE);
            connection.write_all(&[*byte])
        });
    }
    connection.write_all(format!("{head}\r\n").as_bytes())?;
    if asked.method == "HEAD" {
        return Ok(());
    }
    match reply.then {
        Then::Close | Then::Trickle(_) => connection.write_all(&reply.body),
        Then::StallAfter(bytes) => {
            connection.write_all(&reply.body[..bytes])?;
            // Until the other side leaves, or the server is dropped.
            connection.read(&mut [0]).map(|_| ())
        }
        Then::Endless => loop {
            if state.stopped.load(Ordering::SeqCst) {
                return Ok(());
            }
            connection.write_all(&reply.body)?;
        },
    }
}

/// Anonymous, quick to try again, and blind to the machine's own folders.
pub(crate) fn settings() -> Settings {
    Settings {
        docker_certs: Vec::new(),
        containerd_certs: Vec::new(),
        system_authorities: Vec::new(),
        patience: Patience { attempts: 3, first_pause: Duration::from_millis(1), ..Patience::default() },
        ..Settings::default()
    }
}

/// What describes `content`.
pub(crate) fn describe(media_type: &str, content: &[u8]) -> Descriptor {
    let text = format!(
        r#"{{"mediaType":"{media_type}","digest":"{}","size":{}}}"#,
        Digest::sha256_of(content),
        content.len()
    );
    oci::json::read("descriptor", text.as_bytes()).unwrap()
}

pub(crate) fn layer(content: &[u8]) -> Descriptor {
    describe("application/vnd.oci.image.layer.v1.tar", content)
}

/// Content of a few hundred KiB that is nowhere the same.
pub(crate) fn content() -> Vec<u8> {
    (0..100_000u32).flat_map(u32::to_le_bytes).collect()
}

/// An image of these layers: its manifest.
pub(crate) fn manifest(config: &[u8], layers: &[&[u8]]) -> Vec<u8> {
    let layers: Vec<Descriptor> = layers.iter().map(|layer| self::layer(layer)).collect();
    let config = describe("application/vnd.oci.image.config.v1+json", config);
    serde_json::to_vec(
        &serde_json::json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers }),
    )
    .unwrap()
}

/// Between two bytes of a server that trickles.
const TRICKLE: Duration = Duration::from_millis(2);
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const CONFIG: &[u8] =
    br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
