//! What an event of the journal says.

use serde::{Deserialize, Serialize};

/// Longest text of an event, in bytes. A longer one is cut, so that nobody can fill the journal through a name.
pub const MAX_TEXT_BYTES: usize = 512;

/// Something that happened. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Event {
    /// Whose data it concerns.
    pub tenant: String,
    /// Who did it: the `user` of the caller, or `host` for what the component does by itself.
    pub actor: String,
    /// For whom, where that is somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// What was done.
    pub action: Action,
    /// The fabric concerned, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fabric: Option<String>,
    /// The workspace host concerned, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// The Databricks identity concerned, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub databricks_user: Option<String>,
    /// Which issue of a token, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenReference>,
    /// How it ended.
    pub outcome: Outcome,
}

impl Event {
    /// The same event with every text cut to [`MAX_TEXT_BYTES`].
    pub(super) fn bounded(mut self) -> Self {
        cut(&mut self.tenant);
        cut(&mut self.actor);
        for text in [&mut self.on_behalf_of, &mut self.fabric, &mut self.workspace, &mut self.databricks_user] {
            text.as_mut().map(cut);
        }
        if let Some(token) = &mut self.token {
            cut(&mut token.lineage);
        }
        if let Outcome::Failed(error) = &mut self.outcome {
            cut(error);
        }
        self
    }
}

/// Names one issue of a token without revealing it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenReference {
    /// What all generations that come from one sign-in share.
    pub lineage: String,
    /// Counts the tokens of the lineage from 1.
    pub generation: u64,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// An app connection was set.
    AppConnectionSet,
    /// An app connection was removed.
    AppConnectionRemoved,
    /// Databricks refused an app connection's present client secret and took the previous one.
    AppConnectionSecretRefused,
    /// A fabric was created.
    FabricCreated,
    /// A fabric was changed.
    FabricChanged,
    /// A fabric was removed.
    FabricRemoved,
    /// A person was sent to sign in.
    SignInBegun,
    /// A person came back from signing in.
    SignInCompleted,
    /// A person signed out.
    SignOut,
    /// An access token was renewed, or a renewal failed.
    Renewal,
    /// A service principal's token was obtained, or could not be.
    ServicePrincipalToken,
    /// A service principal's token was handed out for an unattended activity.
    ServicePrincipalUsed,
    /// Databricks rejected a token that had not expired.
    TokenRejected,
    /// Tokens arrived for a sign-in that had meanwhile been ended or replaced; they were dropped.
    LateReplyDropped,
    /// An administrator ended a grant.
    GrantEnded,
    /// A person entered a personal access token.
    PersonalAccessTokenSet,
    /// A person's personal access token was removed.
    PersonalAccessTokenRemoved,
    /// After a backup was put back, a grant was marked whose refresh token may have been spent since.
    RestoredGrantMarked,
    /// A connection was tested.
    ConnectionTested,
    /// A record was sealed anew.
    Resealed,
    /// A stored app connection, or the choice of the default one, cannot be read.
    AppConnectionUnreadable,
    /// A stored fabric cannot be read.
    FabricUnreadable,
    /// A stored grant cannot be read.
    GrantUnreadable,
    /// A service principal's secret ends soon, or has ended, as it was recorded.
    ServicePrincipalSecretEnding,
    /// A person's session ends soon unless it is used.
    SessionEnding,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As asked.
    Succeeded,
    /// It did not; the name of the error case, for instance `sign-in-required`.
    Failed(String),
}

/// Cuts a text at the last character that is whole within the bound.
fn cut(text: &mut String) {
    text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
}
