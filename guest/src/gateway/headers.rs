//! Which headers go on: to the workspace, and back to the client.

use std::borrow::Cow;

/// A header as it came: its name in lower case, and its value.
pub type Header = (String, Vec<u8>);

/// Headers of one connection (RFC 9110 section 7.6.1), and those about its framing.
const OF_THE_CONNECTION: [&str; 12] = [
    "connection",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
];

/// What says who sends a request, where it comes from, or what it really is: that is ours to say.
const OF_THE_SENDER: [&str; 22] = [
    // What is packed cannot be looked into, and a refusal of the token must be.
    "accept-encoding",
    "authorization",
    "cf-connecting-ip",
    "cookie",
    "cookie2",
    "forwarded",
    "host",
    "origin",
    "referer",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-databricks-azure-sp-management-token",
    "x-databricks-azure-workspace-resource-id",
    "x-databricks-org-id",
    "x-databricks-workspace-id",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
];

/// What such names begin with.
const SENDER_PREFIXES: [&str; 4] = ["prophecy-", "sec-", "x-forwarded", "x-original-"];

/// What a workspace may not do to the gateway's own origin: set cookies, change policies, lead elsewhere, ask for
/// credentials.
const OF_THE_ORIGIN: [&str; 15] = [
    "alt-svc",
    "clear-site-data",
    "content-security-policy",
    "content-security-policy-report-only",
    "link",
    "location",
    "nel",
    "public-key-pins",
    "refresh",
    "report-to",
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
    "www-authenticate",
    "x-frame-options",
];

/// What commands a proxy in front of the gateway, or would seem to come from the gateway, begins with this.
const COMMAND_PREFIXES: [&str; 4] = ["access-control-", "prophecy-", "x-accel-", "x-sendfile"];

/// What answers carry in any case: nothing in them runs as a page of the gateway.
const OURS: [(&str, &str); 3] = [
    ("content-security-policy", "default-src 'none'; sandbox"),
    ("x-content-type-options", "nosniff"),
    ("vary", "authorization, prophecy-fabric, prophecy-activity, prophecy-on-behalf-of"),
];

/// What goes on to the workspace, without the credentials.
pub fn onward(headers: Vec<Header>) -> Vec<Header> {
    let named = named_by_connection(&headers);
    let goes_on = |(name, _): &Header| {
        // Some servers read an underscore as a hyphen, so a header may not hide behind one.
        let name = if name.contains('_') { Cow::Owned(name.replace('_', "-")) } else { Cow::Borrowed(name.as_str()) };
        !OF_THE_CONNECTION.contains(&&*name)
            && !OF_THE_SENDER.contains(&&*name)
            && !SENDER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            && !named.iter().any(|named| *named == *name)
    };
    headers.into_iter().filter(goes_on).collect()
}

/// The headers with at most one length of the body; none when they tell two, or none that is a number. What two readers
/// take for two lengths, they take for two requests.
pub fn one_length(headers: Vec<Header>) -> Option<Vec<Header>> {
    let is_length = |(name, _): &Header| name == "content-length";
    let Some(length) = headers.iter().find(|header| is_length(header)).cloned() else { return Some(headers) };
    let is_number = !length.1.is_empty() && length.1.iter().all(u8::is_ascii_digit);
    if !is_number || headers.iter().any(|header| is_length(header) && header.1 != length.1) {
        return None;
    }
    let mut others: Vec<Header> = headers.into_iter().filter(|header| !is_length(header)).collect();
    others.push(length);
    Some(others)
}

/// What goes back to the client. `location` is where a redirect leads, as the client is to see it.
pub fn backward(headers: Vec<Header>, location: Option<String>) -> Vec<Header> {
    let named = named_by_connection(&headers);
    let is_ours = |name: &str| OURS.iter().any(|(ours, _)| *ours == name && name != "vary");
    let goes_back = |(name, _): &Header| {
        !OF_THE_CONNECTION.contains(&name.as_str())
            && !OF_THE_ORIGIN.contains(&name.as_str())
            && !COMMAND_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            && !is_ours(name)
            && !named.contains(name)
    };
    let mut kept: Vec<Header> = headers.into_iter().filter(goes_back).collect();
    kept.extend(OURS.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())));
    // What somebody may see is not for others who ask through the same cache.
    if !kept.iter().any(|(name, _)| name == "cache-control") {
        kept.push(("cache-control".to_owned(), b"private, no-store".to_vec()));
    }
    kept.extend(location.map(|location| ("location".to_owned(), location.into_bytes())));
    kept
}

/// Where a redirect of the workspace leads, as a path of the gateway; none for one that leads elsewhere.
pub fn location_of(value: &[u8], workspace_url: &str) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    let path = match text.strip_prefix(workspace_url) {
        Some("") => "/",
        Some(path) => path,
        None => text,
    };
    let is_path = path.starts_with('/') && !path.starts_with("//") && path.bytes().all(|byte| byte.is_ascii_graphic());
    // Below this the gateway's host answers itself.
    let is_ours = path.starts_with("/.prophecy");
    (is_path && !is_ours && !path.contains('\\')).then(|| path.to_owned())
}

/// Names that a `connection` header gives to others, so that they go no further than it. Not every host shows that header.
fn named_by_connection(headers: &[Header]) -> Vec<String> {
    let lines = headers.iter().filter(|(name, _)| name == "connection");
    let texts = lines.filter_map(|(_, value)| std::str::from_utf8(value).ok());
    texts.flat_map(|text| text.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&str, &str)]) -> Vec<Header> {
        list.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
    }

    fn names(headers: &[Header]) -> Vec<&str> {
        headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn nobody_says_from_outside_who_they_are() {
        let sent = headers(&[
            ("accept", "application/json"),
            ("authorization", "Bearer forged"),
            ("cookie", "session=1"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x_forwarded_for", "10.0.0.1"),
            ("x-forwarded_user", "root"),
            ("x-forwarded", "for=10.0.0.1"),
            ("prophecy-ticket", "1"),
            ("prophecy_ticket", "1"),
            ("x-databricks-org-id", "9"),
            ("x_databricks_workspace_id", "9"),
            ("x-http-method-override", "DELETE"),
            ("x-original-url", "/oidc/v1/token"),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/json"),
            ("user-agent", "databricks-sdk-py"),
        ]);
        assert_eq!(names(&onward(sent)), ["accept", "content-type", "user-agent"]);
    }

    #[test]
    fn headers_of_one_connection_go_no_further_than_it() {
        let sent = headers(&[
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("expect", "100-continue"),
            ("proxy-authorization", "Basic x"),
            ("content-length", "5"),
        ]);
        assert_eq!(names(&onward(sent.clone())), ["content-length"]);
        let back = backward(sent, None);
        assert!(!names(&back).contains(&"x-hop") && names(&back).contains(&"content-length"));
    }

    #[test]
    fn nothing_that_comes_back_acts_on_the_gateways_own_origin() {
        let reply = headers(&[
            ("content-type", "text/html"),
            ("set-cookie", "session=stolen"),
            ("content-security-policy", "default-src *"),
            ("x-content-type-options", "sniff"),
            ("clear-site-data", "\"*\""),
            ("location", "https://evil.example/"),
            ("refresh", "0;url=https://evil.example/"),
            ("access-control-allow-origin", "*"),
            ("x-accel-redirect", "/internal"),
            ("x-sendfile", "/etc/passwd"),
            ("prophecy-workspace-url", "https://evil.example"),
            ("strict-transport-security", "max-age=1"),
            ("www-authenticate", "Basic"),
            ("x-request-id", "1"),
        ]);
        let back = backward(reply, None);
        let expected = [
            "content-type",
            "x-request-id",
            "content-security-policy",
            "x-content-type-options",
            "vary",
            "cache-control",
        ];
        assert_eq!(names(&back), expected);
        assert!(back.contains(&("x-content-type-options".to_owned(), b"nosniff".to_vec())));
    }

    #[test]
    fn a_body_has_one_length_or_the_message_is_refused() {
        let lengths = |values: &[&str]| {
            let sent: Vec<(&str, &str)> = values.iter().map(|value| ("content-length", *value)).collect();
            one_length(headers(&[&[("accept", "*/*")], sent.as_slice()].concat()))
        };
        assert_eq!(lengths(&[]), Some(headers(&[("accept", "*/*")])));
        for values in [&["5"][..], &["5", "5"]] {
            assert_eq!(lengths(values), Some(headers(&[("accept", "*/*"), ("content-length", "5")])));
        }
        for values in [&["5", "6"][..], &["5, 5"], &["+5"], &["0x5"], &[""], &["5", ""], &["-1"]] {
            assert_eq!(lengths(values), None, "{values:?}");
        }
    }

    #[test]
    fn what_the_workspace_says_of_caching_stays() {
        let back = backward(headers(&[("cache-control", "max-age=5"), ("vary", "accept")]), Some("/x".to_owned()));
        assert_eq!(back.iter().filter(|(name, _)| name == "cache-control").count(), 1);
        assert_eq!(back.iter().filter(|(name, _)| name == "vary").count(), 2);
        assert_eq!(back.last(), Some(&("location".to_owned(), b"/x".to_vec())));
    }

    #[test]
    fn redirects_lead_to_the_gateway_or_nowhere() {
        let root = "https://dbc.cloud.databricks.com";
        for (value, path) in [
            ("/api/2.0/x?y=1", Some("/api/2.0/x?y=1")),
            ("https://dbc.cloud.databricks.com/api", Some("/api")),
            ("https://dbc.cloud.databricks.com", Some("/")),
            ("https://dbc.cloud.databricks.com.evil.example/", None),
            ("https://dbc.cloud.databricks.com@evil.example/", None),
            ("https://evil.example/", None),
            ("//evil.example/", None),
            ("/.prophecy/forward-auth", None),
            ("/\\evil.example", None),
            ("api", None),
            ("", None),
            ("/a\r\nset-cookie: x", None),
        ] {
            assert_eq!(location_of(value.as_bytes(), root).as_deref(), path, "{value}");
        }
    }
}
