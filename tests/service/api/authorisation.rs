//! Every route, every role, the caller's own team and a foreign one.

use std::collections::BTreeSet;

use fabric_auth::contract::{Caller, FabricSettings, TeamMembership, TeamRole};
use fabric_auth::service::ServiceSettings;
use fabric_auth_tests::{
    DEV, HttpAnswer, HttpClient, ServiceWorld, Setup, alice, cluster_admin, fabric_settings, stranger, team_admin,
    with_principal, workload,
};
use http::Method;
use serde_json::{Value, json};

use super::support::{problem, settings};

/// The fabric of the foreign team.
const LEDGER: &str = "ledger";

/// How an answer is told in the table: the status of what succeeds, or the case of the problem.
type Answers = [&'static str; 6];

/// What somebody who is not let in is told.
const NOT_LET_IN: &str = "unauthenticated";

const GET: Method = Method::GET;
const PUT: Method = Method::PUT;
const POST: Method = Method::POST;
const DELETE: Method = Method::DELETE;

const OK: &str = "200";
const DONE: &str = "204";
const MADE: &str = "201";
const NO: &str = "forbidden";
const NONE: &str = "not-found";
const BAD: &str = "invalid-input";

/// One request, and what each role gets for it.
struct Row {
    method: Method,
    path: &'static str,
    body: Option<Value>,
    own: Answers,
    /// For the fabric of a team that none of the callers is in.
    foreign: Option<Answers>,
}

fn row(method: Method, path: &'static str, body: Option<Value>, own: Answers) -> Row {
    Row { method, path, body, own, foreign: None }
}

fn on_fabric(method: Method, path: &'static str, body: Option<Value>, own: Answers, foreign: Answers) -> Row {
    Row { method, path, body, own, foreign: Some(foreign) }
}

const EVERYBODY: Answers = [OK; 6];
const NOBODY_ELSES: Answers = [NONE; 6];
const BUT_CLUSTER_ADMINS: Answers = [NONE, NONE, OK, NONE, NONE, NONE];

#[rustfmt::skip]
fn table(service: &ServiceWorld) -> Vec<Row> {
    let put = json!({"settings": settings(service)});
    let unsaved = json!({"fabric": DEV, "settings": settings(service), "identity": "person"});
    let app = json!({"settings": {"client_id": "1234", "confidential": false}});
    let token = |activity: &str| Some(json!({"activity": activity}));
    let test = |identity: &str| Some(json!({"identity": identity, "step": "discovery"}));
    let reference = json!({"lineage": "other", "generation": 1});
    let rejection = |activity: &str| {
        Some(json!({"activity": activity, "reference": reference, "rejection": {"status": 401}}))
    };
    let callback = json!({"callback_query": "state=unknown&code=1", "binding": "none"});
    let end = json!({"selection": {"of_user": "somebody"}});
    let admins_only = [NO, NO, OK, NO, NO, NO];
    vec![
        //                                                                 member team-  cluster work-  for an for a
        //                                                                        admin  admin   load   admin  member
        row(GET, "/healthz", None, EVERYBODY),
        row(GET, "/readyz", None, EVERYBODY),
        row(GET, "/metrics", None, EVERYBODY),
        row(GET, "/api/v1/openapi.json", None, EVERYBODY),
        row(GET, "/api/v1/authentication-methods", None, EVERYBODY),
        row(GET, "/api/v1/fabrics", None, EVERYBODY),
        row(POST, "/api/v1/test-connection", Some(unsaved),               [NO,    OK,    OK,     NO,    OK,    NO]),
        row(POST, "/api/v1/sign-ins/complete", Some(callback), NOBODY_ELSES),
        row(GET, "/api/v1/app-connections", None, admins_only),
        row(PUT, "/api/v1/app-connections/{name}", Some(app),             [NO,    NO,    DONE,   NO,    NO,    NO]),
        row(DELETE, "/api/v1/app-connections/{name}", None,               [NO,    NO,    DONE,   NO,    NO,    NO]),
        row(GET, "/api/v1/grants", None, admins_only),
        row(POST, "/api/v1/grants/end", Some(end), admins_only),
        row(POST, "/api/v1/reseal", None, admins_only),
        row(POST, "/api/v1/restore-check", None, admins_only),
        on_fabric(GET, "/api/v1/fabrics/{fabric}", None, EVERYBODY, BUT_CLUSTER_ADMINS),
        on_fabric(GET, "/api/v1/fabrics/{fabric}/advisories", None, EVERYBODY, BUT_CLUSTER_ADMINS),
        on_fabric(POST, "/api/v1/fabrics/{fabric}/check", Some(put.clone()),
                                                                          [NO,    DONE,  DONE,   NO,    DONE,  NO],
                                                                          [NO,    NO,    DONE,   NO,    NO,    NO]),
        on_fabric(PUT, "/api/v1/fabrics/{fabric}", Some(put),             [NO,    OK,    OK,     NO,    OK,    NO],
                                                                          [NO,    NO,    OK,     NO,    NO,    NO]),
        on_fabric(POST, "/api/v1/fabrics/{fabric}/test-connection", test("person"), EVERYBODY, BUT_CLUSTER_ADMINS),
        on_fabric(POST, "/api/v1/fabrics/{fabric}/test-connection", test("service-principal"),
                                                                          [NO,    OK,    OK,     NO,    OK,    NO],
                                                                          BUT_CLUSTER_ADMINS),
        on_fabric(POST, "/api/v1/fabrics/{fabric}/sign-ins", Some(json!({})),
                                                                          [MADE,  MADE,  NONE,   NO,    NO,    NO],
                                                                          NOBODY_ELSES),
        on_fabric(GET, "/api/v1/fabrics/{fabric}/sign-in", None,          [OK,    OK,    NONE,   NO,    NO,    NO],
                                                                          NOBODY_ELSES),
        on_fabric(PUT, "/api/v1/fabrics/{fabric}/personal-access-token", Some(json!({"token": "dapi0"})),
                                                                          [BAD,   BAD,   NONE,   NO,    NO,    NO],
                                                                          NOBODY_ELSES),
        on_fabric(DELETE, "/api/v1/fabrics/{fabric}/personal-access-token", None,
                                                                          [NONE,  NONE,  NONE,   NO,    NO,    NO],
                                                                          NOBODY_ELSES),
        on_fabric(POST, "/api/v1/fabrics/{fabric}/access-token", token("pipeline-development"),
                                                                          [OK,    OK,    NONE,   NO,    NO,    NO],
                                                                          NOBODY_ELSES),
        on_fabric(POST, "/api/v1/fabrics/{fabric}/access-token", token("scheduled-run"),
                                                                          [NO,    NO,    NONE,   OK,    OK,    OK],
                                                                          NOBODY_ELSES),
        on_fabric(POST, "/api/v1/fabrics/{fabric}/access-token", token("project-release"),
                                                                          [NO,    NO,    NONE,   NO,    OK,    NO],
                                                                          NOBODY_ELSES),
        on_fabric(POST, "/api/v1/fabrics/{fabric}/rejections", rejection("pipeline-development"),
                                                                          [OK,    OK,    NONE,   NO,    NO,    NO],
                                                                          NOBODY_ELSES),
        on_fabric(POST, "/api/v1/fabrics/{fabric}/rejections", rejection("scheduled-run"),
                                                                          [NO,    NO,    NONE,   OK,    OK,    OK],
                                                                          NOBODY_ELSES),
        // After these there is nothing left to ask for.
        on_fabric(DELETE, "/api/v1/fabrics/{fabric}/sign-in", None,       [OK,    OK,    NONE,   NO,    NO,    NO],
                                                                          NOBODY_ELSES),
        on_fabric(DELETE, "/api/v1/fabrics/{fabric}", None,               [NO,    DONE,  DONE,   NO,    DONE,  NO],
                                                                          [NONE,  NONE,  DONE,   NONE,  NONE,  NONE]),
    ]
}

/// A service behind a proxy on this machine, so that each refused request can come from an address of its own; with the
/// fabrics of two teams, and everybody signed in who can be.
async fn two_teams() -> ServiceWorld {
    let trusted_proxies = vec!["127.0.0.1/32".parse().unwrap(), "::1/128".parse().unwrap()];
    let settings = ServiceSettings { trusted_proxies, ..ServiceSettings::default() };
    let service = ServiceWorld::of(Setup::default(), settings).await;
    administer(&service).await;
    for (person, user_name) in [(alice(), "alice@example.com"), (team_admin(), "bob@example.com")] {
        service.world.try_sign_in(&person, user_name).await.expect("a sign-in");
    }
    service
}

/// Puts in place, or back, what the requests need.
async fn administer(service: &ServiceWorld) {
    let world = &service.world;
    world.set_app_connection().await;
    world.put_dev_fabric().await;
    let ledger = with_principal(fabric_settings(LEDGER, world.workspace.url()), &world.principal);
    let ledger = FabricSettings { team: "finance".into(), ..ledger };
    let secret = world.principal_secret();
    world.host.put_fabric(&cluster_admin(), ledger, Some(&secret), None).await.expect("a fabric");
}

async fn send(client: &HttpClient, row: &Row, fabric: &str) -> HttpAnswer {
    let path = row.path.replace("{fabric}", fabric).replace("{name}", "main");
    match &row.body {
        Some(body) => {
            let mut body = body.clone();
            if fabric == LEDGER && body["settings"].is_object() {
                body["settings"]["team"] = "finance".into();
            }
            client.send_json(row.method.clone(), &path, &body).await
        }
        None => client.send(row.method.clone(), &path).await,
    }
}

fn told(answer: &HttpAnswer) -> String {
    if answer.status.is_success() { answer.status.as_str().to_owned() } else { problem(answer).1 }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_may_do_what_it_may_do_and_nothing_else() {
    let service = two_teams().await;
    let anybody = HttpClient::new(&service.base_url);
    let scheduler = anybody.with_token(&service.api_token(&workload()).await);
    let member = anybody.with_token(&service.api_token(&alice()).await);
    let admin = anybody.with_token(&service.api_token(&team_admin()).await);
    let for_admin = scheduler.with_header("prophecy-on-behalf-of", "tina");
    let for_member = scheduler.with_header("Prophecy-On-Behalf-Of", "alice");
    let cluster_admin = anybody.with_token(&service.api_token(&cluster_admin()).await);
    let roles = [
        ("member", &member),
        ("team admin", &admin),
        ("cluster admin", &cluster_admin),
        ("workload", &scheduler),
        ("workload for an admin", &for_admin),
        ("workload for a member", &for_member),
    ];
    let mut wrong = Vec::new();
    for row in table(&service) {
        for (fabric, expected) in [(DEV, Some(row.own)), (LEDGER, row.foreign)] {
            for ((role, client), expected) in roles.iter().zip(expected.into_iter().flatten()) {
                let answer = send(client, &row, fabric).await;
                if told(&answer) != expected {
                    wrong.push(format!(
                        "{} {} {:?} on {fabric} by a {role}: {}, not {expected}: {}",
                        row.method,
                        row.path,
                        row.body,
                        told(&answer),
                        answer.text()
                    ));
                }
                if answer.status.is_success() && matches!(row.method, Method::PUT | Method::DELETE) {
                    administer(&service).await;
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_without_an_api_token_that_is_in_force() {
    let service = two_teams().await;
    let revoked = service.api_token(&alice()).await;
    service.users().revoke_api_tokens("alice").await.unwrap();
    let removed = service.api_token(&cluster_admin()).await;
    service.users().remove("clara").await.unwrap();
    let anybody = HttpClient::new(&service.base_url);
    let garbage = format!("fabric_auth_{}", "A".repeat(43));
    let clients = [
        ("no API token", anybody.clone()),
        ("garbage", anybody.with_header("authorization", "Bearer garbage")),
        ("a made-up API token", anybody.with_token(&garbage.into())),
        ("a revoked API token", anybody.with_token(&revoked)),
        ("an API token of a user who is gone", anybody.with_token(&removed)),
        ("a workload's header alone", anybody.with_header("prophecy-on-behalf-of", "tina")),
    ];
    let open = ["/healthz", "/readyz", "/api/v1/openapi.json"];
    let mut addresses = (1..=250).flat_map(|third| (1..=250).map(move |last| format!("198.51.{third}.{last}")));
    for row in table(&service) {
        for (name, client) in &clients {
            let client = client.with_header("x-forwarded-for", &addresses.next().unwrap());
            let answer = send(&client, &row, DEV).await;
            let expected = if open.contains(&row.path) { OK } else { NOT_LET_IN };
            assert_eq!(told(&answer), expected, "{} {} with {name}", row.method, row.path);
            assert_eq!(answer.status == 401, answer.headers.contains_key("www-authenticate"));
        }
    }
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_often_has_to_wait() {
    let service = ServiceWorld::bare().await;
    let client = HttpClient::new(&service.base_url).with_header("authorization", "Bearer garbage");
    let mut last = client.get("/api/v1/fabrics").await;
    for _ in 0..30 {
        last = client.get("/api/v1/fabrics").await;
    }
    assert_eq!(problem(&last), (429, "too-many-attempts".to_owned()));
    assert_eq!(last.json()["retry_after"].to_string(), last.header("retry-after"));
    let admin = HttpClient::new(&service.base_url).with_token(&service.api_token(&cluster_admin()).await);
    assert_eq!(admin.get("/api/v1/fabrics").await.status, 200);
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_shows_the_fabrics_of_the_callers_teams_only() {
    let service = two_teams().await;
    let anybody = HttpClient::new(&service.base_url);
    let both = Caller {
        user: "both".into(),
        teams: ["data", "finance"].map(|team| TeamMembership { team: team.into(), role: TeamRole::Member }).into(),
        ..alice()
    };
    for (caller, seen) in [
        (alice(), vec![DEV]),
        (stranger(), vec![LEDGER]),
        (workload(), vec![DEV]),
        (both, vec![DEV, LEDGER]),
        (cluster_admin(), vec![DEV, LEDGER]),
    ] {
        let client = anybody.with_token(&service.api_token(&caller).await);
        let page = client.get("/api/v1/fabrics").await.json();
        let names = page["fabrics"].as_array().unwrap().iter().map(|fabric| fabric["name"].as_str().unwrap());
        assert_eq!(names.collect::<BTreeSet<_>>(), BTreeSet::from_iter(seen), "{}", caller.user);
    }
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_has_every_operation_of_the_document() {
    let service = ServiceWorld::bare().await;
    let document = HttpClient::new(&service.base_url).get("/api/v1/openapi.json").await.json();
    let documented: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())))
        .collect();
    let tried: BTreeSet<(String, String)> =
        table(&service).iter().map(|row| (row.method.to_string(), row.path.to_owned())).collect();
    assert_eq!(tried, documented);
    service.end().await;
}
