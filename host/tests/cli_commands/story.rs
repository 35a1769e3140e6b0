//! What people do with it, from an empty folder to a token and out again.

use std::os::unix::fs::PermissionsExt as _;

use simulated_workspace::Needle;

use super::support::{ALICE, Deployment, TEAM, binary, finish};

/// PB-046, PB-047, PB-076: no secret is printed that is not asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_gets_a_token_and_signs_out() {
    let deployment = Deployment::with_fabric().await;
    deployment.run(&["test", "dev"]).ends_with(3);
    let required = deployment.run(&["token", "dev", "--output", "json"]).ends_with(3);
    assert_eq!(required.stdout, "");
    assert_eq!(required.error()["case"], "sign-in-required");
    assert_eq!(required.error()["reason"], "never-signed-in");
    assert_eq!(required.error()["actor"], "person");

    let login = deployment.log_in_as(ALICE, &[]).await.ends_with(0);
    assert_eq!(login.stdout, format!("Signed in to dev as {ALICE}.\n"));

    let token = deployment.run_secretly(&["token", "dev"], "").ends_with(0);
    assert_eq!(token.stderr, "");
    let token = token.stdout.strip_suffix('\n').unwrap();
    assert!(deployment.workspace.secrets().iter().any(|secret| secret.expose() == token));
    let json = deployment.run_secretly(&["token", "dev", "--output", "json"], "").ends_with(0).json();
    assert_eq!(json["access_token"], token);
    assert_eq!(json["token_type"], "Bearer");
    assert_eq!(json["identity"], "person");
    assert_eq!(json["databricks_user"], ALICE);
    assert_eq!(json["workspace_url"], deployment.workspace.url());
    assert!((3_000..=3_600).contains(&json["expires_in"].as_u64().unwrap()), "{}", json["expires_in"]);

    let status = deployment.run(&["status", "dev", "--output", "json"]).ends_with(0).json();
    assert_eq!(status["user"], "olivia");
    let fabric = &status["fabrics"][0];
    assert_eq!((&fabric["signed_in"], &fabric["renewable"]), (&true.into(), &true.into()));
    assert_eq!(fabric["databricks_user"], ALICE);
    assert!(fabric["session_expires_in"].as_u64().unwrap() > 6 * 86_400);
    assert_eq!(fabric["attention"][0]["kind"], "missing-service-principal");

    let out = deployment.run(&["logout", "dev", "--output", "json"]).ends_with(0).json();
    assert_eq!(out, serde_json::json!({ "fabric": "dev", "grant_ended": true, "revoked": false }));
    assert!(deployment.run(&["logout", "dev"]).ends_with(0).stdout.contains("There was no sign-in"));
    let status = deployment.run(&["status"]).ends_with(0);
    assert!(status.stdout.contains("sign-in required (signed-out)"), "{}", status.stdout);
    deployment.run(&["token", "dev"]).ends_with(3);

    assert!(Needle::new(token).find(format!("x{token}").as_bytes()).is_some(), "the search finds what is there");
    deployment.assert_no_secret_leaked();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_belongs_to_the_user_who_made_it() {
    let deployment = Deployment::with_fabric().await;
    deployment.log_in_as(ALICE, &["--user", "alice"]).await.ends_with(0);
    deployment.run_secretly(&["token", "dev", "--user", "alice"], "").ends_with(0);
    deployment.run(&["token", "dev"]).ends_with(3);
    let person = ["--role", "person", "--user", "alice"];
    let with = |more: &[&'static str]| [&person[..], more].concat();
    deployment.run_secretly(&with(&["--team", TEAM, "token", "dev"]), "").ends_with(0);
    let stranger = deployment.run(&with(&["--output", "json", "token", "dev"])).ends_with(1);
    assert_eq!(stranger.error()["case"], "not-found");
    let activity = ["--team", TEAM, "--output", "json", "token", "dev", "--activity", "scheduled-run"];
    let forbidden = deployment.run(&with(&activity)).ends_with(1);
    assert_eq!(forbidden.error()["case"], "forbidden");
    let app = deployment.run(&with(&["--output", "json", "app", "show"])).ends_with(1);
    assert_eq!(app.error()["case"], "forbidden");
}

/// PB-054, PB-061.
#[tokio::test(flavor = "multi_thread")]
async fn unattended_work_gets_the_token_of_the_service_principal() {
    let deployment = Deployment::new().await;
    deployment.set_app();
    let id = deployment.service_principal.application_id.clone();
    let secret = deployment.service_principal.secret().unwrap().expose().to_owned();
    let file = deployment.secret_file("sp-secret", &secret);
    deployment.add_fabric("jobs", &["--sp-client-id", &id, "--sp-client-secret-file", file]).ends_with(0);

    let arguments = ["token", "jobs", "--activity", "scheduled-run", "--output", "json"];
    let token = deployment.run_secretly(&arguments, "").ends_with(0).json();
    assert_eq!((&token["identity"], &token["databricks_user"]), (&"service-principal".into(), &id.clone().into()));

    let test = deployment.run(&["test", "jobs", "--as", "service-principal", "--output", "json"]).ends_with(0).json();
    let steps: Vec<&str> =
        test["tests"][0]["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["discovery", "access-token", "identity", "compute"]);
    assert_eq!(test["passed"], true);
    assert!(test["tests"][0]["steps"][0]["seconds"].as_f64().unwrap() > 0.0);

    let both = deployment.run(&["test", "jobs"]).ends_with(3);
    assert!(both.stdout.contains("as person:") && both.stdout.contains("as service-principal:"), "{both:?}");
    assert!(both.stdout.contains("FAIL") && both.stdout.contains("Who can fix it: the person."), "{both:?}");

    assert!(deployment.workspace.change_service_principal(&id, |principal| principal.secrets.clear()));
    let file = deployment.secret_file("sp-secret", "dose-of-another-kind");
    let replace = ["--replace", "--sp-client-id", &id, "--sp-client-secret-file", file];
    deployment.add_fabric("jobs", &replace).ends_with(0);
    let rejected = deployment.run(&arguments).ends_with(1);
    assert_eq!(rejected.error()["case"], "service-principal-rejected", "{rejected:?}");
    assert_eq!(rejected.error()["actor"], "team-admin");
    deployment.run(&["test", "jobs"]).ends_with(1);
    deployment.assert_no_secret_leaked();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_named_of_an_app_connection_stays_as_it_is() {
    let deployment = Deployment::new().await;
    deployment.set_app();
    let set = ["app", "set", "--scopes", "sql,email", "--refresh-tokens", "single-use", "--refresh-token-days", "30"];
    deployment.run(&set).ends_with(0);
    let file = deployment.secret_file("secret", "the-next-secret");
    let run = deployment.run(&["app", "set", "--client-secret-file", file, "--output", "json"]).ends_with(0);
    let app = &run.json()["app_connections"][0];
    assert_eq!(app["client_id"], deployment.app.client_id);
    assert_eq!(app["scopes"].as_array().unwrap().len(), 2);
    assert_eq!(app["refresh_token_policy"], "single-use");
    assert_eq!(app["refresh_token_lifetime"], 30 * 86_400);
    assert_eq!((&app["has_client_secret"], &app["default"]), (&true.into(), &true.into()));
    assert!(!run.stderr.contains("warning"), "{run:?}");

    std::fs::set_permissions(deployment.path(file), std::fs::Permissions::from_mode(0o644)).unwrap();
    deployment.run(&["app", "set", "--client-secret-file", file]).ends_with(0).says(&["warning", "chmod 600"]);
    let public = deployment.run(&["app", "set", "--public", "--output", "json"]).ends_with(0).json();
    assert_eq!(public["app_connections"][0]["has_client_secret"], false);
    deployment.run(&["app", "remove", "default"]).ends_with(0);
    assert!(deployment.run(&["app", "show"]).ends_with(0).stdout.contains("No app connection"));
    assert!(!deployment.run(&["app", "show"]).stdout.contains("the-next-secret"));
}

/// PB-042, PB-062.
#[tokio::test(flavor = "multi_thread")]
async fn fabrics_are_added_listed_shown_and_removed() {
    let deployment = Deployment::with_fabric().await;
    let twice = deployment.add_fabric("dev", &["--output", "json"]).ends_with(1);
    assert_eq!(twice.error()["case"], "conflict");
    assert!(twice.error()["message"].as_str().unwrap().contains("--replace"));
    deployment.add_fabric("dev", &["--replace", "--compute", "abc"]).ends_with(0);
    let shown = deployment.run(&["fabric", "show", "dev", "--output", "json"]).ends_with(0).json();
    assert_eq!((&shown["compute"], &shown["kind"], &shown["team"]), (&"abc".into(), &"sql".into(), &TEAM.into()));
    assert_eq!(shown["workspace"], deployment.workspace.url());
    let list = deployment.run(&["fabric", "list", "--output", "json"]).ends_with(0).json();
    assert_eq!(list["fabrics"].as_array().unwrap().len(), 1);
    let removed = deployment.run(&["fabric", "remove", "dev"]).ends_with(0);
    assert_eq!(removed.stdout, "");
    assert!(deployment.run(&["fabric", "list"]).ends_with(0).stdout.contains("no fabrics"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_named_of_a_fabric_stays_as_it_is() {
    let deployment = Deployment::new().await;
    deployment.set_app();
    let id = deployment.service_principal.application_id.clone();
    let file = deployment.secret_file("sp-secret", deployment.service_principal.secret().unwrap().expose());
    let all = [
        "--compute",
        "abc",
        "--app",
        "default",
        "--scopes",
        "sql,email",
        "--sp-scopes",
        "all-apis",
        "--crawl-as",
        "service-principal",
        "--sp-client-id",
        &id,
        "--sp-client-secret-file",
        file,
    ];
    deployment.add_fabric("jobs", &all).ends_with(0);
    let show = || {
        let mut fabric = deployment.run(&["fabric", "show", "jobs", "--output", "json"]).ends_with(0).json();
        fabric.as_object_mut().unwrap().remove("revision").unwrap();
        fabric
    };
    let before = show();
    assert_eq!(before["has_service_principal_secret"], true);
    deployment.run(&["fabric", "add", "jobs", "--replace"]).ends_with(0);
    assert_eq!(show(), before);
    deployment.run(&["fabric", "add", "jobs", "--replace", "--team", "finance"]).ends_with(0);
    let mut expected = before.clone();
    expected["team"] = "finance".into();
    assert_eq!(show(), expected);
    let arguments = ["token", "jobs", "--activity", "scheduled-run"];
    deployment.run_secretly(&arguments, "").ends_with(0);

    let less =
        ["--compute", "", "--scopes", "", "--app", "", "--crawl-as", "person", "--sp-client-id", "", "--sp-scopes", ""];
    deployment.run(&[&["fabric", "add", "jobs", "--replace"][..], &less].concat()).ends_with(0);
    let left = show();
    for member in ["compute", "app_connection", "service_principal_client_id"] {
        assert!(left.get(member).is_none(), "{member}: {left}");
    }
    assert_eq!((&left["scopes"], &left["has_service_principal_secret"]), (&serde_json::json!([]), &false.into()));

    let unknown =
        deployment.run(&["fabric", "add", "other", "--replace", "--team", "t", "--output", "json"]).ends_with(2);
    assert_eq!(unknown.error()["option"], "--workspace-url");
    deployment.assert_no_secret_leaked();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_alone_can_be_given_to_a_fabric() {
    let deployment = Deployment::new().await;
    let id = deployment.service_principal.application_id.clone();
    let wrong = deployment.secret_file("sp-secret", "dose-of-another-kind");
    deployment.add_fabric("jobs", &["--sp-client-id", &id, "--sp-client-secret-file", wrong]).ends_with(0);
    let arguments = ["token", "jobs", "--activity", "scheduled-run"];
    deployment.run(&arguments).ends_with(1);
    let right = deployment.secret_file("sp-secret", deployment.service_principal.secret().unwrap().expose());
    deployment.run(&["fabric", "add", "jobs", "--replace", "--sp-client-secret-file", right]).ends_with(0);
    deployment.run_secretly(&arguments, "").ends_with(0);
}

/// PB-069, PB-133: only what is asked about can hold a pipeline up.
#[tokio::test(flavor = "multi_thread")]
async fn what_will_stand_in_the_way_is_found_beforehand() {
    let deployment = Deployment::new().await;
    deployment.run(&["check"]).ends_with(0);
    deployment.add_fabric("dev", &["--app", "nope"]).ends_with(0).says(&["warning: nobody can sign in to dev", "nope"]);
    let found = deployment.run(&["check", "--output", "json"]).ends_with(4).json();
    let kinds: Vec<&str> =
        found["advisories"].as_array().unwrap().iter().map(|advisory| advisory["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["missing-service-principal", "missing-app-connection"]);

    deployment.set_app();
    let id = deployment.service_principal.application_id.clone();
    let file = deployment.secret_file("sp-secret", deployment.service_principal.secret().unwrap().expose());
    let mended = ["--replace", "--app", "default", "--sp-client-id", &id, "--sp-client-secret-file", file];
    let run = deployment.add_fabric("dev", &mended).ends_with(0);
    assert_eq!(run.stderr, "");
    deployment.add_fabric("unused", &[]).ends_with(0);
    assert!(deployment.run(&["check", "dev"]).ends_with(0).stdout.contains("Nothing stands in the way"));
    deployment.run(&["check"]).ends_with(4);
}

#[test]
fn without_a_variable_the_user_has_the_name_that_the_system_knows() {
    let folder = tempfile::tempdir().unwrap();
    finish(binary(folder.path(), &["init"]), "").ends_with(0);
    let user_of = |variables: &[(&str, &str)]| {
        let mut command = binary(folder.path(), &["status", "--output", "json"]);
        command.env_remove("USER").env_remove("LOGNAME").envs(variables.iter().copied());
        finish(command, "").ends_with(0).json()["user"].as_str().unwrap().to_owned()
    };
    assert_eq!(user_of(&[("LOGNAME", "lena")]), "lena");
    let number = rustix::process::geteuid().as_raw().to_string();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let entry = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|entry| entry[2] == number);
    // Where the system knows the user from elsewhere, any name but the fallback is right.
    match entry {
        Some(entry) => assert_eq!(user_of(&[]), entry[0]),
        None => assert!(!user_of(&[]).is_empty()),
    }
}
