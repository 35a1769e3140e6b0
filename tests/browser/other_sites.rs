//! Pages of other sites that would use the session of somebody in whose browser they are open.

use fabric_auth_tests::{DEV, alice};

use crate::stage::Stage;
use crate::visitor::Visitor;

crate::trials!("other_sites":
    Administered a_form_of_another_site_does_nothing_here,
    Administered a_page_of_another_site_shows_none_of_ours_within_itself,
    Administered a_script_of_another_site_reads_nothing_here,
);

/// Alice with a session of the console, on a page of another site: the workspace's, which is as foreign as any.
async fn elsewhere(stage: &Stage) -> Visitor {
    let visitor = stage.person(&alice()).await;
    visitor.go(&format!("{}/elsewhere", stage.workspace())).await;
    visitor.is_below(stage.workspace()).await;
    visitor
}

async fn a_form_of_another_site_does_nothing_here(stage: &Stage) {
    let visitor = elsewhere(stage).await;
    let here = &stage.service.base_url;
    for (path, field, value) in [("/sign-out", "x", "y"), ("/connect", "fabric", DEV), ("/fabric/remove", "name", DEV)]
    {
        let script = format!(
            "const form = document.createElement('form'); form.method = 'post'; form.action = '{here}{path}'; \
             const field = document.createElement('input'); field.name = '{field}'; field.value = '{value}'; \
             form.append(field); document.body.append(form); form.submit()"
        );
        visitor.script(&script).await;
        visitor.sees("The form was not sent by a page of this console").await;
        visitor.go(&format!("{}/elsewhere", stage.workspace())).await;
    }
    visitor.open("/fabric?name=dev").await;
    visitor.sees("alice").await;
    visitor.is_at("/fabric?name=dev").await;
    assert!(stage.service.world.books().sign_ins.is_empty());
}

async fn a_page_of_another_site_shows_none_of_ours_within_itself(stage: &Stage) {
    let visitor = elsewhere(stage).await;
    visitor.complaints().await;
    for path in ["/", "/sign-in", "/connect?fabric=dev", "/assets/icon.svg", "/api/v1/openapi.json"] {
        let script = format!(
            "const frame = document.createElement('iframe'); frame.src = '{}{path}'; document.body.append(frame)",
            stage.service.base_url
        );
        visitor.script(&script).await;
        visitor
            .until(&format!("{path} is blocked"), async || {
                visitor.complaints().await.iter().any(|complaint| complaint.contains("frame"))
            })
            .await;
    }
}

async fn a_script_of_another_site_reads_nothing_here(stage: &Stage) {
    let visitor = elsewhere(stage).await;
    for path in ["/", "/connect/status?fabric=dev", "/readyz", "/assets/console.js", "/api/v1/openapi.json"] {
        let url = format!("{}{path}", stage.service.base_url);
        let script = format!(
            "return fetch('{url}', {{ credentials: 'include' }}).then(answer => answer.text(), () => 'refused')"
        );
        assert_eq!(visitor.script(&script).await, "refused", "{path}");
        let opaque = format!("return fetch('{url}', {{ mode: 'no-cors' }}).then(() => 'got', () => 'refused')");
        assert_eq!(visitor.script(&opaque).await, "refused", "{path}: cross-origin-resource-policy");
    }
}
