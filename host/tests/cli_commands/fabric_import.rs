//! Fabrics from the file of Prophecy's build tool.

use super::support::{Deployment, Run, TEAM, binary, finish};

/// A file in which everything that can be is a placeholder.
const FILE: &str = r#"
project_git_tokens: []
fabrics:
  - id: "1"
    name: dev
    type: Spark
    provider: Databricks
    databricks:
      url: "{{WORKSPACE}}"
      token: "{{TOKEN}}"
      auth_type: "{{METHOD}}"
      oauth_credentials:
        client_id: "{{SP_ID}}"
        client_secret: "{{SP_SECRET}}"
      volume: "{{VOLUME}}"
  - id: "2"
    name: models
    type: Sql
    provider: Databricks
    databricks: {url: "{{WORKSPACE}}", authType: oauth, oAuthType: u2m}
  - id: "3"
    name: dags
    type: Airflow
    provider: Composer
    composer: {project_id: x}
"#;

/// Imports the file `fabrics.yml` with this content. The environment has what its placeholders ask for.
fn import(deployment: &Deployment, content: &str, more: &[&str]) -> Run {
    let file = deployment.secret_file("fabrics.yml", content);
    let arguments = [&["fabric", "import", file, "--team", TEAM], more].concat();
    let mut command = binary(deployment.folder.path(), &arguments);
    command
        .env("WORKSPACE", deployment.workspace.url())
        .env("TOKEN", "dapi-of-somebody")
        .env("METHOD", "oauth")
        .env("SP_ID", &deployment.service_principal.application_id)
        .env("SP_SECRET", deployment.service_principal.secret().unwrap().expose())
        .env("VOLUME", "/Volumes/x");
    let run = finish(command, "");
    assert!(!run.stdout.contains("dapi-of") && !run.stderr.contains("dapi-of"), "{run:?}");
    deployment.remember(&run);
    run
}

fn names(deployment: &Deployment) -> Vec<String> {
    let list = deployment.run(&["fabric", "list", "--output", "json"]).ends_with(0).json();
    list["fabrics"].as_array().unwrap().iter().map(|fabric| fabric["name"].as_str().unwrap().to_owned()).collect()
}

/// PB-145, PB-148: placeholders in every value, those of OAuth among them.
#[tokio::test(flavor = "multi_thread")]
async fn the_fabrics_of_a_file_are_added_with_their_credentials_and_no_secret_is_shown() {
    let deployment = Deployment::new().await;
    deployment.set_app();
    let dry = import(&deployment, FILE, &["--dry-run"]).ends_with(0);
    assert!(dry.stdout.contains("will be added"), "{dry:?}");
    assert!(names(&deployment).is_empty(), "nothing is written");
    let run = import(&deployment, FILE, &["--output", "json"]).ends_with(0);
    let view = run.json();
    assert_eq!((&view["written"], view["fabrics"].as_array().unwrap().len()), (&true.into(), 2));
    assert!(run.stderr.contains("dags") && run.stderr.contains("fabrics[0].databricks.token"), "{run:?}");
    assert!(!run.stderr.contains("warning"), "{run:?}");
    assert_eq!(names(&deployment), ["dev", "models"]);
    let dev = deployment.run(&["fabric", "show", "dev", "--output", "json"]).ends_with(0).json();
    assert_eq!((&dev["kind"], &dev["team"]), (&"spark".into(), &TEAM.into()));
    assert_eq!(
        (&dev["workspace"], &dev["has_service_principal_secret"]),
        (&deployment.workspace.url().into(), &true.into())
    );
    deployment.run_secretly(&["token", "dev", "--activity", "scheduled-run"], "").ends_with(0);
    deployment.run(&["token", "models", "--activity", "scheduled-run"]).ends_with(1);

    let again = import(&deployment, FILE, &["--output", "json"]).ends_with(1);
    assert_eq!(again.error()["case"], "conflict");
    deployment
        .run(&["fabric", "add", "dev", "--replace", "--compute", "abc", "--sp-secret-expires-in", "90d"])
        .ends_with(0);
    assert!(import(&deployment, FILE, &["--replace"]).ends_with(0).stdout.contains("changed"));
    let dev = deployment.run(&["fabric", "show", "dev", "--output", "json"]).ends_with(0).json();
    assert_eq!(dev["compute"], "abc", "what the file does not name is kept");
    assert!(dev.get("service_principal_secret_expires_in").is_none(), "the secret was given anew");
    deployment.assert_no_secret_leaked();
}

/// PB-145, PB-148: also when what is wrong is found by the component, in the last of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_wrong_anywhere_is_refused_by_the_place_and_nothing_is_written() {
    let deployment = Deployment::new().await;
    for (from, to, field) in [
        ("{url: \"{{WORKSPACE}}\", authType", "{url: \"https://evil.example\", authType", "fabrics[1].databricks.url"),
        ("authType: oauth", "authType: basic", "fabrics[1].databricks.authType"),
        ("oAuthType: u2m", "oAuthType: b2b", "fabrics[1].databricks.oAuthType"),
        ("{{SP_SECRET}}", "{{NOT_THERE}}", "fabrics[0].databricks.oauth_credentials.client_secret"),
        ("        client_id: \"{{SP_ID}}\"\n", "", "fabrics[0].databricks.oauth_credentials.client_id"),
        ("type: Sql", "type: Cobol", "fabrics[1].type"),
    ] {
        let content = FILE.replacen(from, to, 1);
        assert_ne!(content, FILE, "{from}");
        let run = import(&deployment, &content, &["--output", "json"]).ends_with(2);
        assert_eq!((&run.error()["case"], &run.error()["field"]), (&"invalid-input".into(), &field.into()), "{run:?}");
        assert!(run.error()["message"].as_str().unwrap().contains(field), "{run:?}");
        assert!(names(&deployment).is_empty(), "{field}");
    }
    for content in ["fabrics: {{X}}", "a: [", "fabrics: []"] {
        let run = import(&deployment, content, &["--output", "json"]).ends_with(2);
        assert!(run.error()["message"].as_str().unwrap().contains("fabrics.yml"), "{run:?}");
    }
    deployment.run(&["fabric", "import", "missing.yml", "--team", TEAM]).ends_with(2).says(&["cannot be opened"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_the_file_itself_is_taken_with_a_warning() {
    use std::os::unix::fs::PermissionsExt as _;
    let deployment = Deployment::new().await;
    let secret = deployment.service_principal.secret().unwrap().expose().to_owned();
    let content = FILE.replacen("{{SP_SECRET}}", &secret, 1);
    import(&deployment, &content, &[]).ends_with(0).says(&["warning", "client_secret", "{{NAME}}"]);
    deployment.run_secretly(&["token", "dev", "--activity", "scheduled-run"], "").ends_with(0);
    let file = deployment.path("fabrics.yml");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut command =
        binary(deployment.folder.path(), &["fabric", "import", "fabrics.yml", "--team", TEAM, "--replace"]);
    command.envs([("WORKSPACE", deployment.workspace.url()), ("TOKEN", "t"), ("METHOD", "oauth"), ("SP_ID", "i")]);
    let run = finish(command, "").ends_with(0).says(&["chmod 600"]);
    deployment.remember(&run);
    deployment.assert_no_secret_leaked();
}
