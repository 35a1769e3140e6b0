//! A browser as far as the service can tell: it keeps cookies, and sends forms with where they come from. It follows no
//! redirect by itself.

use std::collections::BTreeMap;
use std::sync::Mutex;

use fabric_auth::contract::Caller;
use fabric_auth_tests::{DEV, HttpAnswer, HttpClient, ServiceWorld};
use http::header::{CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE};
use http::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};

/// What a form is sent with.
pub(crate) type Fields<'a> = [(&'a str, &'a str)];

/// A browser with a jar of cookies.
pub(crate) struct Browser {
    client: HttpClient,
    origin: String,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Browser {
    /// A browser that has never been here.
    pub(crate) fn new(service: &ServiceWorld) -> Self {
        Self::of(HttpClient::new(&service.base_url), &service.base_url)
    }

    /// One that sends its requests through this client, and believes to be at `origin`.
    pub(crate) fn of(client: HttpClient, origin: &str) -> Self {
        Self { client, origin: origin.to_owned(), cookies: Mutex::default() }
    }

    /// One in which a new user, who is to the component what this caller is, has signed in to the console.
    pub(crate) async fn signed_in(service: &ServiceWorld, caller: &Caller) -> Self {
        let browser = Self::new(service);
        let answer = browser.sign_in(&service.api_token(caller).await).await;
        assert_eq!(answer.header("location"), "/", "{answer:?}");
        browser
    }

    /// Opens a path.
    pub(crate) async fn get(&self, path: &str) -> HttpAnswer {
        self.send(Method::GET, path, &[], "").await
    }

    /// Sends a form as a page of this origin does.
    pub(crate) async fn submit(&self, path: &str, fields: &Fields<'_>) -> HttpAnswer {
        let origin = self.origin.clone();
        self.submit_with(path, &[(ORIGIN.as_str(), &origin)], fields).await
    }

    /// Sends a form with these headers, and without any that tells where it comes from.
    pub(crate) async fn submit_with(&self, path: &str, headers: &Fields<'_>, fields: &Fields<'_>) -> HttpAnswer {
        self.send(Method::POST, path, headers, &encoded(fields)).await
    }

    /// Sends any request with the cookies of this browser, and keeps those that come back.
    pub(crate) async fn send(&self, method: Method, path: &str, headers: &Fields<'_>, body: &str) -> HttpAnswer {
        let mut client = self.client.with_header(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded");
        let cookies = self.cookie_line();
        if !cookies.is_empty() {
            client = client.with_header(COOKIE.as_str(), &cookies);
        }
        for (name, value) in headers {
            client = client.with_header(name, value);
        }
        let answer = client.send_body(method, path, body.to_owned()).await;
        self.keep(&answer);
        answer
    }

    /// Sends the form of the console's sign-in page.
    pub(crate) async fn sign_in(&self, api_token: &SecretString) -> HttpAnswer {
        self.submit("/sign-in", &[("api_token", api_token.expose_secret()), ("next", "")]).await
    }

    /// Whether the console knows who this is.
    pub(crate) async fn is_signed_in(&self) -> bool {
        self.get("/").await.status == StatusCode::OK
    }

    /// What the forms of this browser's session carry.
    pub(crate) async fn form_token(&self) -> String {
        let page = self.get("/").await;
        value_of(&page.text(), "form_token").unwrap_or_else(|| panic!("no form token in {page:?}"))
    }

    /// Chooses *Continue* on the prompt for the fabric [`DEV`], and gives the URL at Databricks.
    pub(crate) async fn connect(&self) -> String {
        self.connect_with(&[]).await
    }

    /// The same with further fields.
    pub(crate) async fn connect_with(&self, more: &Fields<'_>) -> String {
        let token = self.form_token().await;
        let fields = [&[("form_token", token.as_str()), ("fabric", DEV)], more].concat();
        let answer = self.submit("/connect", &fields).await;
        authorization_url(&answer)
    }

    /// A cookie's value, by the beginning of its name.
    pub(crate) fn cookie(&self, prefix: &str) -> Option<String> {
        let cookies = self.cookies.lock().unwrap();
        cookies.iter().find(|(name, _)| name.starts_with(prefix)).map(|(_, value)| value.clone())
    }

    /// The name of a cookie, by its beginning.
    pub(crate) fn cookie_name(&self, prefix: &str) -> Option<String> {
        self.cookies.lock().unwrap().keys().find(|name| name.starts_with(prefix)).cloned()
    }

    /// Puts a cookie into the jar, as somebody who can set cookies of this browser would.
    pub(crate) fn plant(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }

    /// What it sends in `Cookie`.
    pub(crate) fn cookie_line(&self) -> String {
        let cookies = self.cookies.lock().unwrap();
        cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep(&self, answer: &HttpAnswer) {
        let mut cookies = self.cookies.lock().unwrap();
        for line in answer.headers.get_all(SET_COOKIE) {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            if line.contains("Max-Age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// Fields as a form sends them.
pub(crate) fn encoded(fields: &Fields<'_>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The value of the first field of this name in a page.
pub(crate) fn value_of(page: &str, field: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("name=\"{field}\" value=\""))?;
    rest.split_once('"').map(|(value, _)| unescaped(value))
}

/// What stands in all attributes of this name in a page.
pub(crate) fn attributes(page: &str, name: &str) -> Vec<String> {
    let begin = format!(" {name}=\"");
    page.split(&begin).skip(1).map(|rest| unescaped(rest.split('"').next().unwrap())).collect()
}

/// Where the page that leads on to Databricks leads.
pub(crate) fn authorization_url(answer: &HttpAnswer) -> String {
    let urls = attributes(&answer.text(), "href");
    urls.into_iter().find(|url| url.contains("/authorize?")).unwrap_or_else(|| panic!("no way on in {answer:?}"))
}

fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}
