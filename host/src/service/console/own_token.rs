//! A person's own personal access token, on fabrics that take those.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use http::StatusCode;
use maud::{Markup, html};

use super::elements::Confirmed;
use super::fabric_state::FabricState;
use super::fabrics::done;
use super::failure;
use super::fields::Fields;
use super::layout::{Place, form_token, page_with};
use super::local_path::fabric_path;
use crate::contract::Error;
use crate::service::extractors::{ConsoleUser, Submitted};
use crate::service::state::Service;

/// The routes.
pub(super) fn router() -> Router<Service> {
    Router::new().route("/fabric/token", post(set)).route("/fabric/token/remove", post(remove))
}

/// What the page of a fabric says of it.
pub(super) fn section(user: &ConsoleUser, state: &FabricState) -> Markup {
    let is_entered = state.sign_in.is_ok() && state.required().is_none();
    html! {
        p { (state.badge()) }
        (state.facts())
        (form(user, state.name(), None))
        @if is_entered {
            div .actions {
                (Confirmed {
                    action: "/fabric/token/remove",
                    label: "Remove it",
                    consequence: "It is forgotten here. In Databricks it lives on until it is revoked there.",
                    fields: &[("name", state.name())],
                }.shown(&user.session))
            }
        }
    }
}

fn form(user: &ConsoleUser, fabric: &str, error: Option<&Error>) -> Markup {
    let field = Fields::refused_with(error).required(
        "token",
        "Personal access token",
        "Your own, made in the workspace under Settings > Developer > Access tokens. It is tried on the workspace and stored sealed.",
    );
    html! {
        form method="post" action="/fabric/token" {
            (form_token(&user.session))
            input type="hidden" name="name" value=(fabric);
            (field.secret())
            button type="submit" .primary { "Store" }
        }
    }
}

async fn set(State(service): State<Service>, Submitted { by, form }: Submitted) -> Response {
    let name = form.text("name");
    let token = form.secret("token").unwrap_or_default();
    match service.host.set_personal_access_token(&by.caller, name, &token).await {
        Ok(_) => done(name, "token-set"),
        Err(error) if error.field() == Some("token") => {
            let content = html! {
                div .card { (self::form(&by, name, Some(&error))) }
                p { a href=(fabric_path(name)) { "Back to the fabric" } }
            };
            page_with(StatusCode::BAD_REQUEST, &by, Place::Fabrics, name, &content)
        }
        Err(error) => failure(&error),
    }
}

async fn remove(State(service): State<Service>, Submitted { by, form }: Submitted) -> Response {
    let name = form.text("name");
    match service.host.remove_personal_access_token(&by.caller, name).await {
        Ok(()) => done(name, "token-removed"),
        Err(error) => failure(&error),
    }
}
