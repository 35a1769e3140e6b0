//! Wrong arguments and names: the exit code, and what the person is told.

use super::support::{Deployment, binary, finish};

#[test]
fn wrong_usage_ends_with_2_and_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let url = ["--workspace-url", "https://a.cloud.databricks.com"];
    let add = ["fabric", "add", "dev", "--team", "t"];
    for arguments in [
        vec![],
        vec!["frobnicate"],
        vec!["--output", "yaml", "status"],
        vec!["--role", "king", "status"],
        vec!["init", "a", "b"],
        vec!["app", "set", "--public", "--client-secret-file", "f"],
        vec!["app", "set", "--refresh-token-days", "0"],
        vec!["app", "remove"],
        add.to_vec(),
        [&add[..], &url, &["--jdbc-url", "jdbc:databricks://a"]].concat(),
        [&add[..], &url, &["--kind", "toaster"]].concat(),
        [&add[..], &url, &["--sp-client-secret-file", "f"]].concat(),
        vec!["fabric", "add", "dev", "--workspace-url", "https://a.cloud.databricks.com"],
        vec!["fabric", "import"],
        vec!["fabric", "import", "fabrics.yml"],
        vec!["check", "--within", "soon"],
        vec!["login"],
        vec!["login", "dev", "--browser"],
        vec!["logout"],
        vec!["token"],
        vec!["token", "dev", "--activity", "lunch"],
        vec!["status", "a", "b"],
        vec!["test", "dev", "--as", "root"],
        vec!["keys"],
        vec!["keys", "promote"],
        vec!["keys", "remove"],
        vec!["grants"],
        vec!["grants", "end"],
        vec!["grants", "end", "--user", "alice"],
        vec!["grants", "end", "--all"],
        vec!["grants", "end", "--yes"],
        vec!["grants", "end", "--of-user", "alice", "--of-fabric", "dev"],
        vec!["personal-access-token", "set", "dev"],
        vec!["personal-access-token", "set", "dev", "dapi0123"],
        vec!["journal"],
        vec!["journal", "tail", "--count", "-1"],
        vec!["journal", "tail", "--action", "lunch"],
        vec!["journal", "export", "--since", "yesterday"],
        vec!["inspect", "a", "b"],
        vec!["completions", "cmd"],
    ] {
        let run = finish(binary(folder.path(), &arguments), "").ends_with(2);
        assert_eq!(run.stdout, "", "{arguments:?}");
        assert!(!run.stderr.is_empty(), "{arguments:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn wrong_usage_is_a_line_of_json_where_json_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [vec!["--output", "json", "token"], vec!["token", "--output=json"]] {
        let run = finish(binary(folder.path(), &arguments), "").ends_with(2);
        assert_eq!(run.error()["case"], "invalid-input");
        assert_eq!(run.error()["field"], "FABRIC");
        assert_eq!(run.stderr.lines().count(), 1);
    }
    let run = finish(binary(folder.path(), &["--output", "json", "token", "dev", "--activity", "x"]), "").ends_with(2);
    assert_eq!(run.error()["option"], "--activity");
    assert!(run.error()["message"].as_str().unwrap().contains("scheduled-run"), "{run:?}");
    let mut by_environment = binary(folder.path(), &["token"]);
    by_environment.env("FABRIC_AUTH_OUTPUT", "json");
    assert_eq!(finish(by_environment, "").ends_with(2).error()["actor"], "caller");
}

#[test]
fn help_version_and_completions_need_no_configuration() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (vec!["--help"], "Usage: fabric-auth"),
        (vec!["--help"], "Exit codes:\n  0  done\n  1  failed\n  2  wrong usage"),
        (vec!["fabric", "add", "--help"], "Every setting whose option is left out stays as it is"),
        (vec!["--version"], env!("CARGO_PKG_VERSION")),
        (vec!["completions", "bash"], "complete -F _fabric__auth"),
        (vec!["completions", "zsh"], "#compdef fabric-auth"),
    ] {
        let run = finish(binary(folder.path(), &arguments), "").ends_with(0);
        assert!(run.stdout.contains(expected), "{run:?}");
    }
}

#[test]
fn every_command_that_the_bash_script_comes_to_has_its_completions() {
    let folder = tempfile::tempdir().unwrap();
    let script = finish(binary(folder.path(), &["completions", "bash"]), "").ends_with(0).stdout;
    let commands: Vec<&str> =
        script.lines().filter_map(|line| line.trim().strip_prefix("cmd=\"")?.strip_suffix('"')).collect();
    assert!(commands.iter().any(|command| command.ends_with("token")));
    for command in commands.into_iter().filter(|command| !command.is_empty()) {
        assert!(script.contains(&format!("\n        {command})\n")), "{command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_there_is_told_so() {
    let deployment = Deployment::with_fabric().await;
    for arguments in [
        vec!["fabric", "show", "prod"],
        vec!["fabric", "remove", "prod"],
        vec!["login", "prod", "--no-browser"],
        vec!["logout", "prod"],
        vec!["token", "prod"],
        vec!["status", "prod"],
        vec!["test", "prod"],
        vec!["check", "prod"],
        vec!["personal-access-token", "remove", "prod"],
        vec!["grants", "end", "--of-fabric", "prod"],
        vec!["app", "show", "other"],
        vec!["app", "remove", "other"],
    ] {
        let run = deployment.run(&[&["--output", "json"][..], &arguments].concat()).ends_with(1);
        assert_eq!((run.error()["case"].as_str(), run.stdout.as_str()), (Some("not-found"), ""), "{arguments:?}");
        let message = run.error()["message"].as_str().unwrap().to_owned();
        let (name, list) = if arguments[0] == "app" { ("other", "app show") } else { ("prod", "fabric list") };
        assert!(message.contains(&format!("{name:?}")) && message.contains(list), "{message}");
    }
    let long = "x".repeat(500);
    for name in ["", "a\u{1b}[2Jb", &long] {
        let run = deployment.run(&["--output", "json", "fabric", "show", name]).ends_with(2);
        assert_eq!(
            (&run.error()["case"], &run.error()["option"]),
            (&"invalid-input".into(), &"FABRIC".into()),
            "{run:?}"
        );
        deployment.add_fabric(name, &[]).ends_with(2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_value_is_refused_with_the_field_it_stands_in() {
    let deployment = Deployment::new().await;
    for (url, option) in [
        ("https://evil.example.com", "--workspace-url"),
        ("ftp://dbc.cloud.databricks.com", "--workspace-url"),
        ("http://dbc.cloud.databricks.com", "--workspace-url"),
        ("", "--workspace-url"),
        ("jdbc:mysql://dbc.cloud.databricks.com", "--jdbc-url"),
    ] {
        let arguments = ["fabric", "add", "dev", "--team", "t", option, url, "--output", "json"];
        let run = deployment.run(&arguments).ends_with(2);
        assert_eq!(run.error()["case"], "invalid-input", "{url}");
        assert_eq!(run.error()["field"], "settings.workspace", "{url}");
        assert_eq!(run.error()["option"], "--workspace-url or --jdbc-url", "{url}");
    }
    for (arguments, field, option) in [
        (vec!["app", "set"], "--client-id", "--client-id"),
        (vec!["app", "set", "--client-id", "abc"], "client-secret", "--client-secret-file"),
        (vec!["app", "set", "a/b", "--client-id", "abc", "--public"], "settings.name", "NAME"),
        (vec!["app", "set", "--client-id", "a\u{e4}", "--public"], "settings.client-id", "--client-id"),
    ] {
        let run = deployment.run(&[&["--output", "json"][..], &arguments].concat()).ends_with(2);
        assert_eq!((&run.error()["field"], &run.error()["option"]), (&field.into(), &option.into()), "{arguments:?}");
    }
    let text = deployment.add_fabric("dev", &["--compute", "a b"]).ends_with(2);
    assert!(text.stderr.starts_with("error: --compute: ") && text.stderr.contains("\nWho can fix it: "), "{text:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_that_a_setting_would_let_through_is_refused_with_its_name() {
    let deployment = Deployment::new().await;
    let refused =
        |url: &str| deployment.run(&["fabric", "add", "dev", "--team", "t", "--workspace-url", url]).ends_with(2);
    refused("https://dbc.example.com").says(&["egress.workspace_suffixes"]);
    deployment.configure("allow_loopback_http = true", "allow_loopback_http = false");
    refused(deployment.workspace.url()).says(&["egress.allow_loopback_http"]);
    let other = refused("ftp://dbc.cloud.databricks.com");
    assert!(!other.stderr.contains("egress."), "{other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_cannot_be_read_is_told_without_showing_it() {
    let deployment = Deployment::new().await;
    let huge = "hunter2-".repeat(1000);
    deployment.secret_file("empty", "\n");
    deployment.secret_file("huge", &huge);
    for (file, input, says) in [
        ("missing", "", "cannot be opened"),
        ("empty", "", "is empty"),
        ("huge", "", "is longer"),
        (".", "", "cannot be read"),
        ("-", "", "Standard input is empty"),
        ("-", huge.as_str(), "Standard input is longer"),
    ] {
        let arguments = ["app", "set", "--client-id", "abc", "--client-secret-file", file];
        let run = deployment.run_with(&arguments, input).ends_with(2).says(&["--client-secret-file: ", says]);
        assert!(!run.stderr.contains("hunter2"), "{file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_that_is_gone_is_unreachable() {
    let deployment = Deployment::with_fabric().await;
    deployment.workspace.stop().await;
    for arguments in [vec!["login", "dev", "--no-browser"], vec!["test", "dev", "--as", "service-principal"]] {
        deployment.run(&arguments).ends_with(1);
    }
    let status = deployment.run(&["status", "dev", "--output", "json"]).ends_with(0).json();
    assert_eq!(status["fabrics"][0]["signed_in"], false);
}
