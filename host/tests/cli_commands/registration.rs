//! Registering Prophecy with Databricks: what there is to do, and by whom.

use serde_json::{Value, json};

use super::support::{ALICE, Deployment};

fn steps_of<'a>(guide: &'a Value, actor: &str) -> Vec<&'a Value> {
    guide["steps"].as_array().unwrap().iter().filter(|step| step["actor"] == actor).collect()
}

fn text_of(steps: &[&Value]) -> String {
    steps.iter().map(|step| step["step"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

/// PB-015, PB-016, PB-017, PB-019, PB-020, PB-100, PB-101, PB-102.
#[tokio::test(flavor = "multi_thread")]
async fn the_guide_names_who_does_what_and_the_values_to_copy() {
    let deployment = Deployment::new().await;
    let redirect_urls: Vec<String> = ["api/databricks/oauthredirect", "metadata/oauthCallback"]
        .map(|path| format!("http://127.0.0.1:{}/{path}", deployment.port))
        .to_vec();
    let guide = deployment.run(&["app", "guide", "--output", "json"]).ends_with(0).json();
    assert_eq!(guide["registration"], "needed");
    assert_eq!((&guide["redirect_urls"], &guide["access_scopes"]), (&json!(redirect_urls), &json!(["all-apis"])));

    let account_admin = steps_of(&guide, "databricks-account-admin");
    assert!(account_admin.iter().any(|step| step["copy"] == json!(redirect_urls)), "{guide}");
    let text = text_of(&account_admin);
    for expected in ["Account Settings > App connections", "ALL APIs", "Save", "client secret", "cannot fetch"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let cluster_admin = steps_of(&guide, "prophecy-cluster-admin");
    let text = text_of(&cluster_admin);
    for expected in ["Admin Settings > Security", "Databricks OAuth Application (U2M)", "Client ID", "Client Secret"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(text_of(&steps_of(&guide, "everybody")).contains("30 minutes"), "{guide}");

    let shown = deployment.run(&["app", "guide"]).ends_with(0).stdout;
    for expected in
        ["1. a Databricks account admin: ", "a Prophecy cluster admin: ", &redirect_urls[0], &redirect_urls[1]]
    {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
}

/// PB-102, PB-141: what is set for an app connection is what its guide tells.
#[tokio::test(flavor = "multi_thread")]
async fn the_guide_of_an_app_connection_tells_its_scopes() {
    let deployment = Deployment::new().await;
    deployment.set_app();
    let guide = deployment.run(&["app", "guide", "default", "--output", "json"]).ends_with(0).json();
    assert_eq!((&guide["registration"], &guide["access_scopes"]), (&json!("done"), &json!(["all-apis"])));
    deployment.run(&["app", "set", "--scopes", "sql,unity-catalog"]).ends_with(0);
    let guide = deployment.run(&["app", "guide", "default", "--output", "json"]).ends_with(0).json();
    assert_eq!(guide["access_scopes"], json!(["sql", "unity-catalog"]));
    assert!(guide["steps"].as_array().unwrap().iter().any(|step| step["copy"] == guide["access_scopes"]), "{guide}");
    deployment.run(&["app", "guide", "missing"]).ends_with(1).says(&["app show"]);
}

/// PB-009, PB-012, PB-050: on SaaS nobody has anything to do; elsewhere what stands in the way is told.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_offered_is_told_for_every_deployment() {
    let deployment = Deployment::new().await;
    for mode in ["self-hosted", "dedicated-saas"] {
        deployment.configure("mode = \"self-hosted\"", &format!("mode = \"{mode}\""));
        let methods = deployment.run(&["methods", "--output", "json"]).ends_with(0).json();
        assert_eq!(
            (&methods["registration"], &methods["session_control"]),
            (&json!("needed"), &json!("databricks-account-admin"))
        );
        let oauth = &methods["methods"][0];
        assert_eq!((&oauth["method"], &oauth["usable"]), (&json!("oauth"), &json!(false)));
        assert_eq!(
            (&oauth["problem"]["case"], &oauth["problem"]["actor"]),
            (&json!("app-connection-missing"), &json!("cluster-admin"))
        );
        assert_eq!(methods["methods"][1]["method"], "personal-access-token");
        let text = deployment.run(&["methods"]).ends_with(0).stdout;
        assert!(text.contains("oauth: cannot be used") && text.contains("fabric-auth app guide"), "{text}");
    }
    let client_id = format!("mode = \"saas\"\ndefault_client_id = \"{}\"", deployment.app.client_id);
    deployment.configure("mode = \"dedicated-saas\"", &client_id);
    let methods = deployment.run(&["methods", "--output", "json"]).ends_with(0).json();
    assert_eq!((&methods["registration"], &methods["session_control"]), (&json!("not-needed"), &json!("nobody")));
    assert_eq!((&methods["methods"][0]["usable"], &methods["session_lifetime"]), (&json!(true), &json!(604_800)));
    assert!(deployment.run(&["methods"]).ends_with(0).stdout.contains("nothing to do"));
    let guide = deployment.run(&["app", "guide"]).ends_with(0);
    assert!(guide.stdout.starts_with("There is nothing to do"), "{guide:?}");
    assert_eq!(deployment.run(&["app", "guide", "--output", "json"]).json()["steps"], json!([]));
}

/// A wrong client secret stops nobody, and is told wherever an administrator looks.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_secret_that_is_refused_is_shown() {
    let deployment = Deployment::with_fabric().await;
    let arguments = ["app", "set", "--client-secret-file", "-", "--output", "json"];
    let set = deployment.run_with(&arguments, "dose-mistyped\n").ends_with(0).json();
    let app = &set["app_connections"][0];
    assert_eq!((&app["has_previous_secret"], &app["client_secret_refused"]), (&json!(true), &json!(false)));
    assert!(app["set_for"].as_u64().unwrap() < 60, "{app}");
    deployment.log_in_as(ALICE, &[]).await.ends_with(0);

    let app = &deployment.run(&["app", "show", "--output", "json"]).ends_with(0).json()["app_connections"][0];
    assert_eq!(app["client_secret_refused"], true);
    assert!(deployment.run(&["app", "show"]).ends_with(0).stdout.contains("refused by Databricks"));
    let check = deployment.run(&["check", "dev", "--output", "json"]).ends_with(4).json();
    assert!(
        check["advisories"].as_array().unwrap().iter().any(|advisory| advisory["kind"] == "refused-client-secret"),
        "{check}"
    );
    deployment.assert_no_secret_leaked();
}
