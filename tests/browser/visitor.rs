//! Somebody in front of a browser: what they see, and what they do. Everything is found as a person finds it, by what is
//! written on it.

use std::env;
use std::panic::panic_any;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fabric_auth_tests::{HttpClient, eventually};
use fantoccini::elements::Element;
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, Locator};
use http::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::programs::Driver;

/// How long the browser may take for one command, on a busy machine.
const BROWSER_ANSWERS_WITHIN: Duration = Duration::from_secs(30);

/// The browser gave no answer in time, which says nothing of what it shows: Chromium sometimes takes no picture any more.
pub(crate) struct BrowserHangs;

/// Names the folder for pictures.
const PICTURES: &str = "FABRIC_AUTH_PICTURES";

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A window as people have it on a desk, and a narrow one.
pub(crate) const WIDE: (u32, u32) = (1_280, 900);
pub(crate) const NARROW: (u32, u32) = (360, 740);

/// Gives what keeps somebody from reading or using a page: text with too little contrast (WCAG 2.2, 1.4.3), controls
/// without a name, more or fewer than one heading of the first level, no language, an id that stands twice.
const FAULTS: &str = include_str!("faults.js");

/// A person with a browser of their own.
#[derive(Clone)]
pub(crate) struct Visitor {
    browser: Client,
    driver: HttpClient,
    session: String,
    base_url: String,
    test: String,
    _profile: Arc<TempDir>,
}

impl Visitor {
    /// Opens a browser.
    pub(crate) async fn new(driver: &Driver, with_script: bool, base_url: &str, test: &str) -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        let browser =
            timeout(2 * PATIENCE, driver.browser(profile.path(), with_script)).await.expect("a browser in time");
        let session = browser.session_id().await.expect("a session").expect("a session");
        let visitor = Self {
            browser,
            driver: driver.client(),
            session,
            base_url: base_url.to_owned(),
            test: test.to_owned(),
            _profile: Arc::new(profile),
        };
        visitor.resize(WIDE).await;
        visitor
    }

    /// Closes the browser.
    pub(crate) async fn leave(self) {
        // One that is gone is closed.
        let _ = timeout(PATIENCE, self.browser.close()).await;
    }

    // ------------------------------------------------------------------------------------------------ going places

    /// Opens a path of the service.
    pub(crate) async fn open(&self, path: &str) {
        self.go(&format!("{}{path}", self.base_url)).await;
    }

    /// Opens any address.
    pub(crate) async fn go(&self, url: &str) {
        self.browser.goto(url).await.expect("a page");
    }

    /// Goes back to the page before.
    pub(crate) async fn back(&self) {
        self.browser.back().await.expect("a page before");
    }

    /// Signs in to the console.
    pub(crate) async fn sign_in(&self, api_token: &SecretString) {
        self.open("/sign-in").await;
        self.fill("API token", api_token.expose_secret()).await;
        self.click("Sign in").await;
        self.is_at("/").await;
    }

    /// Waits until the address is this path of the service.
    pub(crate) async fn is_at(&self, path: &str) {
        let expected = format!("{}{path}", self.base_url);
        self.until(&format!("the address is {path}"), async || self.address().await == expected).await;
    }

    /// Waits until the address begins with this.
    pub(crate) async fn is_below(&self, url: &str) {
        self.until(&format!("the address begins with {url}"), async || self.address().await.starts_with(url)).await;
    }

    /// The address of the page.
    pub(crate) async fn address(&self) -> String {
        self.browser.current_url().await.map(|url| url.to_string()).unwrap_or_default()
    }

    /// Waits until there are so many tabs.
    pub(crate) async fn has_tabs(&self, number: usize) {
        self.until(&format!("there are {number} tabs"), async || self.tabs().await.len() == number).await;
    }

    async fn tabs(&self) -> Vec<WindowHandle> {
        self.browser.windows().await.unwrap_or_default()
    }

    /// The tab that is looked at.
    pub(crate) async fn tab(&self) -> WindowHandle {
        self.browser.window().await.expect("a tab")
    }

    /// Looks at a tab.
    pub(crate) async fn look_at(&self, tab: &WindowHandle) {
        self.browser.switch_to_window(tab.clone()).await.expect("the tab");
    }

    /// Looks at the tab that has opened beside this one, and gives this one.
    pub(crate) async fn look_at_the_new_tab(&self) -> WindowHandle {
        let here = self.tab().await;
        let new = self.other_tab(&[&here]).await;
        self.look_at(&new).await;
        here
    }

    /// Waits until there is one tab beside these, and gives that.
    pub(crate) async fn other_tab(&self, known: &[&WindowHandle]) -> WindowHandle {
        self.has_tabs(known.len() + 1).await;
        self.tabs().await.into_iter().find(|tab| !known.contains(&tab)).expect("another tab")
    }

    // ------------------------------------------------------------------------------------------------------ seeing

    /// What can be read on the page.
    pub(crate) async fn text(&self) -> String {
        let read = self.browser.execute("return document.body ? document.body.innerText : ''", Vec::new()).await;
        read.ok().and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Waits until this can be read.
    pub(crate) async fn sees(&self, text: &str) {
        self.until(&format!("{text:?} can be read"), async || self.text().await.contains(text)).await;
    }

    /// Waits until this cannot be read any more.
    pub(crate) async fn sees_no_more(&self, text: &str) {
        self.until(&format!("{text:?} cannot be read"), async || !self.text().await.contains(text)).await;
    }

    /// The title of the page.
    pub(crate) async fn title(&self) -> String {
        self.browser.title().await.expect("a title")
    }

    /// What a script on the page comes to.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.browser.execute(script, Vec::new()).await.expect("a script that runs")
    }

    /// Whether nothing reaches beyond the side of the window.
    pub(crate) async fn fits(&self) -> bool {
        let script = "return document.scrollingElement.scrollWidth <= window.innerWidth";
        self.script(script).await == json!(true)
    }

    /// What keeps somebody from reading or using the page.
    pub(crate) async fn faults(&self) -> Value {
        self.script(FAULTS).await
    }

    /// What the browser has complained of since this was asked last: errors of scripts and what a policy has blocked; not
    /// its advice. That a page was refused is no complaint: tests ask for that.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let answer = self.command("se/log", &json!({ "type": "browser" })).await;
        let entries = answer.as_array().cloned().unwrap_or_default();
        let serious = entries.iter().filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING");
        let messages = serious.filter_map(|entry| entry["message"].as_str());
        messages
            .filter(|message| !message.contains("the server responded with a status of 4"))
            .map(str::to_owned)
            .collect()
    }

    // ------------------------------------------------------------------------------------------------------- doing

    /// Presses what has this written on it: a button, a link, or what unfolds more.
    pub(crate) async fn click(&self, words: &str) {
        let path = format!(
            "//*[self::button or self::a or self::summary or self::label][normalize-space()={0} or @aria-label={0}]",
            quoted(words)
        );
        self.shown(&path, words).await.click().await.unwrap_or_else(|error| panic!("{words:?}: {error}"));
    }

    /// Writes into the field of this label, over what is there.
    pub(crate) async fn fill(&self, label: &str, text: &str) {
        let field = self.field(label).await;
        field.clear().await.expect("a field that can be cleared");
        field.send_keys(text).await.expect("a field that can be written into");
    }

    /// Chooses one from the list of this label.
    pub(crate) async fn choose(&self, label: &str, choice: &str) {
        self.field(label).await.select_by_label(choice).await.unwrap_or_else(|error| panic!("{choice:?}: {error}"));
    }

    /// Picks the one of several whose words begin with this.
    pub(crate) async fn pick(&self, words: &str) {
        let path = format!("//label[input][starts-with(normalize-space(), {})]", quoted(words));
        self.shown(&path, words).await.click().await.unwrap_or_else(|error| panic!("{words:?}: {error}"));
    }

    /// What stands in the field of this label.
    pub(crate) async fn value(&self, label: &str) -> String {
        self.field(label).await.prop("value").await.expect("a field").unwrap_or_default()
    }

    /// Presses keys, one after the other.
    pub(crate) async fn press(&self, keys: &str) {
        for key in keys.chars() {
            let focused = self.browser.active_element().await.expect("something that has the focus");
            focused.send_keys(&key.to_string()).await.expect("a key that can be pressed");
        }
    }

    /// What has the focus, in words.
    pub(crate) async fn focus(&self) -> String {
        let script = "const it = document.activeElement; \
                      return it.labels?.[0]?.innerText ?? it.getAttribute('aria-label') ?? it.innerText ?? ''";
        self.script(script).await.as_str().unwrap_or_default().trim().to_owned()
    }

    /// Presses Tab until this has the focus.
    pub(crate) async fn tab_to(&self, words: &str) {
        let mut passed = Vec::new();
        for _ in 0..80 {
            self.press("\u{e004}").await;
            let focus = self.focus().await;
            if focus == words {
                return;
            }
            passed.push(focus);
        }
        panic!("{words:?} never has the focus, only {passed:?}");
    }

    async fn field(&self, label: &str) -> Element {
        let path = format!("//label[starts-with(normalize-space(), {})]", quoted(label));
        let label = self.shown(&path, label).await;
        let id = label.attr("for").await.expect("a label").expect("a label of a field");
        self.browser.find(Locator::Id(&id)).await.expect("the field of the label")
    }

    /// Waits for the first of these that is shown.
    async fn shown(&self, path: &str, words: &str) -> Element {
        let found = std::sync::Mutex::new(None);
        self.until(&format!("{words:?} is there"), async || {
            for element in self.browser.find_all(Locator::XPath(path)).await.unwrap_or_default() {
                if element.is_displayed().await.unwrap_or_default() {
                    *found.lock().unwrap() = Some(element);
                    return true;
                }
            }
            false
        })
        .await;
        found.into_inner().unwrap().expect("what was found")
    }

    /// Waits until a condition holds.
    pub(crate) async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let waiting = eventually(what, condition);
        let waited = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(waiting)).await;
        if waited.is_err() {
            panic!("waited in vain until {what}, at {}:\n{}", self.address().await, self.text().await);
        }
    }

    // --------------------------------------------------------------------------------------------------- the window

    /// Makes the window this large.
    pub(crate) async fn resize(&self, (width, height): (u32, u32)) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics).await;
    }

    /// Asks for dark pages, or for light ones.
    pub(crate) async fn prefers_dark(&self, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", &features).await;
    }

    /// Takes a picture of the whole page.
    pub(crate) async fn picture(&self, name: &str) {
        // A page that is behind another may never be drawn.
        self.devtools("Page.bringToFront", &json!({})).await;
        let layout = self.devtools("Page.getLayoutMetrics", &json!({})).await;
        let size = &layout["cssContentSize"];
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let parameters = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let shot = self.devtools("Page.captureScreenshot", &parameters).await;
        keep(name, &STANDARD.decode(shot["data"].as_str().expect("a picture")).expect("a picture"));
    }

    /// Takes pictures of the page: light and dark, wide and narrow. Everybody must be able to read and to use it so, and on
    /// a narrow screen nothing may reach beyond its side.
    pub(crate) async fn pictures(&self, name: &str) {
        for (size, suffix) in [(WIDE, ""), (NARROW, "-narrow")] {
            self.resize(size).await;
            for (dark, shade) in [(false, "light"), (true, "dark")] {
                self.prefers_dark(dark).await;
                self.picture(&format!("{name}{suffix}-{shade}")).await;
                assert_eq!(self.faults().await, json!([]), "{name}{suffix}-{shade}");
            }
            assert!(self.fits().await, "{name}{suffix} reaches beyond the side of the window");
        }
        self.resize(WIDE).await;
        self.prefers_dark(false).await;
    }

    /// Takes a picture of the window, whatever it shows.
    pub(crate) async fn last_picture(&self, name: &str) {
        if let Ok(Ok(picture)) = timeout(PATIENCE, self.browser.screenshot()).await {
            keep(&format!("{name}-{}", self.test), &picture);
        }
    }

    /// Gives the browser's own tools a command.
    async fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.command("goog/cdp/execute", &json!({ "cmd": command, "params": parameters })).await
    }

    async fn command(&self, path: &str, body: &Value) -> Value {
        let path = format!("/session/{}/{path}", self.session);
        let answering = timeout(BROWSER_ANSWERS_WITHIN, self.driver.send_json(Method::POST, &path, body)).await;
        let answer = answering.unwrap_or_else(|_| panic_any(BrowserHangs));
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
        answer.json()["value"].clone()
    }
}

/// A text within an expression of XPath, which has no escapes.
fn quoted(text: &str) -> String {
    if text.contains('\'') { format!("\"{text}\"") } else { format!("'{text}'") }
}

/// Writes a picture into the folder for them.
fn keep(name: &str, picture: &[u8]) {
    let folder = env::var_os(PICTURES)
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pictures"), PathBuf::from);
    std::fs::create_dir_all(&folder).expect("a folder for pictures");
    std::fs::write(folder.join(format!("{name}.png")), picture).expect("a picture that can be kept");
}
