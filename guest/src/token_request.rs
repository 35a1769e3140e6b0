//! Token requests: the three grants Databricks takes (RFC 6749 sections 4.1.3, 4.4.2 and 6), as forms.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::exchange::{CONNECT_DEADLINE, SMALL_REPLY};
use crate::ports::{HttpMethod, HttpRequest};
use crate::secret::{AuthorizationCode, ClientSecret, CodeVerifier, RefreshToken};

/// What `application/x-www-form-urlencoded` leaves as it is.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// The client that asks.
pub struct Client<'a> {
    /// Client id.
    pub id: &'a str,
    /// Client secret; none for a public client.
    pub secret: Option<&'a ClientSecret>,
}

/// Exchanges a code. Client credentials stand in the body, as in Databricks' own clients; there is one method only.
pub fn authorization_code(
    token_endpoint: &str,
    client: &Client<'_>,
    code: &AuthorizationCode,
    redirect_url: &str,
    code_verifier: &CodeVerifier,
) -> HttpRequest {
    let mut form = Form::new("authorization_code");
    form.add("code", code.expose());
    form.add("redirect_uri", redirect_url);
    form.add("code_verifier", code_verifier.expose());
    form.client(client);
    spending(token_endpoint, form)
}

/// Refreshes. Neither scope nor redirect URL is sent: the grant's own hold.
pub fn refresh_token(token_endpoint: &str, client: &Client<'_>, refresh_token: &RefreshToken) -> HttpRequest {
    let mut form = Form::new("refresh_token");
    form.add("refresh_token", refresh_token.expose());
    form.client(client);
    spending(token_endpoint, form)
}

/// Asks as the service principal itself, authenticated by HTTP Basic with id and secret form-encoded first (RFC 6749
/// section 2.3.1). Nothing is spent by it: it may be sent again.
pub fn client_credentials(token_endpoint: &str, id: &str, secret: &ClientSecret, scopes: &[String]) -> HttpRequest {
    let mut form = Form::new("client_credentials");
    form.add("scope", &scopes.join(" "));
    let pair = Zeroizing::new(format!("{}:{}", encode(id), *Zeroizing::new(encode(secret.expose()))));
    let basic = Zeroizing::new(format!("Basic {}", *Zeroizing::new(STANDARD.encode(pair.as_bytes()))));
    HttpRequest { spends: None, ..spending(token_endpoint, form) }.header("authorization", basic)
}

/// Revokes a refresh token (RFC 7009 section 2.1). Sending it again does no harm.
pub fn revocation(revocation_endpoint: &str, client: &Client<'_>, refresh_token: &RefreshToken) -> HttpRequest {
    let mut form = Form(Zeroizing::new(Vec::with_capacity(FORM_CAPACITY)));
    form.add("token", refresh_token.expose());
    form.add("token_type_hint", "refresh_token");
    form.client(client);
    HttpRequest { spends: None, ..spending(revocation_endpoint, form) }
}

fn spending(token_endpoint: &str, form: Form) -> HttpRequest {
    HttpRequest {
        method: HttpMethod::Post,
        url: token_endpoint.to_owned(),
        headers: vec![
            ("accept", Zeroizing::new("application/json".to_owned())),
            ("content-type", Zeroizing::new("application/x-www-form-urlencoded".to_owned())),
        ],
        body: form.0,
        spends: Some(CONNECT_DEADLINE),
        reply_limit: SMALL_REPLY,
    }
}

/// A form is made large enough at once, since growing would leave copies of secrets behind: the longest tokens that
/// are accepted, percent-encoded, and room for the rest.
const FORM_CAPACITY: usize = 64 * 1024;

/// A form that is zeroed.
struct Form(Zeroizing<Vec<u8>>);

impl Form {
    fn new(grant_type: &str) -> Self {
        let mut form = Self(Zeroizing::new(Vec::with_capacity(FORM_CAPACITY)));
        form.add("grant_type", grant_type);
        form
    }

    fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push(b'&');
        }
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'=');
        for piece in utf8_percent_encode(value, FORM) {
            self.0.extend_from_slice(piece.as_bytes());
        }
    }

    fn client(&mut self, client: &Client<'_>) {
        self.add("client_id", client.id);
        if let Some(secret) = client.secret {
            self.add("client_secret", secret.expose());
        }
    }
}

fn encode(value: &str) -> String {
    utf8_percent_encode(value, FORM).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(request: &HttpRequest) -> String {
        String::from_utf8(request.body.to_vec()).unwrap()
    }

    fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
        request.headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.as_str())
    }

    /// PB-053, PB-165.
    #[test]
    fn client_credentials_go_into_the_basic_header_and_nowhere_else() {
        let secret = ClientSecret::from("dose-secret".to_owned());
        let request =
            client_credentials("https://x/oidc/v1/token", "app id", &secret, &["all-apis".into(), "sql".into()]);
        assert_eq!(body(&request), "grant_type=client_credentials&scope=all-apis%20sql");
        assert_eq!(
            header(&request, "authorization"),
            Some(format!("Basic {}", STANDARD.encode("app%20id:dose-secret")).as_str())
        );
        assert!(request.spends.is_none());
    }

    #[test]
    fn id_and_secret_are_form_encoded_before_basic() {
        let secret = ClientSecret::from("a:b/c d+e".to_owned());
        let request = client_credentials("https://x", "i:d", &secret, &[]);
        let encoded = STANDARD.encode("i%3Ad:a%3Ab%2Fc%20d%2Be");
        assert_eq!(header(&request, "authorization"), Some(format!("Basic {encoded}").as_str()));
    }

    #[test]
    fn a_refresh_sends_no_scope_and_no_redirect_url() {
        let secret = ClientSecret::from("s".to_owned());
        let client = Client { id: "app", secret: Some(&secret) };
        let request = refresh_token("https://x", &client, &RefreshToken::from("doau1".to_owned()));
        assert_eq!(body(&request), "grant_type=refresh_token&refresh_token=doau1&client_id=app&client_secret=s");
        assert_eq!(request.spends, Some(CONNECT_DEADLINE));
    }

    #[test]
    fn a_public_client_sends_no_secret() {
        let client = Client { id: "app", secret: None };
        let code = AuthorizationCode::from("c&d".to_owned());
        let verifier = CodeVerifier::from("v".repeat(43));
        let request = authorization_code("https://x", &client, &code, "http://localhost:8020/cb?x=1", &verifier);
        let body = body(&request);
        assert!(body.contains("code=c%26d&redirect_uri=http%3A%2F%2Flocalhost%3A8020%2Fcb%3Fx%3D1&code_verifier=vvv"));
        assert!(!body.contains("client_secret"));
    }
}
