//! One test for each way in which token endpoints are known to fail, and for what must not be confused.

use proptest::prelude::*;

use super::*;

const WAIT: Option<Duration> = Some(Duration::from_secs(7));

fn classified(grant_type: GrantType, status: u16, body: &str) -> TokenFailure {
    classify(grant_type, &PeerAnswer::read(status, None, body.as_bytes()), WAIT)
}

fn refresh(status: u16, body: &str) -> TokenFailure {
    classified(GrantType::RefreshToken, status, body)
}

fn oauth(error: &str, description: &str) -> String {
    serde_json::json!({ "error": error, "error_description": description }).to_string()
}

fn rejection(code: &str, description: &str, invalid_client: bool) -> TokenFailure {
    TokenFailure::ClientRejected(ClientRejection {
        code: String::from(code),
        description: String::from(description),
        invalid_client,
    })
}

#[test]
fn a_refresh_token_expired_revoked_or_already_used_as_invalid_request_is_a_dead_grant() {
    assert_eq!(refresh(401, &oauth("invalid_request", "Refresh token is invalid")), TokenFailure::DeadGrant);
}

/// PB-162.
#[test]
fn a_refresh_token_invalid_as_invalid_grant_is_a_dead_grant() {
    assert_eq!(refresh(401, &oauth("invalid_grant", "Refresh token is invalid")), TokenFailure::DeadGrant);
    assert_eq!(refresh(400, &oauth("invalid_grant", "")), TokenFailure::DeadGrant);
}

#[test]
fn a_refresh_token_invalid_in_the_older_spelling_is_a_dead_grant() {
    assert_eq!(refresh(401, &oauth("invalid_refresh_token", "Refresh token is invalid")), TokenFailure::DeadGrant);
}

#[test]
fn a_refresh_token_invalid_in_the_older_members_or_as_plain_text_is_a_dead_grant() {
    let older = r#"{"errorCode":"invalid_request","errorSummary":"Refresh token is invalid"}"#;
    assert_eq!(refresh(401, older), TokenFailure::DeadGrant);
    assert_eq!(refresh(401, "INVALID_REQUEST: Refresh token is invalid"), TokenFailure::DeadGrant);
}

#[test]
fn an_unknown_client_as_invalid_grant_is_a_rejected_client_and_no_dead_grant() {
    let failure = refresh(401, &oauth("invalid_grant", "Invalid Client"));
    assert_eq!(failure, rejection("invalid_grant", "Invalid Client", false));
}

/// PB-166.
#[test]
fn a_wrong_expired_or_deleted_client_secret_is_a_rejected_client() {
    for status in [400, 401] {
        let failure =
            classified(GrantType::ClientCredentials, status, &oauth("invalid_client", "Client authentication failed"));
        assert_eq!(failure, rejection("invalid_client", "Client authentication failed", true));
    }
}

#[test]
fn an_invalid_client_that_is_not_well_formed_does_not_allow_the_previous_secret() {
    let api = r#"{"error_code":"invalid_client","message":"no"}"#;
    assert_eq!(refresh(401, api), rejection("invalid_client", "no", false));
}

#[test]
fn a_bad_client_id_as_invalid_request_is_a_rejected_client() {
    let failure = refresh(400, &oauth("invalid_request", "Invalid client ID"));
    assert_eq!(failure, rejection("invalid_request", "Invalid client ID", false));
}

#[test]
fn a_client_that_may_not_use_the_grant_is_rejected() {
    assert!(matches!(refresh(400, &oauth("unauthorized_client", "")), TokenFailure::ClientRejected(_)));
}

#[test]
fn an_app_of_another_account_is_a_rejected_client() {
    let text = "OAuth application with client_id 'a' not available in Databricks account 'b'";
    assert!(matches!(refresh(400, &oauth("invalid_request", text)), TokenFailure::ClientRejected(_)));
}

#[test]
fn a_scope_not_assigned_to_the_service_principal_secret_is_named() {
    let body = oauth("access_denied", "Scopes 'all-apis' are not assigned to the secret");
    let failure = classified(GrantType::ClientCredentials, 403, &body);
    assert_eq!(failure, TokenFailure::ScopeNotGranted { scopes: vec![String::from("all-apis")] });
}

#[test]
fn an_unknown_scope_is_a_scope_that_was_not_granted() {
    let failure = classified(GrantType::ClientCredentials, 400, &oauth("invalid_scope", ""));
    assert_eq!(failure, TokenFailure::ScopeNotGranted { scopes: Vec::new() });
}

#[test]
fn an_account_policy_that_refuses_is_a_denied_policy() {
    let text = "Policy evaluation failed for this request";
    let failure = classified(GrantType::AuthorizationCode, 403, &oauth("access_denied", text));
    assert_eq!(failure, TokenFailure::PolicyDenied { description: String::from(text) });
}

#[test]
fn temporarily_unavailable_was_not_processed() {
    let body = oauth("temporarily_unavailable", "temporarily unavailable");
    assert_eq!(refresh(503, &body), TokenFailure::UnavailableUnprocessed { retry_after: WAIT });
    let api = r#"{"error_code":"TEMPORARILY_UNAVAILABLE","message":"later"}"#;
    assert_eq!(refresh(503, api), TokenFailure::UnavailableUnprocessed { retry_after: WAIT });
}

#[test]
fn any_other_error_is_given_as_it_is() {
    let failure = refresh(401, &oauth("other_error", "Databricks is down"));
    let (code, description) = (String::from("other_error"), String::from("Databricks is down"));
    assert_eq!(failure, TokenFailure::Other { code, description });
}

#[test]
fn an_ip_access_list_at_the_token_endpoint_is_told_by_its_text() {
    let body = r#"{"error_code":403,"message":"Source IP address: 192.0.2.1 is blocked by Databricks IP ACL for workspace: 1"}"#;
    assert_eq!(refresh(403, body), TokenFailure::BlockedByIpList);
}

#[test]
fn a_malformed_request_is_400_with_an_empty_body() {
    assert_eq!(refresh(400, ""), TokenFailure::MalformedRequest);
}

#[test]
fn a_rate_limit_is_throttling_with_its_wait() {
    for body in ["", "slow down", "<html>", &oauth("invalid_grant", "")] {
        assert_eq!(refresh(429, body), TokenFailure::Throttled { retry_after: WAIT }, "{body}");
    }
}

#[test]
fn throttling_under_invalid_request_is_no_dead_grant() {
    let body = oauth("invalid_request", "Temporarily throttled, too many requests");
    assert_eq!(refresh(400, &body), TokenFailure::Throttled { retry_after: WAIT });
}

#[test]
fn gateway_trouble_leaves_the_outcome_unknown() {
    for status in [500, 502, 503, 504] {
        for body in ["", "<html><title>Bad gateway</title></html>", "upstream error", "{}", "Refresh token is invalid"]
        {
            assert_eq!(refresh(status, body), TokenFailure::OutcomeUnknown, "{status} {body}");
        }
    }
    assert_eq!(refresh(500, &oauth("server_error", "")), TokenFailure::OutcomeUnknown);
}

#[test]
fn a_gateways_sentence_in_json_does_not_prove_that_nothing_was_processed() {
    assert_eq!(refresh(503, r#"{"error":"Service Unavailable"}"#), TokenFailure::OutcomeUnknown);
    assert_eq!(refresh(503, r#"{"error":"no healthy upstream"}"#), TokenFailure::OutcomeUnknown);
}

#[test]
fn a_success_without_a_token_leaves_the_outcome_unknown() {
    for body in ["", "{}", "<html>", "ok", "[]", r#"{"token_type":"Bearer"}"#] {
        assert_eq!(refresh(200, body), TokenFailure::OutcomeUnknown, "{body}");
    }
}

#[test]
fn an_oauth_error_counts_even_with_status_200() {
    assert_eq!(refresh(200, &oauth("invalid_grant", "Refresh token is invalid")), TokenFailure::DeadGrant);
}

#[test]
fn a_page_a_redirect_or_404_is_the_wrong_endpoint() {
    assert_eq!(refresh(404, ""), TokenFailure::WrongEndpoint);
    assert_eq!(refresh(404, r#"{"error_code":"ENDPOINT_NOT_FOUND","message":"x"}"#), TokenFailure::WrongEndpoint);
    assert_eq!(refresh(302, ""), TokenFailure::WrongEndpoint);
    assert_eq!(refresh(403, "<html><title>Sign in</title></html>"), TokenFailure::WrongEndpoint);
    let unified = r#"{"error_code":400,"message":"Unable to load OAuth Config"}"#;
    assert_eq!(refresh(400, unified), TokenFailure::WrongEndpoint);
}

#[test]
fn an_invalid_grant_for_a_code_refuses_the_code() {
    let failure = classified(GrantType::AuthorizationCode, 400, &oauth("invalid_grant", "Code is expired"));
    assert_eq!(failure, TokenFailure::CodeRefused);
    let verifier = oauth("invalid_request", "code_verifier does not match");
    assert_eq!(classified(GrantType::AuthorizationCode, 400, &verifier), TokenFailure::CodeRefused);
}

#[test]
fn an_invalid_grant_for_client_credentials_rejects_the_client() {
    let failure = classified(GrantType::ClientCredentials, 400, &oauth("invalid_grant", ""));
    assert_eq!(failure, rejection("invalid_grant", "", false));
}

#[test]
fn entra_is_recognised_whatever_its_code() {
    for code in ["invalid_client", "invalid_scope", "invalid_grant"] {
        let body = oauth(code, "AADSTS1002012: The provided value is not valid.\r\nTrace ID: 1");
        let description = String::from("AADSTS1002012: The provided value is not valid.");
        assert_eq!(refresh(400, &body), TokenFailure::EntraCredentials { description });
    }
}

#[test]
fn a_page_that_talks_of_limits_does_not_prove_that_nothing_was_processed() {
    let page = "<html><title>Too many requests, or IP access list</title></html>";
    for status in [200, 502, 503] {
        assert_eq!(refresh(status, page), TokenFailure::OutcomeUnknown, "{status}");
    }
}

#[test]
fn invalid_request_alone_is_no_dead_grant() {
    for description in ["", "Missing refresh token", "refresh_token parameter is missing"] {
        let failure = refresh(400, &oauth("invalid_request", description));
        assert!(matches!(failure, TokenFailure::Other { .. }), "{description}");
    }
}

proptest! {
    #[test]
    fn arbitrary_answers_are_classified_without_panic(
        status in any::<u16>(), content_type in any::<Option<String>>(), body in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let answer = PeerAnswer::read(status, content_type.as_deref(), &body);
        let failure = classify(GrantType::RefreshToken, &answer, None);
        // A session ends only on somebody's word; noise never ends one.
        prop_assert_ne!(failure, TokenFailure::DeadGrant);
    }
}
