//! A workspace on loopback that follows a script: each request must be the next one, and gets the reply beside it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Request as HttpRequest, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

use super::comparison::{Arrived, Mismatch, compare_request};
use super::exchange::{Answer, Reply};
use super::known_values::KnownValues;
use super::scripted_body::ScriptedBody;
use super::standard::Scripted;

/// Nothing that the component sends is longer.
const LONGEST_REQUEST: usize = 1024 * 1024;

/// The workspace. Its connections end when it is dropped.
pub(super) struct ScriptedWorkspace {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    accepting: Option<AbortHandle>,
}

/// What is to come, and what came otherwise.
#[derive(Default)]
struct Script {
    /// Answered as often as it is asked.
    standing: Vec<Scripted>,
    expected: VecDeque<Scripted>,
    known: KnownValues,
    mismatch: Option<Mismatch>,
    /// How many of the expected requests have arrived.
    arrived: usize,
    /// How many of them wait for an answer that never comes.
    unanswered: usize,
}

impl ScriptedWorkspace {
    /// A workspace on a free port.
    pub(super) async fn open() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let mut workspace = Self { address: listener.local_addr()?, script: Arc::default(), accepting: None };
        workspace.listen(listener);
        Ok(workspace)
    }

    /// Its root URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Refuses connections from now on, and ends those there are.
    pub(super) async fn close(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            // The listener goes with its task, which ends when it is next looked at.
            while !accepting.is_finished() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    /// Takes connections again, at the same place.
    pub(super) async fn reopen(&mut self) -> io::Result<()> {
        if self.accepting.is_none() {
            let listener = TcpListener::bind(self.address).await?;
            self.listen(listener);
        }
        Ok(())
    }

    /// Answers these from now on, as often as they are asked.
    pub(super) fn stand(&self, standing: Vec<Scripted>) {
        self.script().standing = standing;
    }

    /// Expects these next, in this order.
    pub(super) fn expect(&self, exchanges: Vec<Scripted>, known: KnownValues) {
        let mut script = self.script();
        *script = Script { standing: std::mem::take(&mut script.standing), ..Script::default() };
        script.expected = exchanges.into();
        script.known = known;
    }

    /// How many of the expected requests have arrived.
    pub(super) fn arrived(&self) -> usize {
        self.script().arrived
    }

    /// Whether a request waits for an answer that never comes.
    pub(super) fn leaves_unanswered(&self) -> bool {
        self.script().unanswered > 0
    }

    /// Whether everything was asked that was expected, and nothing else.
    pub(super) fn verdict(&self) -> Result<(), Mismatch> {
        let mut script = self.script();
        if let Some(mismatch) = script.mismatch.take() {
            return Err(mismatch);
        }
        match script.expected.front() {
            Some(next) => {
                let next = format!("{} {}", next.request.method, next.request.path);
                Err(Mismatch::new("exchange", format!("request {}: {next}", script.arrived + 1), "no such request"))
            }
            None => Ok(()),
        }
    }

    fn listen(&mut self, listener: TcpListener) {
        self.accepting = Some(tokio::spawn(accept(listener, self.script.clone())).abort_handle());
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        lock(&self.script)
    }
}

impl Drop for ScriptedWorkspace {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, script: Arc<Mutex<Script>>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                // Replies are small; waiting to fill a segment would only take time.
                let _ = stream.set_nodelay(true);
                let script = script.clone();
                connections.spawn(async move {
                    let service = service_fn(|request| answer(script.clone(), request));
                    // An error here is the host's leaving, or a break that the script wants.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn answer(
    script: Arc<Mutex<Script>>,
    request: HttpRequest<Incoming>,
) -> Result<Response<ScriptedBody>, io::Error> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, LONGEST_REQUEST).collect().await.map_err(io::Error::other)?;
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let arrived = Arrived {
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: headers.collect(),
        body: body.to_bytes().to_vec(),
    };
    let (reply, known) = lock(&script).next(&arrived);
    match reply {
        Some(Reply::Answer(answer)) => Ok(response(&answer, &known).unwrap_or_else(|reason| {
            lock(&script).mismatch = Some(Mismatch::of_case(reason));
            refusal()
        })),
        Some(Reply::HangUp) => Err(io::Error::other("hung up on purpose")),
        Some(Reply::NoAnswer) => std::future::pending::<Result<_, Infallible>>().await.map_err(|never| match never {}),
        None => Ok(refusal()),
    }
}

impl Script {
    /// What is replied to a request: nothing to one that should not have come.
    fn next(&mut self, arrived: &Arrived) -> (Option<Reply>, KnownValues) {
        let known = self.known.clone();
        let expected = match self.expected.front() {
            Some(next) => match compare_request(&next.request, arrived, &known) {
                Ok(()) => {
                    let reply = self.expected.pop_front().map(|next| next.reply);
                    self.arrived += 1;
                    self.unanswered += usize::from(matches!(reply, Some(Reply::NoAnswer)));
                    return (reply, known);
                }
                Err(expected) => format!("request {}: {expected}", self.arrived + 1),
            },
            None => "no further request".to_owned(),
        };
        let standing = self.standing.iter().find(|each| compare_request(&each.request, arrived, &known).is_ok());
        if let Some(standing) = standing {
            return (Some(standing.reply.clone()), known);
        }
        // The first one tells most; what follows may be its consequence.
        self.mismatch.get_or_insert_with(|| Mismatch::new("exchange", expected, arrived.to_string()));
        (None, known)
    }
}

fn response(answer: &Answer, known: &KnownValues) -> Result<Response<ScriptedBody>, String> {
    let body = answer.body.bytes(|value| known.fill_json(value))?;
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, known.fill(value)?);
    }
    let body = if answer.cut_off { ScriptedBody::cut_off(body) } else { ScriptedBody::whole(body) };
    response.body(body).map_err(|error| format!("a reply cannot be sent: {error}"))
}

/// For what no script foresees.
fn refusal() -> Response<ScriptedBody> {
    let mut refusal = Response::new(ScriptedBody::whole(Vec::new()));
    *refusal.status_mut() = StatusCode::NOT_IMPLEMENTED;
    refusal
}
