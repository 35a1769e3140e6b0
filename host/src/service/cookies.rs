//! The cookies of the console.
//!
//! Where browsers find the service by https, every cookie is `Secure` and its name begins with `__Host-`: it is sent to
//! this host alone, and no other host of the domain can set it. Over plain http, which is for this machine only, browsers
//! do not agree on `Secure` cookies, so they have neither. `SameSite` is `Lax`, since Databricks sends the browser back to
//! us from another site, with the session and the secret of that sign-in; what changes anything is protected by forms.

use std::time::Duration;

use cookie::{Cookie, SameSite, time};
use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

use super::access::SessionSecret;
use super::state::Origin;

/// How long a sign-in may take, as the component has it.
const SIGN_IN_LIFE: Duration = Duration::from_secs(600);

/// The name of the session's cookie.
pub(super) fn session_name(origin: &Origin) -> &'static str {
    if origin.is_https() { "__Host-fabric_auth_session" } else { "fabric_auth_session" }
}

/// The cookie of a session.
pub(super) fn session(origin: &Origin, secret: &SessionSecret, life: Duration) -> Option<HeaderValue> {
    header(origin, session_name(origin).to_owned(), secret.expose(), life)
}

/// Takes the session's cookie from the browser.
pub(super) fn no_session(origin: &Origin) -> Option<HeaderValue> {
    header(origin, session_name(origin).to_owned(), "", Duration::ZERO)
}

/// The name of the cookie of one sign-in; `sign_in` names it, by a digest of its `state`.
pub(super) fn sign_in_name(origin: &Origin, sign_in: &str) -> String {
    let prefix = if origin.is_https() { "__Host-" } else { "" };
    format!("{prefix}fabric_auth_sign_in_{sign_in}")
}

/// The cookie that ties a sign-in to the browser that began it (RFC 9700 section 4.7).
pub(super) fn sign_in(origin: &Origin, sign_in: &str, binding: &SecretString) -> Option<HeaderValue> {
    header(origin, sign_in_name(origin, sign_in), binding.expose_secret(), SIGN_IN_LIFE)
}

/// Takes the cookie of a sign-in from the browser.
pub(super) fn no_sign_in(origin: &Origin, sign_in: &str) -> Option<HeaderValue> {
    header(origin, sign_in_name(origin, sign_in), "", Duration::ZERO)
}

fn header(origin: &Origin, name: String, value: &str, life: Duration) -> Option<HeaderValue> {
    let cookie = Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(origin.is_https())
        .max_age(time::Duration::try_from(life).ok()?);
    let mut header = HeaderValue::try_from(cookie.to_string()).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_out_of_reach_of_scripts_other_hosts_and_plain_http() {
        let origin = Origin::of("https://prophecy.example.com").unwrap();
        let cookie = sign_in(&origin, "1a2b", &"binding".into()).unwrap();
        assert_eq!(
            cookie.to_str().unwrap(),
            "__Host-fabric_auth_sign_in_1a2b=binding; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=600"
        );
        assert!(cookie.is_sensitive());
    }

    #[test]
    fn on_this_machine_cookies_do_without_https() {
        let origin = Origin::of("http://localhost:8020").unwrap();
        let cookie = sign_in(&origin, "1a2b", &"binding".into()).unwrap();
        assert_eq!(
            cookie.to_str().unwrap(),
            "fabric_auth_sign_in_1a2b=binding; HttpOnly; SameSite=Lax; Path=/; Max-Age=600"
        );
    }

    #[test]
    fn a_cookie_is_taken_back_by_name() {
        let origin = Origin::of("http://localhost:8020").unwrap();
        assert!(no_session(&origin).unwrap().to_str().unwrap().ends_with("; Max-Age=0"));
    }
}
