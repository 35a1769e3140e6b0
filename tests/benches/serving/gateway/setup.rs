//! A service with a gateway, set up as an operator and its people do it.

use std::net::SocketAddr;

use bytes::Bytes;
use futures::future::join_all;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::json;
use tempfile::TempDir;

use super::upstream::{token_of, user_name_of};
use crate::load::{Target, connect, exchange};
use crate::process::{Process, Program};
use crate::setup::{free_port, program, text};

/// What is asked for: who am I.
const PATH: &str = "/api/2.0/preview/scim/v2/Me";

/// How many people send requests. Each of them has one instance of the component, and there is one for each processor.
const PEOPLE: usize = 8;

/// A running gateway.
pub struct Gateway {
    /// Where it listens.
    pub address: SocketAddr,
    process: Process,
    people: Vec<Person>,
    _folder: TempDir,
}

struct Person {
    name: String,
    api_token: String,
}

impl Gateway {
    /// Sets it up for a workspace, and starts it. Everybody has a personal access token for that workspace.
    pub async fn start(workspace: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = vec![
            ("FABRIC_AUTH_GATEWAY_LISTEN", "127.0.0.1:0".to_owned()),
            ("FABRIC_AUTH_GATEWAY_DEFAULT_FABRIC", "dev".to_owned()),
            ("FABRIC_AUTH_GATEWAY_FORWARD_AUTH", "true".to_owned()),
            ("FABRIC_AUTH_GATEWAY_REQUESTS_PER_MINUTE", "10000000".to_owned()),
        ];
        let program = program(folder.path(), free_port(), settings);
        program.run(&["init"], "");
        let url = format!("http://{workspace}");
        let fabric = ["fabric", "add", "dev", "--kind", "sql", "--team", "analytics", "--workspace-url", &url];
        program.run(&[&fabric[..], &["--authentication", "personal-access-token"]].concat(), "");
        let people: Vec<Person> = (1..=PEOPLE).map(|number| add(&program, format!("person-{number}"))).collect();
        let mut process = program.start(&["serve"], "");
        let listening = process.next_document();
        let address = |member| text(&listening, member).parse().expect("an address");
        let service: SocketAddr = address("listening");
        join_all(people.iter().map(|person| enter_token(service, person))).await;
        Self { address: address("gateway"), process, people, _folder: folder }
    }

    /// What its people ask for, here or at something that asks it about them.
    pub fn by_api_tokens(&self, address: SocketAddr) -> Vec<Target> {
        self.people.iter().map(|person| target(address, person, &person.api_token)).collect()
    }

    /// The same from somebody who has their tokens for the workspace.
    pub fn by_own_tokens(&self, address: SocketAddr) -> Vec<Target> {
        self.people.iter().map(|person| target(address, person, &token_of(&person.name))).collect()
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// Tells it to end, and waits until it has.
    pub fn end(self) {
        self.process.tell_to_end();
        self.process.end_well();
    }
}

fn add(program: &Program, name: String) -> Person {
    let email = user_name_of(&name);
    let mut adding = program.start(&["user", "add", &name, "--email", &email, "--team", "analytics"], "");
    let api_token = text(&adding.next_document(), "api_token");
    adding.end_well();
    Person { name, api_token }
}

async fn enter_token(service: SocketAddr, person: &Person) {
    let body = json!({ "token": token_of(&person.name) }).to_string();
    let request = Request::builder()
        .method(Method::PUT)
        .uri("/api/v1/fabrics/dev/personal-access-token")
        .header("host", service.to_string())
        .header("authorization", format!("Bearer {}", person.api_token))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .expect("a request");
    let answered = exchange(&mut connect(service).await, request).await;
    let (status, _) = answered.expect("an answer");
    assert!(status.is_success(), "{status}");
}

fn target(address: SocketAddr, person: &Person, token: &str) -> Target {
    let request = Request::get(PATH)
        .header("host", address.to_string())
        .header("authorization", format!("Bearer {token}"))
        .body(Full::default());
    let expected = format!("\"{}\"", user_name_of(&person.name));
    Target { address, request: request.expect("a request"), expected }
}
