//! A workspace that answers as its path says: for what the simulated one, which answers as Databricks does, is too good.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Larger than any buffer on the way.
pub const MANY: usize = 64 * 1024 * 1024;

/// What Bob's personal access tokens begin with there; all others are Alice's.
const BOBS: &str = "dapib0b";

/// How many pieces `/drip` sends, and how often.
pub const DRIPS: usize = 30;
const DRIP_EVERY: Duration = Duration::from_millis(100);

/// The server. It ends when this is dropped.
pub struct Upstream {
    /// Its root URL.
    pub url: String,
    seen: Arc<Seen>,
    _serving: JoinSet<()>,
}

/// What has arrived so far.
#[derive(Default)]
struct Seen {
    heads: Mutex<Vec<String>>,
    broken_off: AtomicUsize,
}

impl Upstream {
    /// Begins to listen.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let seen = Arc::<Seen>::default();
        let mut serving = JoinSet::new();
        let noted = seen.clone();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, noted.clone()));
            }
        });
        Self { url, seen, _serving: serving }
    }

    /// The heads of the requests that have arrived, as they came.
    pub fn heads(&self) -> Vec<String> {
        self.seen.heads.lock().unwrap().clone()
    }

    /// How many requests have arrived for a path.
    pub fn count(&self, path: &str) -> usize {
        self.heads().iter().filter(|head| path_of(head) == Some(path)).count()
    }

    /// How many bodies have broken off.
    pub fn broken_off(&self) -> usize {
        self.seen.broken_off.load(Ordering::SeqCst)
    }
}

/// The path of a request, without its query.
fn path_of(head: &str) -> Option<&str> {
    head.split(' ').nth(1)?.split('?').next()
}

/// What arrived of a request.
struct Arrived {
    path: String,
    head: String,
    content_length: Option<usize>,
}

async fn serve(stream: TcpStream, seen: Arc<Seen>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = head(&mut stream).await {
        seen.heads.lock().unwrap().push(request.head.clone());
        if answer(&mut stream, &request, &seen).await.is_none() {
            return;
        }
    }
}

async fn head(stream: &mut BufReader<TcpStream>) -> Option<Arrived> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let path = path_of(&head)?.to_owned();
    let lowered = head.to_ascii_lowercase();
    let length = lowered.lines().find_map(|line| line.strip_prefix("content-length: "));
    let content_length = length.and_then(|length| length.parse().ok());
    Some(Arrived { path, head, content_length })
}

/// Answers one request; none when the connection is over.
async fn answer(stream: &mut BufReader<TcpStream>, request: &Arrived, seen: &Seen) -> Option<()> {
    let json = |body: &str| {
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    let text = match request.path.as_str() {
        "/api/2.0/preview/scim/v2/Me" if request.head.contains(BOBS) => {
            json(r#"{"userName": "bob@example.com", "active": true, "id": "2"}"#)
        }
        "/api/2.0/preview/scim/v2/Me" => json(r#"{"userName": "alice@example.com", "active": true, "id": "1"}"#),
        "/echo" => json(&serde_json::to_string(&request.head).unwrap()),
        "/upload" => match received(stream, request).await {
            Some(length) => json(&length.to_string()),
            None => {
                seen.broken_off.fetch_add(1, Ordering::SeqCst);
                return None;
            }
        },
        "/stall" => std::future::pending().await,
        "/slow" => {
            tokio::time::sleep(Duration::from_millis(300)).await;
            json("\"slow\"")
        }
        "/drip" => format!("HTTP/1.1 200 OK\r\ncontent-length: {DRIPS}\r\n\r\n"),
        "/refused-in-drops" => format!("HTTP/1.1 403 Forbidden\r\ncontent-length: {DRIPS}\r\n\r\n"),
        "/cut" => "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n".to_owned(),
        "/switch" => "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n".to_owned(),
        "/two-lengths" => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 20\r\n\r\nok".to_owned(),
        "/both-framings" => {
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".to_owned()
        }
        "/large-head" => format!("HTTP/1.1 200 OK\r\nx-large: {}\r\ncontent-length: 0\r\n\r\n", "a".repeat(200_000)),
        "/much-after" => {
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged"
                .to_owned()
        }
        "/acts-on-the-origin" => "HTTP/1.1 200 OK\r\nset-cookie: session=stolen\r\nclear-site-data: \"*\"\r\n\
             content-security-policy: default-src *\r\naccess-control-allow-origin: *\r\nx-accel-redirect: /.fabric-auth\r\ncontent-length: 2\r\n\r\nok"
            .to_owned(),
        "/elsewhere" => redirect("https://evil.example/"),
        "/here" => redirect("/echo"),
        "/refused-for-another-reason" => {
            let body = format!(r#"{{"error_code":"PERMISSION_DENIED","message":"{}"}}"#, "no ".repeat(20_000));
            format!("HTTP/1.1 403 Forbidden\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        }
        "/bytes" if request.head.starts_with("HEAD ") => {
            return stream
                .write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {MANY}\r\n\r\n").as_bytes())
                .await
                .ok();
        }
        "/bytes" => format!("HTTP/1.1 200 OK\r\ncontent-length: {MANY}\r\n\r\n"),
        "/events" => {
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_owned()
        }
        "/short" => "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nten bytes.".to_owned(),
        "/garbage" => "HTTP/9 hello\r\n\r\n".to_owned(),
        // "/reset" and whatever else.
        _ => return None,
    };
    stream.write_all(text.as_bytes()).await.ok()?;
    match request.path.as_str() {
        "/bytes" => {
            let piece = vec![7; 64 * 1024];
            for _ in 0..MANY / piece.len() {
                stream.write_all(&piece).await.ok()?;
            }
        }
        "/events" => {
            for number in 0..3 {
                stream.write_all(format!("9\r\ndata: {number}\n\n\r\n").as_bytes()).await.ok()?;
                stream.flush().await.ok()?;
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            stream.write_all(b"0\r\n\r\n").await.ok()?;
        }
        "/drip" | "/refused-in-drops" => {
            for _ in 0..DRIPS {
                stream.write_all(b"x").await.ok()?;
                stream.flush().await.ok()?;
                tokio::time::sleep(DRIP_EVERY).await;
            }
        }
        "/short" | "/garbage" | "/cut" | "/two-lengths" | "/both-framings" => return None,
        _ => {}
    }
    stream.flush().await.ok()
}

fn redirect(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")
}

/// Reads a body to its end, and gives its length.
async fn received(stream: &mut BufReader<TcpStream>, request: &Arrived) -> Option<usize> {
    if let Some(length) = request.content_length {
        return discard(stream, length).await.map(|()| length);
    }
    let mut total = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let length = usize::from_str_radix(line.trim(), 16).ok()?;
        discard(stream, length + 2).await?;
        total += length;
        if length == 0 {
            return Some(total);
        }
    }
}

async fn discard(stream: &mut BufReader<TcpStream>, length: usize) -> Option<()> {
    let mut sink = tokio::io::sink();
    let copied = tokio::io::copy(&mut stream.take(length as u64), &mut sink).await.ok()?;
    (copied == length as u64).then_some(())
}
