//! The wire between hosts and a workspace: carries bytes, loses requests, or takes no connections.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// Connections that the kernel completes although nobody accepts them; Linux takes one more.
const BACKLOG: u32 = 16;

/// A connection on loopback is there at once, or the queue is full: then the kernel tries again after a second.
const AT_ONCE: Duration = Duration::from_millis(300);

/// What becomes of new connections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// They are carried to the workspace.
    Open,
    /// What comes over them arrives nowhere, and nothing comes back.
    Losing,
    /// Nobody accepts them.
    Closed,
}

/// A wire on loopback. It ends when it is dropped.
pub struct Wire {
    port: u16,
    way: watch::Sender<Way>,
    seen: Arc<Seen>,
    carrier: Option<AbortHandle>,
    listener: Option<TcpListener>,
}

/// What has come over a wire.
struct Seen {
    lost: watch::Sender<u64>,
    replies: watch::Sender<u64>,
}

/// A queue of connections that is full: connecting takes until it is emptied.
pub struct FullQueue {
    _connections: Vec<TcpStream>,
}

impl Wire {
    /// A wire with an end for hosts to connect to.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
        let listener = socket.listen(BACKLOG).expect("a socket that listens");
        let port = listener.local_addr().expect("an address").port();
        let seen = Seen { lost: watch::Sender::new(0), replies: watch::Sender::new(0) };
        Self { port, way: watch::Sender::new(Way::Open), seen: Arc::new(seen), carrier: None, listener: Some(listener) }
    }

    /// The port that hosts connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connects the other end to the workspace's port.
    ///
    /// # Panics
    /// When it is connected already.
    pub fn connect(&mut self, workspace: u16) {
        let listener = self.listener.take().expect("a wire with one end");
        let accepting = accept(listener, workspace, self.way.subscribe(), self.seen.clone());
        self.carrier = Some(tokio::spawn(accepting).abort_handle());
    }

    /// From now on carries new connections.
    pub fn open(&self) {
        self.way.send_replace(Way::Open);
    }

    /// From now on loses what comes over new connections.
    pub fn lose(&self) {
        self.way.send_replace(Way::Losing);
    }

    /// From now on completes no new connections: whoever connects waits until the wire is [open](Self::open) again.
    ///
    /// # Panics
    /// When the queue does not fill.
    pub async fn close(&self) -> FullQueue {
        self.way.send_replace(Way::Closed);
        let mut connections = Vec::new();
        for _ in 0..4 * BACKLOG {
            match timeout(AT_ONCE, TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))).await {
                Ok(connected) => connections.push(connected.expect("a connection")),
                Err(_) => return FullQueue { _connections: connections },
            }
        }
        panic!("the queue does not fill");
    }

    /// Waits until a request has been lost.
    ///
    /// # Panics
    /// When none is in half a minute.
    pub async fn has_lost_a_request(&self) {
        wait_for(&self.seen.lost, |lost| lost > 0).await;
    }

    /// How many pieces of replies were carried to hosts.
    pub fn replies(&self) -> u64 {
        *self.seen.replies.borrow()
    }

    /// Waits until more pieces of replies were carried than so many.
    ///
    /// # Panics
    /// When there are no more in half a minute.
    pub async fn has_replied_since(&self, before: u64) {
        wait_for(&self.seen.replies, |replies| replies > before).await;
    }
}

impl Default for Wire {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(carrier) = &self.carrier {
            carrier.abort();
        }
    }
}

async fn wait_for(count: &watch::Sender<u64>, enough: impl Fn(u64) -> bool) {
    let mut seen = count.subscribe();
    let waiting = seen.wait_for(|count| enough(*count));
    timeout(Duration::from_secs(30), waiting).await.expect("it comes over the wire").expect("a wire");
}

async fn accept(listener: TcpListener, workspace: u16, mut way: watch::Receiver<Way>, seen: Arc<Seen>) {
    loop {
        let now = *way.borrow_and_update();
        tokio::select! {
            accepted = listener.accept(), if now != Way::Closed => {
                let (host, _) = accepted.expect("a connection");
                let seen = seen.clone();
                match now {
                    Way::Losing => tokio::spawn(lose(host, seen)),
                    _ => tokio::spawn(carry(host, workspace, seen)),
                };
            }
            changed = way.changed() => if changed.is_err() { return },
        }
    }
}

/// Takes everything and answers nothing, until the host gives up.
async fn lose(mut host: TcpStream, seen: Arc<Seen>) {
    let mut buffer = [0; 4_096];
    while host.read(&mut buffer).await.is_ok_and(|read| read > 0) {
        seen.lost.send_modify(|lost| *lost += 1);
    }
}

async fn carry(host: TcpStream, workspace: u16, seen: Arc<Seen>) {
    // A workspace that has stopped refuses; so does the wire then.
    let Ok(workspace) = TcpStream::connect((Ipv4Addr::LOCALHOST, workspace)).await else { return };
    let (mut from_host, mut to_host) = host.into_split();
    let (mut from_workspace, mut to_workspace) = workspace.into_split();
    let there = tokio::spawn(async move {
        // Ends when either side does.
        let _ = tokio::io::copy(&mut from_host, &mut to_workspace).await;
    });
    let mut buffer = [0; 16_384];
    while let Ok(read @ 1..) = from_workspace.read(&mut buffer).await {
        if to_host.write_all(&buffer[..read]).await.is_err() {
            break;
        }
        seen.replies.send_modify(|replies| *replies += 1);
    }
    there.abort();
}
