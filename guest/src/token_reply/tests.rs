//! Replies as token endpoints give them, and as they never should.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn parse(body: Value) -> Result<TokenReply, TokenReplyError> {
    TokenReply::parse(body.to_string().as_bytes())
}

fn with(name: &str, value: Value) -> Result<TokenReply, TokenReplyError> {
    let mut body = json!({ "access_token": "eyJ.a.b", "token_type": "Bearer" });
    body[name] = value;
    parse(body)
}

/// PB-160.
#[test]
fn a_reply_with_everything_is_read() {
    let reply = parse(json!({
        "access_token": "eyJ.a.b", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "doau-1",
        "scope": "offline_access all-apis", "id_token": "eyJ.c.d", "more": { "x": [1] },
    }))
    .unwrap();
    assert_eq!(reply.access_token.expose(), "eyJ.a.b");
    assert_eq!(reply.refresh_token.unwrap().expose(), "doau-1");
    assert_eq!(reply.lifetime, Duration::from_secs(3600));
    assert_eq!(reply.scopes, Some(BTreeSet::from(["all-apis", "offline_access"].map(String::from))));
}

/// PB-165.
#[test]
fn a_missing_empty_or_null_refresh_token_is_none() {
    assert!(with("more", json!(1)).unwrap().refresh_token.is_none());
    assert!(with("refresh_token", json!("")).unwrap().refresh_token.is_none());
    assert!(with("refresh_token", json!(null)).unwrap().refresh_token.is_none());
}

#[test]
fn expires_in_may_be_a_number_or_a_text() {
    for value in [json!(3600), json!("3600"), json!(" 3600 "), json!(3600.7)] {
        assert_eq!(with("expires_in", value.clone()).unwrap().lifetime, Duration::from_secs(3600), "{value}");
    }
}

#[test]
fn a_lifetime_that_says_nothing_is_the_cautious_default() {
    for value in [json!(null), json!(0), json!(-1), json!(0.2), json!(-1.5), json!("soon"), json!(""), json!([1])] {
        assert_eq!(with("expires_in", value.clone()).unwrap().lifetime, DEFAULT_LIFETIME, "{value}");
    }
}

#[test]
fn a_huge_lifetime_is_capped() {
    for value in [json!(u64::MAX), json!(1e300), json!("99999999999")] {
        assert_eq!(with("expires_in", value.clone()).unwrap().lifetime, MAX_LIFETIME, "{value}");
    }
}

#[test]
fn scopes_may_be_a_list_and_are_absent_when_there_are_none() {
    let scopes = |value| with("scope", value).unwrap().scopes;
    assert_eq!(scopes(json!(["sql", "all-apis", "sql"])), scopes(json!("all-apis  sql")));
    for nothing in [json!(null), json!(""), json!(" "), json!([]), json!(7), json!("\u{202e}")] {
        assert_eq!(scopes(nothing.clone()), None, "{nothing}");
    }
}

#[test]
fn bearer_is_known_in_any_case_and_no_other_type() {
    for known in ["Bearer", "bearer", "BEARER"] {
        assert!(with("token_type", json!(known)).is_ok());
    }
    assert_eq!(with("token_type", json!("mac")).err(), Some(TokenReplyError::UnknownTokenType(String::from("mac"))));
    assert_eq!(with("token_type", json!(null)).err(), Some(TokenReplyError::UnknownTokenType(String::new())));
}

#[test]
fn a_reply_without_an_access_token_is_refused() {
    for missing in [json!(null), json!("")] {
        assert_eq!(with("access_token", missing).err(), Some(TokenReplyError::NoAccessToken));
    }
    assert_eq!(parse(json!({ "error": "x" })).err(), Some(TokenReplyError::NoAccessToken));
}

#[test]
fn tokens_that_cannot_be_tokens_are_refused() {
    for name in ["access_token", "refresh_token"] {
        for value in [String::from("a b"), String::from("a\r\nb"), String::from("ä"), "x".repeat(MAX_TOKEN_BYTES + 1)]
        {
            assert_eq!(with(name, json!(value)).err(), Some(TokenReplyError::UnusableToken), "{name}");
        }
        assert_eq!(with(name, json!(7)).err(), Some(TokenReplyError::Malformed));
        assert!(with(name, json!("x".repeat(MAX_TOKEN_BYTES))).is_ok());
    }
}

#[test]
fn what_is_not_one_json_object_is_refused() {
    for body in
        ["", "null", "[\"a\",null,\"Bearer\",1,\"\"]", "<html>", "access_token=a&token_type=Bearer", "{", "{} {}"]
    {
        let error = TokenReply::parse(body.as_bytes()).err();
        assert_eq!(error, Some(TokenReplyError::Malformed), "{body}");
    }
}

#[test]
fn a_repeated_member_is_refused() {
    let body = br#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#;
    assert_eq!(TokenReply::parse(body).err(), Some(TokenReplyError::Malformed));
}

#[test]
fn a_reply_that_is_too_long_is_refused_unread() {
    let body = vec![b' '; MAX_BODY_BYTES + 1];
    assert_eq!(TokenReply::parse(&body).err(), Some(TokenReplyError::TooLong));
}

#[test]
fn debug_shows_no_token() {
    let reply = parse(json!({ "access_token": "canary", "token_type": "Bearer", "refresh_token": "canary" })).unwrap();
    assert!(!format!("{reply:?}").contains("canary"));
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_without_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(TokenReply::parse(&body).is_err());
    }

    #[test]
    fn any_lifetime_is_positive_and_capped(number in any::<f64>(), text in any::<String>()) {
        for value in [json!(number), json!(text)] {
            let lifetime = with("expires_in", value).unwrap().lifetime;
            prop_assert!(lifetime > Duration::ZERO && lifetime <= MAX_LIFETIME);
        }
    }
}
