//! The browser of whoever sits at this machine.

use std::thread;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long starting a browser may take before it is taken to have worked.
const BROWSER_WITHIN: Duration = Duration::from_secs(5);

/// Opens a URL in the person's browser; whether that worked, as far as can be told. A thread of its own, since a browser
/// may keep it, and nothing waits for that at the end.
pub(crate) async fn browser_opens(url: SecretString) -> bool {
    let (sender, opened) = oneshot::channel();
    thread::spawn(move || {
        // Whoever asked may have stopped waiting.
        let _ = sender.send(webbrowser::open(url.expose_secret()).is_ok());
    });
    !matches!(timeout(BROWSER_WITHIN, opened).await, Ok(Ok(false) | Err(_)))
}
