//! What a file says, and what it is refused for.

use secrecy::ExposeSecret as _;

use super::*;

/// An environment with three variables.
fn variable(name: &str) -> Option<String> {
    let held = match name {
        "URL" => "https://dbc-1.cloud.databricks.com",
        "SECRET" => "dose-of-{{URL}}",
        "HALF" => "half",
        "EMPTY" => " ",
        _ => return None,
    };
    Some(held.to_owned())
}

fn read_one(databricks: &str) -> Result<(FileFabric, FabricsFile), Wrong> {
    let document =
        format!("fabrics:\n  - {{id: '7', name: dev, type: Spark, provider: Databricks, databricks: {databricks}}}\n");
    let mut file = read(&document, &variable)?;
    Ok((file.fabrics.remove(0), file))
}

#[track_caller]
fn refused(databricks: &str) -> Wrong {
    match read_one(databricks) {
        Err(wrong) => wrong,
        Ok(_) => panic!("{databricks} was read"),
    }
}

#[track_caller]
fn credentials(fabric: FileFabric) -> (String, String, Option<Expiry>) {
    match fabric.principal {
        FilePrincipal::Credentials { client_id, secret, expires } => {
            (client_id, secret.expose_secret().to_owned(), expires)
        }
        _ => panic!("no credentials"),
    }
}

/// PB-148: in every value, those of OAuth among them.
#[test]
fn placeholders_stand_for_variables_in_every_value_and_are_resolved_once() {
    let (fabric, file) = read_one(
        "{url: '{{URL}}', auth_type: oauth, volume: '{{ HALF }}', oauth_credentials: {client_id: 'id-{{HALF}}-{{HALF}}', client_secret: '{{SECRET}}'}}",
    )
    .unwrap();
    assert_eq!(fabric.workspace, "https://dbc-1.cloud.databricks.com");
    assert_eq!((fabric.kind, fabric.authentication), (FabricKind::Spark, Authentication::Oauth));
    assert_eq!(credentials(fabric), ("id-half-half".into(), "dose-of-{{URL}}".into(), None));
    assert!(file.open_secrets.is_empty());
}

#[test]
fn a_placeholder_that_stands_for_nothing_is_refused_by_its_place() {
    for (text, says) in [
        ("{{MISSING}}", "MISSING is not set"),
        ("{{EMPTY}}", "EMPTY is not set, is empty"),
        ("a {{URL", "name of an environment variable"),
        ("{{}}", "name of an environment variable"),
        ("{{a b}}", "name of an environment variable"),
    ] {
        let wrong = refused(&format!("{{url: '{text}'}}"));
        assert_eq!(wrong.place, "fabrics[0].databricks.url", "{text}");
        assert!(wrong.message.contains(says), "{text}: {}", wrong.message);
    }
}

/// PB-145: the names of Prophecy's API.
#[test]
fn the_names_of_the_api_are_understood_too() {
    let (fabric, _) = read_one(
        "{url: u, authType: OAuth, oAuthType: M2M, clientId: id, clientSecret: '{{SECRET}}', oAuthAppRegistrationID: main}",
    )
    .unwrap();
    assert_eq!(fabric.app_connection.as_deref(), Some("main"));
    assert_eq!(credentials(fabric).0, "id");
    let (fabric, _) = read_one("{url: u, authType: oauth, oAuthType: u2m}").unwrap();
    assert!(matches!(fabric.principal, FilePrincipal::Nobody));
    let (fabric, _) = read_one("{url: u, authType: oauth}").unwrap();
    assert!(matches!(fabric.principal, FilePrincipal::Unnamed));
}

/// PB-063, PB-145.
#[test]
fn what_is_not_known_or_does_not_fit_is_refused_by_its_place_and_not_quoted() {
    for (databricks, place) in [
        ("{url: u, auth_type: dose-basic}", "auth_type"),
        ("{url: u, oAuthType: dose-both, clientId: i, clientSecret: s}", "oAuthType"),
        ("{url: u, oAuthType: u2m, clientId: i, clientSecret: s}", "clientId"),
        ("{url: u, oAuthType: m2m}", "client_id"),
        ("{url: u, oauth_credentials: {client_id: i}}", "oauth_credentials.client_secret"),
        ("{url: u, oauth_credentials: {client_secret: dose-1}}", "oauth_credentials.client_id"),
        ("{url: u, oauth_credentials: {client_id: i, client_secret: s, secret: dose-1}}", "oauth_credentials.secret"),
        ("{url: u, oauth_credentials: dose-1}", "oauth_credentials"),
        ("{url: u, oauth_credentials: {client_id: i, client_secret: s}, clientId: i}", "clientId"),
        ("{url: u, auth_type: oauth, authType: pat}", "authType"),
        ("{url: u, autType: oauth}", "autType"),
        ("{url: 12345}", "url"),
        ("{url: [u]}", "url"),
        ("{auth_type: oauth}", "url"),
        ("{url: u, clientId: i, clientSecret: s, client_secret_expires: 365d}", "client_secret_expires"),
        ("{url: u, client_secret_expires: 2027-06-30}", "client_id"),
    ] {
        let wrong = refused(databricks);
        assert_eq!(wrong.place, format!("fabrics[0].databricks.{place}"), "{databricks}");
        assert!(!wrong.message.contains("dose"), "{}", wrong.message);
    }
    assert_eq!(refused("{url: u, 'dose 1': x}").place, "fabrics[0].databricks");
}

/// The tool's older files say nothing of authentication.
#[test]
fn a_token_without_a_word_on_authentication_means_personal_access_tokens() {
    let (fabric, file) = read_one("{url: u, token: '{{HALF}}'}").unwrap();
    assert_eq!(fabric.authentication, Authentication::PersonalAccessToken);
    assert_eq!(file.tokens, ["fabrics[0].databricks.token"]);
    let (fabric, _) = read_one("{url: u, token: t, oauth_credentials: {client_id: i, client_secret: s}}").unwrap();
    assert_eq!(fabric.authentication, Authentication::Oauth);
    let (fabric, file) = read_one("{url: u, token: ''}").unwrap();
    assert_eq!((fabric.authentication, file.tokens.len()), (Authentication::Oauth, 0));
}

#[test]
fn a_secret_that_stands_in_the_file_itself_is_told_with_its_place_and_a_day_may_stand_beside_it() {
    let (fabric, file) = read_one(
        "{url: u, oauth_credentials: {client_id: i, client_secret: dose1, client_secret_expires: '2027-06-30'}}",
    )
    .unwrap();
    assert_eq!(credentials(fabric), ("i".into(), "dose1".into(), Some(Expiry::On(20_999))));
    assert_eq!(file.open_secrets, ["fabrics[0].databricks.oauth_credentials.client_secret"]);
}

#[test]
fn fabrics_of_other_providers_are_passed_over_and_those_of_databricks_are_needed() {
    let document =
        "project_git_tokens: []\nfabrics:\n  - {name: air, type: Airflow, provider: MWAA, mwaa: {region: x}}\n";
    let wrong = read(document, &variable).err().unwrap();
    assert_eq!(wrong.place, "fabrics");
    let more = format!("{document}  - {{name: jobs, type: Sql, databricks: {{url: u}}}}\n");
    let file = read(&more, &variable).ok().unwrap();
    assert_eq!((file.fabrics.len(), file.passed_over), (1, vec!["air".to_owned()]));
    for (fabric, place) in [
        ("{type: Sql, databricks: {url: u}}", "fabrics[2].name"),
        ("{name: jobs, type: Sql, databricks: {url: u}}", "fabrics[2].name"),
        ("{name: ' jobs ', type: Sql, databricks: {url: u}}", "fabrics[2].name"),
        ("{name: x, databricks: {url: u}}", "fabrics[2].type"),
        ("{name: x, type: Airflow, databricks: {url: u}}", "fabrics[2].type"),
        ("{name: x, type: Sql, provider: Databricks}", "fabrics[2].databricks"),
        ("text", "fabrics[2]"),
    ] {
        let wrong = read(&format!("{more}  - {fabric}\n"), &variable).err().unwrap();
        assert_eq!(wrong.place, place, "{fabric}");
    }
    for document in ["", "[]", "fabrics:", "fabrics: {}", "other: []"] {
        assert!(read(document, &variable).is_err(), "{document}");
    }
}
