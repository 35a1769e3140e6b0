//! What the console has: the pages that are looked at, and the routes that take forms.

use fabric_auth::contract::Caller;
use fabric_auth_tests::{DEV, alice, team_admin};

use crate::browser::Fields;

/// Pages for somebody who administers cluster and team, and is signed in to Databricks. None of them changes anything.
pub(crate) const PAGES: [&str; 15] = [
    "/",
    "/fabrics",
    "/fabric?name=dev",
    "/fabric?name=dev&done=saved",
    "/fabric/new",
    "/fabric/edit?name=dev",
    "/fabric/test?name=dev",
    "/editors",
    "/editors/pipeline?fabric=dev",
    "/editors/job?fabric=dev&run_as=somebody",
    "/editors/job-settings",
    "/people",
    "/journal?action=sign-in-completed",
    "/admin/security",
    "/admin/keys",
];

/// A route that takes a form from somebody who has a session.
pub(crate) struct FormRoute {
    pub(crate) path: &'static str,
    /// Fields with which it does something for [`administrator`].
    pub(crate) fields: &'static Fields<'static>,
    /// Whether what it does shows in the store or in the key ring.
    pub(crate) changes: bool,
}

/// All of them.
pub(crate) const FORMS: [FormRoute; 17] = [
    FormRoute { path: "/sign-out", fields: &[], changes: true },
    FormRoute { path: "/connect", fields: &[("fabric", DEV), ("next", "/"), ("same_tab", "yes")], changes: true },
    FormRoute { path: "/fabric/save", fields: FABRIC, changes: true },
    FormRoute { path: "/fabric/check", fields: FABRIC, changes: false },
    FormRoute { path: "/fabric/test", fields: &[("name", DEV), ("identity", "service-principal")], changes: true },
    FormRoute { path: "/fabric/remove", fields: &[("name", DEV)], changes: true },
    FormRoute { path: "/fabric/sign-out", fields: &[("name", DEV)], changes: true },
    FormRoute { path: "/fabric/token", fields: &[("name", DEV), ("token", "dapi0123456789")], changes: false },
    FormRoute { path: "/fabric/token/remove", fields: &[("name", DEV)], changes: false },
    FormRoute { path: "/people/end", fields: &[("everybody", "yes")], changes: true },
    FormRoute { path: "/journal/verify", fields: &[], changes: false },
    FormRoute { path: "/admin/security/save", fields: APP_CONNECTION, changes: true },
    FormRoute { path: "/admin/security/remove", fields: &[("name", "main")], changes: true },
    FormRoute { path: "/admin/keys/rotate", fields: &[], changes: true },
    FormRoute { path: "/admin/keys/add", fields: &[], changes: true },
    FormRoute { path: "/admin/keys/promote", fields: &[("key_id", "none")], changes: false },
    FormRoute { path: "/admin/keys/reseal", fields: &[], changes: false },
];

const FABRIC: &Fields<'_> = &[
    ("name", "another"),
    ("kind", "sql"),
    ("workspace", "https://dbc-a1b2345c-d6e7.cloud.databricks.com"),
    ("team", "data"),
    ("authentication", "oauth"),
    ("metadata_crawl_identity", "person"),
];

const APP_CONNECTION: &Fields<'_> = &[
    ("name", "another"),
    ("client_id", "1234-abcd"),
    ("client_secret", "dose0123"),
    ("is_new", "yes"),
    ("refresh_token_policy", "unknown"),
];

/// Somebody who may do everything that the console offers, known to Databricks as `alice@example.com`.
pub(crate) fn administrator() -> Caller {
    Caller { cluster_admin: true, teams: team_admin().teams, ..alice() }
}
