//! The pages that end a sign-in in the browser: no script, no style, nothing from elsewhere.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;

/// What is told in the browser.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// The status to send it with.
    pub(super) status: StatusCode,
    /// One line.
    pub(super) title: &'static str,
    /// One paragraph, as text.
    pub(super) message: String,
}

/// Every answer carries these: it is not kept, loads nothing, is not framed, and tells nobody its address.
const HEADERS: [(HeaderName, &str); 4] = [
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

impl Page {
    /// The page as an answer.
    pub(super) fn response(&self) -> Response<Full<Bytes>> {
        let (title, message) = (self.title, escape(&self.message));
        let html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title} - fabric-auth</title>\n<h1>{title}</h1>\n<p>{message}</p>\n</html>\n"
        );
        let mut response = guarded(self.status, Full::from(html));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        response
    }
}

/// Sends the browser on, so that what stood in the query no longer stands in its address bar.
pub(super) fn redirect_to(path: &'static str) -> Response<Full<Bytes>> {
    let mut response = guarded(StatusCode::SEE_OTHER, Full::default());
    response.headers_mut().insert(LOCATION, HeaderValue::from_static(path));
    response
}

/// An answer without a page.
pub(super) fn bare(status: StatusCode) -> Response<Full<Bytes>> {
    guarded(status, Full::default())
}

fn guarded(status: StatusCode, body: Full<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Text as HTML (the message may hold what a peer has said).
fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_message_cannot_become_markup() {
        let message = "<script>\"'&".to_owned();
        let response = Page { status: StatusCode::OK, title: "Title", message }.response();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let html = String::from_utf8(body.to_vec()).unwrap();
        assert!(html.contains("<p>&lt;script&gt;&quot;&#39;&amp;</p>"), "{html}");
    }
}
