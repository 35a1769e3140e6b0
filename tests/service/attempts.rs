//! How often somebody may fail to be let in.

use fabric_auth_tests::{HttpClient, ServiceWorld, alice};
use http::StatusCode;

use crate::browser::Browser;

/// More than an address may try in a minute.
const MANY: usize = 30;

#[tokio::test]
async fn who_shows_wrong_api_tokens_is_told_to_wait_and_others_are_not_hindered() {
    let service = ServiceWorld::new().await;
    let client = HttpClient::new(&service.base_url);
    let right = client.with_token(&service.api_token(&alice()).await);
    let wrong = client.with_token(&format!("fabric_auth_{}", "A".repeat(43)).into());
    let mut statuses = Vec::new();
    for _ in 0..MANY {
        let answer = wrong.get("/metrics").await;
        statuses.push(answer.status.as_u16());
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            let seconds: u64 = answer.header("retry-after").parse().unwrap();
            assert!((1..=60).contains(&seconds), "{answer:?}");
            assert_eq!(answer.json()["case"], "too-many-attempts");
        }
        assert_eq!(right.get("/metrics").await.status, StatusCode::OK);
    }
    assert_eq!(statuses[..20], [401; 20]);
    assert!(statuses.contains(&429), "{statuses:?}");
    service.end().await;
}

#[tokio::test]
async fn who_fails_to_sign_in_to_the_console_is_told_to_wait_and_sessions_go_on() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    let guesser = Browser::new(&service);
    let wrong = format!("fabric_auth_{}", "A".repeat(43)).into();
    let mut last = guesser.sign_in(&wrong).await;
    for _ in 0..MANY {
        last = guesser.sign_in(&wrong).await;
        assert!(browser.is_signed_in().await);
    }
    assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
    assert!((1..=60).contains(&last.header("retry-after").parse::<u64>().unwrap()), "{last:?}");
    assert!(last.text().contains("Wait a minute"), "{last:?}");
    service.end().await;
}

/// What a page of another site makes a browser send is not an attempt of the person there.
#[tokio::test]
async fn forms_of_other_sites_use_up_nobodys_attempts() {
    let service = ServiceWorld::new().await;
    let browser = Browser::new(&service);
    for _ in 0..MANY {
        let answer = browser.submit_with("/sign-in", &[("origin", "https://evil.example")], &[]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    let answer = browser.sign_in(&service.api_token(&alice()).await).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    service.end().await;
}
