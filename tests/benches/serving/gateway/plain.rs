//! A reverse proxy of the parts that our host's HTTP is made of (tokio, hyper and its pool of connections), without a
//! component and without anything that the gateway does. What it loses to nginx, no gateway on these parts can win back;
//! what the gateway loses to it is the price of the sandbox and of what is decided there.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Uri};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

/// It in a process of its own, which ends when this is dropped.
pub struct PlainProxy {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
}

impl PlainProxy {
    /// Starts it in front of a workspace.
    pub fn start(workspace: SocketAddr) -> Self {
        let mut command = Command::new(env::current_exe().expect("this program"));
        command.args(["--plain-proxy", &workspace.to_string()]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a process");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        Self { address: line.trim().parse().expect("an address"), child }
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for PlainProxy {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What that process does: says where it listens, and sends on until it is killed.
pub async fn run(workspace: SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Incoming> = Client::builder(TokioExecutor::new()).build(connector);
    let authority: Authority = workspace.to_string().parse().expect("an authority");
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).expect("a socket");
        let (client, authority) = (client.clone(), authority.clone());
        // Where there is no reply, the connection ends, which the client notices.
        let sending = service_fn(move |request| client.request(addressed(request, authority.clone())));
        // A client may leave at any time.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), sending));
    }
}

fn addressed(mut request: Request<Incoming>, authority: Authority) -> Request<Incoming> {
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let uri = Uri::builder().scheme(Scheme::HTTP).authority(authority).path_and_query(path).build();
    *request.uri_mut() = uri.expect("the address of a workspace");
    request
}
