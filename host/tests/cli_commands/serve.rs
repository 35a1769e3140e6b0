//! `serve`: the service as an operator starts and ends it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use rustix::process::{Pid, Signal, kill_process};

use super::support::{Deployment, Login, Run, binary, finish};

/// A deployment whose service has a port of its own.
async fn deployment() -> Deployment {
    let deployment = Deployment::new().await;
    deployment.configure("listen = \"127.0.0.1:8020\"", &format!("listen = \"127.0.0.1:{}\"", deployment.port));
    deployment
}

/// Starts the service, and waits until it says where it is.
fn start(deployment: &Deployment) -> Login {
    let (service, line) = Login::start(binary(deployment.folder.path(), &["serve"])).read_url();
    assert_eq!(line, format!("listening: 127.0.0.1:{}", deployment.port));
    service
}

/// Tells the service to end as a service manager does.
fn terminate(service: &Login) {
    let process = Pid::from_raw(service.process_id().try_into().unwrap()).unwrap();
    kill_process(process, Signal::TERM).unwrap();
}

/// Sends a form to sign in with, and gives the answer.
fn sign_in(deployment: &Deployment, api_token: &str) -> String {
    let here = format!("127.0.0.1:{}", deployment.port);
    let body = format!("api_token={api_token}");
    let length = body.len();
    deployment.send(&format!(
        "POST /sign-in HTTP/1.1\r\nHost: {here}\r\nOrigin: http://{here}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ))
}

fn get(deployment: &Deployment, path: &str) -> String {
    let here = format!("127.0.0.1:{}", deployment.port);
    deployment.send(&format!("GET {path} HTTP/1.1\r\nHost: {here}\r\nConnection: close\r\n\r\n"))
}

#[test]
fn in_an_empty_folder_it_says_what_to_do_first() {
    let folder = tempfile::tempdir().unwrap();
    let run = finish(binary(folder.path(), &["serve"]), "").ends_with(1).says(&["`fabric-auth init`"]);
    assert_eq!((run.stdout.as_str(), fs::read_dir(folder.path()).unwrap().count()), ("", 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nobody_yet_it_says_how_somebody_gets_in_and_lets_nobody_in() {
    let deployment = deployment().await;
    let service = start(&deployment);
    assert!(get(&deployment, "/readyz").starts_with("HTTP/1.1 200 "));
    assert!(get(&deployment, "/").contains("location: /sign-in?"));
    assert!(get(&deployment, "/sign-in").contains("fabric-auth user add NAME --cluster-admin"));
    for guess in ["", "admin", "fabric_auth_"] {
        let answer = sign_in(&deployment, guess);
        assert!(answer.starts_with("HTTP/1.1 403 ") && !answer.contains("set-cookie"), "{answer}");
    }
    terminate(&service);
    let run: Run = service.end().ends_with(0);
    run.says(&[
        "Nobody can sign in yet.",
        "`fabric-auth user add NAME --cluster-admin`",
        "nothing is under way any more",
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_service_knows_at_once_whom_the_operator_adds() {
    let deployment = deployment().await;
    let service = start(&deployment);
    let added = deployment.run_secretly(&["user", "add", "alice"], "").ends_with(0);
    let api_token = added.stdout.trim_end();
    let answer = sign_in(&deployment, api_token);
    assert!(
        answer.starts_with("HTTP/1.1 303 ") && answer.contains("set-cookie: fabric_auth_session=session_"),
        "{answer}"
    );
    assert!(!get(&deployment, "/sign-in").contains("no users yet"));
    deployment.run(&["user", "revoke", "alice"]).ends_with(0);
    assert!(sign_in(&deployment, api_token).starts_with("HTTP/1.1 403 "));
    terminate(&service);
    let run = service.end().ends_with(0);
    assert!(!format!("{run:?}").contains(api_token), "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_end_it_answers_what_has_begun_and_takes_nothing_new() {
    let deployment = deployment().await;
    let service = start(&deployment);
    let here = format!("127.0.0.1:{}", deployment.port);
    let mut begun = TcpStream::connect((Ipv4Addr::LOCALHOST, deployment.port)).unwrap();
    let head = format!(
        "POST /sign-in HTTP/1.1\r\nHost: {here}\r\nOrigin: http://{here}\r\nContent-Length: 11\r\n\r\napi_token="
    );
    begun.write_all(head.as_bytes()).unwrap();
    assert!(get(&deployment, "/healthz").starts_with("HTTP/1.1 200 "));
    terminate(&service);
    let refused = (0..1_000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        TcpStream::connect((Ipv4Addr::LOCALHOST, deployment.port)).is_err()
    });
    assert!(refused, "a service that was told to end still takes connections");
    begun.write_all(b"x").unwrap();
    let mut answer = String::new();
    begun.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    service.end().ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_not_begin_where_others_could_read_what_is_sent() {
    let deployment = deployment().await;
    let listen = format!("listen = \"127.0.0.1:{}\"", deployment.port);
    deployment.configure(&listen, "listen = \"0.0.0.0:0\"");
    let told = ["service.listen", "service.tls_certificate_file", "service.trusted_proxies"];
    let run = deployment.run(&["serve"]);
    assert!(run.code != 0 && run.stdout.is_empty(), "{run:?}");
    let run = run.says(&told);
    // Nor does anything else with such a configuration: it is wrong for all of them.
    deployment.run(&["status"]).ends_with(run.code).says(&told);
    deployment.configure("trusted_proxies = []", "trusted_proxies = [\"0.0.0.0/0\"]");
    deployment.run(&["serve"]).ends_with(run.code).says(&["service.trusted_proxies", "not all there are"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named() {
    let deployment = deployment().await;
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, deployment.port)).unwrap();
    let run = deployment.run(&["serve"]).ends_with(1);
    assert_eq!(run.stdout, "");
    run.says(&[&format!("127.0.0.1:{}", deployment.port)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_does_not_start_it() {
    let deployment = deployment().await;
    deployment.run(&["serve", "--role", "person"]).ends_with(1).says(&["operator"]);
}
