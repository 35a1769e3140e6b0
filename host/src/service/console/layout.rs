//! What every page of the console is made of.

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse as _, Response};
use futures::stream::{self, Stream, StreamExt as _};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, html};
use secrecy::ExposeSecret as _;

use crate::service::access::SessionSecret;
use crate::service::extractors::{ConsoleUser, FORM_TOKEN};
use crate::service::transport::CONSOLE_POLICY;

/// The parts of the console, as its navigation has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// What needs attention, and when.
    Overview,
    /// Fabrics, and Test Connection.
    Fabrics,
    /// Choosing a fabric in an editor, and what a job on it would run as.
    Editors,
    /// Who is signed in to Databricks.
    People,
    /// The audit journal.
    Journal,
    /// Admin Settings > Security.
    Security,
    /// Admin Settings > Keys.
    Keys,
}

/// Each place with its name, its path, and whether it is for cluster admins alone.
const PLACES: [(Place, &str, &str, bool); 7] = [
    (Place::Overview, "Overview", "/", false),
    (Place::Fabrics, "Fabrics", "/fabrics", false),
    (Place::Editors, "Editors", "/editors", false),
    (Place::People, "People", "/people", true),
    (Place::Journal, "Journal", "/journal", true),
    (Place::Security, "Security", "/admin/security", true),
    (Place::Keys, "Keys", "/admin/keys", true),
];

/// Where the content that is still to come will stand.
const TO_COME: &str = "<!-- to come -->";

/// A page for somebody who has a session.
pub(super) fn page(user: &ConsoleUser, place: Place, title: &str, content: &Markup) -> Response {
    page_with(StatusCode::OK, user, place, title, content)
}

/// The same with another status than 200.
pub(super) fn page_with(
    status: StatusCode,
    user: &ConsoleUser,
    place: Place,
    title: &str,
    content: &Markup,
) -> Response {
    document(status, &framed(user, place, title, content))
}

/// A page that grows while something is done: `before` at once, then each part as it comes. It needs no script.
pub(super) fn growing_page(
    user: &ConsoleUser,
    place: Place,
    title: &str,
    before: &Markup,
    parts: impl Stream<Item = Markup> + Send + 'static,
) -> Response {
    let content = html! { (before) (maud::PreEscaped(TO_COME)) };
    let whole = framed(user, place, title, &content).into_string();
    let (head, foot) = whole.split_once(TO_COME).unwrap_or((&whole, ""));
    let head = stream::iter([maud::PreEscaped(head.to_owned())]);
    let foot = stream::iter([maud::PreEscaped(foot.to_owned())]);
    growing(head.chain(parts).chain(foot))
}

/// An answer that grows, for a page that is there already.
pub(super) fn growing(parts: impl Stream<Item = Markup> + Send + 'static) -> Response {
    let body = Body::from_stream(parts.map(|part| Ok::<_, std::convert::Infallible>(Bytes::from(part.into_string()))));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, CONSOLE_POLICY),
        // A reverse proxy would else hold it back until it is whole.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, body).into_response()
}

/// A page for whoever comes.
pub(super) fn bare_page(status: StatusCode, title: &str, content: &Markup) -> Response {
    let body = html! { main .alone #content { h1 { (title) } div .card { (content) } } };
    document(status, &whole(title, &body))
}

/// A page that asks for one thing, in front of everything else.
pub(super) fn prompt_page(title: &str, content: &Markup) -> Response {
    let body = html! { main #content { section .prompt aria-labelledby="asks" { h1 #asks { (title) } (content) } } };
    document(StatusCode::OK, &whole(title, &body))
}

/// What a form carries to show that it is of this session.
pub(super) fn form_token(session: &SessionSecret) -> Markup {
    html! { input type="hidden" name=(FORM_TOKEN) value=(session.form_token().expose_secret()); }
}

fn framed(user: &ConsoleUser, place: Place, title: &str, content: &Markup) -> Markup {
    let shown = PLACES.iter().filter(|(.., for_admins)| user.user.cluster_admin || !for_admins);
    let body = html! {
        a .skip href="#content" { "To the content" }
        header {
            nav aria-label="Console" {
                a .brand href="/" { "fabric-auth" }
                @for (known, name, path, _) in shown {
                    a href=(path) aria-current=[(*known == place).then_some("page")] { (name) }
                }
                form method="post" action="/sign-out" {
                    (form_token(&user.session))
                    span { (user.user.name) }
                    button type="submit" .link { "Sign out" }
                }
            }
        }
        main #content { h1 { (title) } (content) }
    };
    whole(title, &body)
}

fn whole(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · fabric-auth" }
                link rel="icon" href="/assets/icon.svg";
                link rel="stylesheet" href="/assets/console.css";
                script src="/assets/console.js" defer {}
            }
            body { (body) }
        }
    }
}

fn document(status: StatusCode, whole: &Markup) -> Response {
    (status, [(CONTENT_SECURITY_POLICY, CONSOLE_POLICY)], whole.clone()).into_response()
}
