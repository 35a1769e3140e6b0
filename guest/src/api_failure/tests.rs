//! One test for each refusal that workspaces are known to give.

use proptest::prelude::*;

use super::*;

fn classified(status: u16, body: &str) -> ApiFailure {
    classify(&PeerAnswer::read(status, None, body.as_bytes()), None)
}

fn api(code: impl Into<serde_json::Value>, message: &str) -> String {
    serde_json::json!({ "error_code": code.into(), "message": message }).to_string()
}

#[test]
fn an_invalid_access_token_is_rejected_with_or_without_a_request_id() {
    assert_eq!(classified(403, &api(403, "Invalid access token.")), ApiFailure::TokenRejected);
    assert_eq!(classified(403, &api(403, "Invalid access token. [ReqId: 1-2]")), ApiFailure::TokenRejected);
}

/// PB-163.
#[test]
fn an_expired_jwt_with_403_is_rejected() {
    assert_eq!(classified(403, &api(403, "JWT has expired")), ApiFailure::TokenRejected);
}

#[test]
fn a_token_about_to_expire_is_rejected() {
    let text = "Token is expiring within 30 seconds. (token expired)";
    assert_eq!(classified(403, text), ApiFailure::TokenRejected);
}

#[test]
fn an_expired_token_is_rejected_under_each_status_it_ever_had() {
    assert_eq!(classified(401, "Token is expired"), ApiFailure::TokenRejected);
    assert_eq!(classified(400, "io.jsonwebtoken.ExpiredJwtException: gone"), ApiFailure::TokenRejected);
    assert_eq!(classified(403, "Token is expired"), ApiFailure::TokenRejected);
}

#[test]
fn an_invalid_token_is_rejected() {
    assert_eq!(classified(403, "Invalid Token"), ApiFailure::TokenRejected);
    assert_eq!(classified(403, "Forbidden: Invalid Token"), ApiFailure::TokenRejected);
}

#[test]
fn a_refused_token_is_known_in_the_shape_of_the_older_api_too() {
    assert_eq!(classified(403, r#"{"error":"JWT has expired"}"#), ApiFailure::TokenRejected);
}

#[test]
fn an_ip_access_list_is_told_apart_from_a_bad_token() {
    let text = "Source IP address: 192.0.2.1 is blocked by Databricks IP ACL for workspace: 1 [ReqId: 2]";
    assert_eq!(classified(403, &api(403, text)), ApiFailure::BlockedByIpList);
}

#[test]
fn access_to_another_org_is_the_wrong_workspace() {
    assert_eq!(classified(403, &api(403, "Invalid access to Org: 12")), ApiFailure::WrongWorkspace);
}

#[test]
fn a_user_who_is_not_authorized_is_not_a_member() {
    assert_eq!(classified(403, "<html><title>User not authorized</title></html>"), ApiFailure::NotAMember);
    assert_eq!(classified(403, "User not authorized"), ApiFailure::NotAMember);
}

#[test]
fn missing_scopes_are_named() {
    let failure = classified(403, "Provided OAuth token does not have required scopes: sql");
    assert_eq!(failure, ApiFailure::MissingScope { scopes: vec![String::from("sql")] });
}

/// PB-126.
#[test]
fn a_missing_permission_is_given_as_the_reason() {
    let failure = classified(403, &api("PERMISSION_DENIED", "You may not attach to the cluster."));
    let (code, message) = (String::from("PERMISSION_DENIED"), String::from("You may not attach to the cluster."));
    assert_eq!(failure, ApiFailure::PermissionDenied { code, message });
}

#[test]
fn a_missing_permission_on_something_named_like_a_refused_token_does_not_reject_the_token() {
    let failure = classified(403, &api("PERMISSION_DENIED", "No access to table `invalid token`"));
    assert!(matches!(failure, ApiFailure::PermissionDenied { .. }));
}

#[test]
fn a_redirect_to_the_private_link_error_is_private_link_only() {
    let location = "https://x.cloud.databricks.com/login.html?error=private-link-validation-error%3A1";
    assert_eq!(classify(&PeerAnswer::read(302, None, b""), Some(location)), ApiFailure::PrivateLinkOnly);
}

#[test]
fn login_html_instead_of_json_is_a_login_page() {
    assert_eq!(classified(200, "<!doctype html><title>Databricks - Sign In</title>"), ApiFailure::LoginPage);
    let login = Some("/login.html?next_url=%2Fapi");
    assert_eq!(classify(&PeerAnswer::read(302, None, b""), login), ApiFailure::LoginPage);
}

#[test]
fn a_unified_host_without_routing_is_the_wrong_workspace() {
    assert_eq!(classified(400, "Unable to load OAuth Config"), ApiFailure::WrongWorkspace);
}

#[test]
fn a_cluster_that_does_not_exist_is_not_found_though_the_status_is_400() {
    assert_eq!(classified(400, &api("INVALID_PARAMETER_VALUE", "Cluster 1-2 does not exist")), ApiFailure::NotFound);
    assert_eq!(classified(404, &api("RESOURCE_DOES_NOT_EXIST", "x")), ApiFailure::NotFound);
}

#[test]
fn an_entra_token_for_another_resource_is_the_wrong_workspace() {
    let page = "<html><pre>IncorrectClaimException: Expected aud claim to be a, but was: b</pre></html>";
    assert_eq!(classified(400, page), ApiFailure::WrongWorkspace);
}

#[test]
fn temporarily_unavailable_is_unavailable() {
    assert_eq!(classified(503, &api("TEMPORARILY_UNAVAILABLE", "later")), ApiFailure::Unavailable);
    assert_eq!(classified(502, "<html>"), ApiFailure::Unavailable);
}

#[test]
fn a_rate_limit_is_throttling() {
    assert_eq!(classified(429, ""), ApiFailure::Throttled);
}

#[test]
fn a_bare_401_rejects_the_token_unless_it_is_a_proxys_page() {
    assert_eq!(classified(401, ""), ApiFailure::TokenRejected);
    assert!(matches!(classified(401, "<html>Proxy login</html>"), ApiFailure::Other { .. }));
}

#[test]
fn scim_refusals_are_permission_refusals() {
    let body = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"detail":"Not yours","status":"403"}"#;
    let message = String::from("Not yours");
    assert_eq!(classified(403, body), ApiFailure::PermissionDenied { code: String::new(), message });
}

#[test]
fn anything_else_is_given_as_it_is() {
    let failure = classified(409, &api("RESOURCE_CONFLICT", "busy"));
    let (code, message) = (String::from("RESOURCE_CONFLICT"), String::from("busy"));
    assert_eq!(failure, ApiFailure::Other { code, message });
}

proptest! {
    #[test]
    fn arbitrary_answers_are_classified_without_panic(
        status in any::<u16>(), location in any::<Option<String>>(), body in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let failure = classify(&PeerAnswer::read(status, None, &body), location.as_deref());
        // Noise makes nobody spend a refresh token, except under the one status that means it.
        prop_assert!(status == 401 || failure != ApiFailure::TokenRejected);
    }
}
