//! The wait for the browser, and what may happen in it.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::support::{ALICE, Deployment, Login, binary, path_of};

/// A browser that only notes what it was to open.
const BROWSER: &str = "#!/bin/sh\nprintf %s \"$1\" > noted && mv noted opened\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_browser_is_led_away_from_the_code_to_a_page_that_loads_nothing() {
    let deployment = Deployment::with_fabric().await;
    let (login, url) = deployment.begin_login(&[]);
    let callback = deployment.workspace.sign_in_as(&url, ALICE).await.unwrap();
    let answer = deployment.get(path_of(&callback)).to_ascii_lowercase();
    for expected in [
        "http/1.1 303 ",
        "location: /done\r\n",
        "cache-control: no-store\r\n",
        "referrer-policy: no-referrer\r\n",
        "content-security-policy: default-src 'none'",
    ] {
        assert!(answer.contains(expected), "{expected} is not in {answer}");
    }
    let page = deployment.get("/done");
    assert!(page.contains("signed in to Databricks as alice@example.com"), "{page}");
    assert!(page.contains("default-src 'none'") && !page.contains("href") && !page.contains("src="), "{page}");
    login.end().ends_with(0);
}

/// PB-103.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_opened_and_the_url_is_printed_nowhere() {
    let deployment = Deployment::with_fabric().await;
    let browser = deployment.path("browser");
    fs::write(&browser, BROWSER).unwrap();
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = binary(deployment.folder.path(), &["login", "dev"]);
    command.env("BROWSER", &browser);
    let login = Login::start(command);
    let opened = deployment.path("opened");
    for _ in 0..1_000 {
        if opened.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let url = fs::read_to_string(opened).unwrap();
    let callback = deployment.workspace.sign_in_as(&url, ALICE).await.unwrap();
    deployment.get(path_of(&callback));
    deployment.get("/done");
    let run = login.end().ends_with(0);
    assert_eq!(run.stdout, format!("Signed in to dev as {ALICE}.\n"));
    assert!(!run.stderr.contains("state="), "{run:?}");
}

/// PB-104.
#[tokio::test(flavor = "multi_thread")]
async fn where_no_browser_opens_the_url_is_printed() {
    let deployment = Deployment::with_fabric().await;
    let mut command = binary(deployment.folder.path(), &["login", "dev"]);
    command.env_remove("BROWSER").env("PATH", deployment.folder.path());
    let (login, url) = Login::start(command).read_url();
    let callback = deployment.workspace.sign_in_as(&url, ALICE).await.unwrap();
    deployment.get(path_of(&callback));
    deployment.get("/done");
    login.end().ends_with(0).says(&["Open this URL in a browser on this machine"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_not_the_callback_do_not_end_the_wait() {
    let deployment = Deployment::with_fabric().await;
    let (login, url) = deployment.begin_login(&[]);
    let callback = deployment.workspace.sign_in_as(&url, ALICE).await.unwrap();
    let path = path_of(&callback);
    let host = format!("Host: 127.0.0.1:{}\r\n", deployment.port);
    for (request, status) in [
        (format!("GET /favicon.ico HTTP/1.1\r\n{host}\r\n"), "404"),
        (format!("GET /done HTTP/1.1\r\n{host}\r\n"), "404"),
        (format!("POST {path} HTTP/1.1\r\n{host}Content-Length: 0\r\n\r\n"), "405"),
        (format!("GET {path} HTTP/1.1\r\nHost: evil.example:{}\r\n\r\n", deployment.port), "421"),
        (format!("GET {path} HTTP/1.1\r\n{host}{host}\r\n"), "421"),
    ] {
        let answer = deployment.send(&request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{status} is not the status of {answer}");
    }
    // A server that has seen enough closes while it is still written to, and its answer may be lost.
    let huge = deployment.send(&format!("GET {path} HTTP/1.1\r\n{host}X: {}\r\n\r\n", "x".repeat(1_000_000)));
    assert!(huge.is_empty() || huge.starts_with("HTTP/1.1 431"), "{huge}");
    for query in
        ["code=x&state=made-up-by-somebody", "code=x", "x", "error=access_denied", "state=&error=access_denied"]
    {
        let stray = deployment.get(&format!("/api/databricks/oauthredirect?{query}"));
        assert!(stray.starts_with("HTTP/1.1 400") && stray.contains("Not signed in"), "{query}: {stray}");
    }
    let state = path.split(['?', '&']).find(|parameter| parameter.starts_with("state=")).unwrap();
    for query in [state.to_owned(), format!("{state}&{state}&code=x"), format!("{state}&code=x&error=y")] {
        let stray = deployment.get(&format!("/api/databricks/oauthredirect?{query}"));
        assert!(stray.starts_with("HTTP/1.1 400") && stray.contains("Not signed in"), "{query}: {stray}");
    }
    assert!(deployment.get(path).starts_with("HTTP/1.1 303"));
    deployment.get("/done");
    login.end().ends_with(0).says(&["it was ignored", "waits for 10 min"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_another_authorization_server_ends_the_sign_in() {
    let deployment = Deployment::with_fabric().await;
    let (login, url) = deployment.begin_login(&["--output", "json"]);
    let begun: serde_json::Value = serde_json::from_str(&url).unwrap();
    let url = begun["authorization_url"].as_str().unwrap();
    let state = url.split(['?', '&']).find(|parameter| parameter.starts_with("state=")).unwrap();
    let mixed_up = format!("/api/databricks/oauthredirect?code=x&{state}&iss=https%3A%2F%2Fevil.example");
    assert!(deployment.get(&mixed_up).starts_with("HTTP/1.1 303"));
    assert!(deployment.get("/done").contains("Not signed in"));
    assert_eq!(login.end().ends_with(1).error()["field"], "callback-query");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_secret_that_does_not_open_is_told_before_the_browser_opens() {
    let deployment = Deployment::with_fabric().await;
    fs::remove_file(deployment.path("keyring.json")).unwrap();
    deployment.run(&["init", "--new-key-ring"]).ends_with(0);
    let run = deployment.run(&["login", "dev", "--no-browser"]).ends_with(1);
    assert_eq!(run.stdout, "", "there is no URL to open");
}

/// PB-109.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_sign_in_fails_and_is_told_in_the_browser_too() {
    let deployment = Deployment::with_fabric().await;
    let (login, line) = deployment.begin_login(&["--output", "json"]);
    let begun: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(begun["expires_in"], 600);
    let url = begun["authorization_url"].as_str().unwrap();
    let callback = simulated_workspace::cancel_sign_in(url).await.unwrap();
    assert!(deployment.get(path_of(&callback)).starts_with("HTTP/1.1 303"));
    assert!(deployment.get("/done").contains("Not signed in"));
    let run = login.end().ends_with(1);
    assert_eq!(run.error()["case"], "consent-denied");
    assert_eq!(run.stdout, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_the_wait_cleanly() {
    let deployment = Deployment::with_fabric().await;
    let (login, _) = deployment.begin_login(&[]);
    let process = Pid::from_raw(login.process_id().try_into().unwrap()).unwrap();
    kill_process(process, Signal::INT).unwrap();
    login.end().ends_with(1).says(&["interrupted"]);
    TcpListener::bind((Ipv4Addr::LOCALHOST, deployment.port)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_cannot_listen_says_what_to_do() {
    let deployment = Deployment::with_fabric().await;
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, deployment.port)).unwrap();
    let port = deployment.port.to_string();
    deployment.run(&["login", "dev", "--no-browser"]).ends_with(1).says(&[&port, "is in use"]);
    drop(taken);
    deployment.configure("redirect_urls = []", "redirect_urls = [\"https://prophecy.example.com/callback\"]");
    let run = deployment.run(&["login", "dev", "--no-browser"]).ends_with(1);
    assert_eq!(run.stdout, "");
    run.says(&["deployment.redirect_urls", "http://localhost:8020/api/databricks/oauthredirect"]);
}
