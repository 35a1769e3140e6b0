//! The form of an app connection: Prophecy as an OAuth client of a Databricks account.

use maud::{Markup, html};

use super::fabric_fields::scopes;
use super::fields::Fields;
use super::layout::form_token;
use crate::contract::administration::{AppConnectionDescription, AppConnectionSettings, RefreshTokenPolicy};
use crate::contract::{Error, Word as _};
use crate::service::extractors::ConsoleUser;
use crate::service::form::Form;
use crate::span::Span;

/// The fields that are folded away where nobody needs them.
const MORE: [&str; 4] = ["name", "scopes", "refresh_token_policy", "refresh_token_lifetime"];

/// The name of the app connection that most deployments have only one of.
const USUAL_NAME: &str = "default";

/// The values of the form, but for the secret.
pub(super) struct Entered {
    pub(super) name: String,
    client_id: String,
    public: bool,
    default: bool,
    scopes: String,
    refresh_token_policy: String,
    refresh_token_lifetime: String,
    /// Whether there is to be none of this name yet.
    pub(super) is_new: bool,
}

impl Entered {
    /// For a new one.
    pub(super) fn blank(is_first: bool) -> Self {
        Self {
            name: if is_first { USUAL_NAME.to_owned() } else { String::new() },
            client_id: String::new(),
            public: false,
            default: is_first,
            scopes: String::new(),
            refresh_token_policy: RefreshTokenPolicy::Unknown.word().to_owned(),
            refresh_token_lifetime: String::new(),
            is_new: true,
        }
    }

    /// As it is.
    pub(super) fn of_app(app: &AppConnectionDescription) -> Self {
        let settings = &app.settings;
        let lifetime = settings.refresh_token_lifetime.map(|life| Span::from(life).to_string());
        Self {
            name: settings.name.clone(),
            client_id: settings.client_id.clone(),
            public: !settings.confidential,
            default: settings.default,
            scopes: settings.scopes.join(" "),
            refresh_token_policy: settings.refresh_token_policy.word().to_owned(),
            refresh_token_lifetime: lifetime.unwrap_or_default(),
            is_new: false,
        }
    }

    /// What was sent.
    pub(super) fn of_form(form: &Form) -> Self {
        let text = |name| form.text(name).to_owned();
        Self {
            name: text("name"),
            client_id: text("client_id"),
            public: form.is_ticked("public"),
            default: form.is_ticked("default"),
            scopes: text("scopes"),
            refresh_token_policy: text("refresh_token_policy"),
            refresh_token_lifetime: text("refresh_token_lifetime"),
            is_new: form.is_ticked("is_new"),
        }
    }

    /// As the contract has it.
    pub(super) fn settings(&self) -> Result<AppConnectionSettings, Error> {
        let policy = RefreshTokenPolicy::of_word(&self.refresh_token_policy)
            .ok_or_else(|| Error::invalid("settings.refresh-token-policy", "Choose one of the three."))?;
        Ok(AppConnectionSettings {
            name: self.name.clone(),
            client_id: self.client_id.clone(),
            confidential: !self.public,
            default: self.default,
            scopes: self.scopes(),
            refresh_token_policy: policy,
            refresh_token_lifetime: self.lifetime()?,
        })
    }

    fn lifetime(&self) -> Result<Option<u64>, Error> {
        if self.refresh_token_lifetime.is_empty() {
            return Ok(None);
        }
        let life: Result<Span, _> = self.refresh_token_lifetime.parse();
        life.map(|life| Some(life.nanoseconds()))
            .map_err(|error| Error::invalid("settings.refresh-token-lifetime", error.to_string()))
    }

    /// The scopes, as a list.
    pub(super) fn scopes(&self) -> Vec<String> {
        scopes(&self.scopes)
    }

    /// The form, with what is wrong with it.
    pub(super) fn form(&self, user: &ConsoleUser, error: Option<&Error>) -> Markup {
        let fields = Fields::refused_with(error);
        let secret_hint = if self.is_new || self.public {
            "Databricks shows it once. It is stored sealed, and never shown here. Leave it empty only where there is none."
        } else {
            "Left empty, the stored one is kept with an unchanged client ID. It is never shown here."
        };
        html! {
            (fields.told())
            form method="post" action="/admin/security/save" {
                (form_token(&user.session))
                p .hint { "Take the values from the Prophecy app connection in the Databricks account console." }
                @if self.is_new { input type="hidden" name="is_new" value="yes"; }
                (fields.required("client_id", "Client ID", "").text(&self.client_id))
                (fields.optional("client_secret", "Client Secret", secret_hint).secret())
                details open[MORE.iter().any(|name| fields.is_refused(name))] {
                    summary { "More settings" }
                    @if self.is_new {
                        (fields.required("name", "Name", "What it is called here.").text(&self.name))
                    } @else {
                        input type="hidden" name="name" value=(self.name);
                    }
                    div .field .choice {
                        label { input type="checkbox" name="public" value="yes" checked[self.public]; " It has no client secret (a public client, protected by PKCE alone)" }
                        label { input type="checkbox" name="default" value="yes" checked[self.default]; " Fabrics that name no app connection use this one" }
                    }
                    (fields.optional("scopes", "Scopes", "Separated by blanks. Empty for all-apis offline_access profile email openid.")
                        .text(&self.scopes))
                    (fields.required("refresh_token_policy", "Refresh tokens", "As the account admin has set it at Databricks.").radios(&[
                        (RefreshTokenPolicy::Unknown.word(), "Not known", html! { "treated as single-use" }),
                        (RefreshTokenPolicy::SingleUse.word(), "Single-use", html! { "each renewal spends one" }),
                        (RefreshTokenPolicy::Reusable.word(), "Reusable", html! { "until they expire" }),
                    ], &self.refresh_token_policy))
                    (fields.optional("refresh_token_lifetime", "Refresh tokens live unused for", "Such as 7d, 12h or 90min. Empty for Databricks' default of 7 days.")
                        .text(&self.refresh_token_lifetime))
                }
                div .actions { button type="submit" .primary { "Save" } }
            }
        }
    }
}
