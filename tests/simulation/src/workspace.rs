//! The simulated workspace: what it does with a request, and what becomes of request and reply on the way.

use std::collections::BTreeMap;
use std::time::Duration;

use fabric_auth_guest::ports::{HttpMethod, HttpRequest, HttpResponse};
use futures::channel::oneshot;
use serde_json::json;
use zeroize::Zeroizing;

use crate::books::{Books, Issue, Refusal};
use crate::clock::true_unix_seconds;
use crate::faults::Fault;
use crate::invariants::exchange::Meaning;
use crate::nemesis;
use crate::network::Reply;
use crate::ports::SimulatedPorts;
use crate::settings::ExpiresIn;
use crate::world::World;

pub(crate) const ROOT: &str = "https://dbc-5133.cloud.databricks.com";

/// Longer than anybody waits for a reply.
const NEVER: Duration = Duration::from_secs(120);

/// Receives a request, acts on it, replies; or something goes wrong.
pub(crate) async fn serve(
    ports: SimulatedPorts,
    request: HttpRequest,
    exchange: Option<u64>,
    answer: oneshot::Sender<Reply>,
) {
    let world = ports.world.clone();
    world.timers.sleep(world.latency()).await;
    if request.method == HttpMethod::Get {
        let response = get(&world, &request);
        world.timers.sleep(world.latency()).await;
        let _ = answer.send(Reply { response, meaning: Meaning::Other });
        return;
    }
    let form = form(&request);
    let is_refresh = form.get("grant_type").is_some_and(|kind| kind == "refresh_token");
    // Codes are never kept anywhere, so there is less to find out about them.
    let fault = world.token_fault(if is_refresh { 0.02 } else { 0.005 });
    if let Some(Fault::RequestLate) = fault {
        world.timers.sleep(world.rng.millis(500, 20_000)).await;
    }
    if let Some(reply) = instead(&world, fault) {
        world.monitor.not_processed(&world, exchange);
        match reply {
            Instead::Lost => world.timers.sleep(NEVER).await,
            Instead::HungUp => {}
            Instead::Reply(reply) => _ = answer.send(reply),
        }
        return;
    }
    let result = match is_refresh {
        true => world.books.refresh(&form, &world.settings, &world.rng, world.now()),
        false => world.books.exchange_code(&form, &world.settings, &world.rng, world.now()),
    };
    world.trace.note(world.now(), Some(ports.host), || {
        format!(
            "Databricks acted on exchange {exchange:?}: {}",
            result.as_ref().map_or_else(|refusal| format!("{refusal:?}"), |_| "success".to_owned())
        )
    });
    world.monitor.processed(&world, exchange, &result);
    if exchange.is_some() && result.is_ok() {
        nemesis::acted_on(&world, ports.host);
    }
    let reply = match result {
        Ok(issue) => success(&world, &issue),
        Err(refusal) => refused(&world, refusal),
    };
    deliver(&world, fault, reply, answer).await;
}

/// The way of the reply.
async fn deliver(world: &World, fault: Option<Fault>, reply: Reply, answer: oneshot::Sender<Reply>) {
    let spoilt = |response| Reply { response, meaning: Meaning::Unusable };
    world.timers.sleep(world.latency()).await;
    let reply = match fault {
        Some(Fault::HungUpAfter) => return,
        Some(Fault::ReplyLost) => {
            world.timers.sleep(NEVER).await;
            return;
        }
        Some(Fault::ReplyLate) => {
            world.timers.sleep(world.rng.millis(500, 40_000)).await;
            reply
        }
        Some(Fault::PageAfter) => spoilt(page(*world.rng.pick(&[500, 502, 503, 504]))),
        Some(Fault::GatewayUnavailable) => spoilt(json_response(503, &json!({ "message": "upstream unavailable" }))),
        Some(Fault::NoTokenAfter) => spoilt(no_token(world)),
        _ => reply,
    };
    let _ = answer.send(reply);
}

enum Instead {
    Lost,
    HungUp,
    Reply(Reply),
}

/// What happens in place of acting on a token request.
fn instead(world: &World, fault: Option<Fault>) -> Option<Instead> {
    let unusable = |response| Some(Instead::Reply(Reply { response, meaning: Meaning::Unusable }));
    let unprocessed = |response| Some(Instead::Reply(Reply { response, meaning: Meaning::Unprocessed }));
    match fault? {
        Fault::RequestLost => Some(Instead::Lost),
        Fault::HungUpBefore => Some(Instead::HungUp),
        Fault::PageBefore => unusable(page(*world.rng.pick(&[500, 502, 503, 504]))),
        Fault::NoTokenBefore => unusable(no_token(world)),
        Fault::Throttled => {
            let body =
                json!({ "error_code": "REQUEST_LIMIT_EXCEEDED", "message": "Too many requests. Try again later." });
            unprocessed(with_retry_after(world, json_response(429, &body)))
        }
        Fault::Unavailable => {
            let body = match world.rng.chance(0.5) {
                true => json!({ "error": "temporarily_unavailable", "error_description": "Try again later" }),
                false => json!({ "error_code": "TEMPORARILY_UNAVAILABLE", "message": "Try again later." }),
            };
            unprocessed(with_retry_after(world, json_response(503, &body)))
        }
        _ => None,
    }
}

impl World {
    /// What goes wrong with a token request, each kind with such a probability.
    fn token_fault(&self, probability: f64) -> Option<Fault> {
        const KINDS: [Fault; 14] = [
            Fault::RequestLost,
            Fault::HungUpBefore,
            Fault::HungUpAfter,
            Fault::ReplyLost,
            Fault::RequestLate,
            Fault::ReplyLate,
            Fault::Throttled,
            Fault::Unavailable,
            Fault::GatewayUnavailable,
            Fault::PageBefore,
            Fault::PageAfter,
            Fault::NoTokenBefore,
            Fault::NoTokenAfter,
            Fault::ReplyLate,
        ];
        if self.databricks_slow_until.get() > self.now() && self.rng.chance(0.7) {
            let kind = *self.rng.pick(&[Fault::RequestLost, Fault::ReplyLost, Fault::RequestLate, Fault::ReplyLate]);
            self.faults.count(kind);
            self.trace.note(self.now(), None, || format!("fault: {kind:?}"));
            return Some(kind);
        }
        let kind = *self.rng.pick(&KINDS);
        self.strikes(probability * KINDS.len() as f64, kind).then_some(kind)
    }
}

fn form(request: &HttpRequest) -> BTreeMap<String, String> {
    form_urlencoded::parse(&request.body).into_owned().collect()
}

fn success(world: &World, issue: &Issue) -> Reply {
    let mut body = json!({
        "access_token": issue.access_token,
        "token_type": "Bearer",
        "scope": "all-apis email offline_access openid profile",
    });
    let seconds = world.settings.life.as_secs();
    match world.settings.expires_in {
        ExpiresIn::Number => body["expires_in"] = seconds.into(),
        ExpiresIn::Text => body["expires_in"] = seconds.to_string().into(),
        ExpiresIn::Absent => {}
    }
    if let Some(refresh_token) = &issue.refresh_token {
        body["refresh_token"] = refresh_token.clone().into();
    }
    Reply { response: json_response(200, &body), meaning: Meaning::Success }
}

fn refused(world: &World, refusal: Refusal) -> Reply {
    let body = |code: &str, text: &str| json!({ "error": code, "error_description": text });
    let (status, body, meaning) = match refusal {
        Refusal::InvalidClient => {
            world.faults.count(Fault::InvalidClient);
            (401, body("invalid_client", "Client authentication failed"), Meaning::InvalidClient)
        }
        Refusal::DeadRefreshToken => {
            let code = *world.rng.pick(&["invalid_request", "invalid_grant"]);
            (401, body(code, "Refresh token is invalid"), Meaning::Dead)
        }
        Refusal::Code => (400, body("invalid_grant", "Authorization code is invalid"), Meaning::Other),
    };
    Reply { response: json_response(status, &body), meaning }
}

/// Metadata and who-am-I.
fn get(world: &World, request: &HttpRequest) -> HttpResponse {
    if world.strikes(0.005, Fault::PageBefore) {
        return page(502);
    }
    let issuer = format!("{ROOT}/oidc");
    if request.url.ends_with("/.well-known/databricks-config") {
        return json_response(
            200,
            &json!({ "oidc_endpoint": issuer, "workspace_id": "5133", "host_type": "workspace" }),
        );
    }
    if request.url.ends_with("/.well-known/oauth-authorization-server") {
        let document = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/v1/authorize"),
            "token_endpoint": format!("{issuer}/v1/token"),
            "code_challenge_methods_supported": ["S256"],
        });
        return json_response(200, &document);
    }
    let bearer = request.headers.iter().find(|(name, _)| *name == "authorization");
    let token = bearer.and_then(|(_, value)| value.strip_prefix("Bearer ")).unwrap_or_default();
    match world.books.bearer(token, world.now()) {
        Some(user) => {
            json_response(200, &json!({ "id": format!("scim-{user}"), "userName": format!("{user}@example.com") }))
        }
        None => json_response(403, &json!({ "error_code": 403, "message": "Invalid access token." })),
    }
}

fn json_response(status: u16, body: &serde_json::Value) -> HttpResponse {
    response(status, "application/json", body.to_string())
}

fn page(status: u16) -> HttpResponse {
    response(status, "text/html", format!("<html>\n<head><title>{status} Gateway Error</title></head>\n</html>\n"))
}

fn no_token(world: &World) -> HttpResponse {
    match world.rng.chance(0.5) {
        true => response(200, "application/json", "<!doctype html><title>Sign in</title>".to_owned()),
        false => json_response(200, &json!({ "token_type": "Bearer", "expires_in": 3600 })),
    }
}

fn response(status: u16, content_type: &str, body: String) -> HttpResponse {
    HttpResponse {
        status,
        content_type: Some(content_type.to_owned()),
        location: None,
        retry_after: None,
        date: None,
        body: Zeroizing::new(body.into_bytes()),
    }
}

/// `Retry-After` as seconds, as a date with and without `Date`, or not at all.
fn with_retry_after(world: &World, mut response: HttpResponse) -> HttpResponse {
    let now = true_unix_seconds(world.now());
    let date = |seconds| httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(seconds));
    let seconds = world.rng.from(1, 90) as u64;
    match world.rng.below(4) {
        0 => {}
        1 => response.retry_after = Some(seconds.to_string()),
        2 => {
            response.retry_after = Some(date(now + seconds));
            response.date = Some(date(now));
        }
        _ => response.retry_after = Some(date(now + seconds)),
    }
    response
}

/// A client secret is exchanged for a new one at Databricks.
pub(crate) fn change_client_secret(world: &World, keep_old: bool) -> String {
    let secret = Books::secret(&world.rng, "dose");
    let mut taken = world.books.client_secrets.borrow_mut();
    if !keep_old {
        taken.clear();
    }
    taken.push(secret.clone());
    secret
}
