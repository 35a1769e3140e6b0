//! The small parts that pages are written with.

use std::time::Duration;

use maud::{Markup, html};

use super::layout::form_token;
use crate::contract::{Actor, Error};
use crate::service::access::SessionSecret;
use crate::span::Span;

/// How something stands; said in words, and only underlined by colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// As it should be.
    Good,
    /// Somebody should do something, sooner or later.
    Warn,
    /// It does not work.
    Bad,
    /// Nothing to say.
    Plain,
}

impl Standing {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Plain => "",
        }
    }
}

/// A word or two about how something stands.
pub(super) fn badge(standing: Standing, words: &str) -> Markup {
    html! { span class=(format!("badge {}", standing.class())) { (words) } }
}

/// Something that everybody who sees the page should read.
pub(super) fn notice(standing: Standing, content: &Markup) -> Markup {
    let role = if matches!(standing, Standing::Bad | Standing::Warn) { "alert" } else { "status" };
    html! { div class=(format!("notice {}", standing.class())) role=(role) { (content) } }
}

/// An error, and who must act on it.
pub(super) fn problem(error: &Error) -> Markup {
    let actor = match error.actor() {
        Actor::Person | Actor::Caller => "you".to_owned(),
        actor => actor.to_string(),
    };
    notice(
        Standing::Bad,
        &html! {
            p { (told(error.message())) }
            p .quiet { "Who can act on it: " (actor) "." }
        },
    )
}

/// A sentence of the component's, in which names and commands stand between backticks.
pub(super) fn told(message: &str) -> Markup {
    let parts: Vec<&str> = message.split('`').collect();
    let are_paired = parts.len() % 2 == 1;
    html! {
        @if are_paired {
            @for (number, part) in parts.iter().enumerate() {
                @if number % 2 == 1 { code { (part) } } @else { (part) }
            }
        } @else { (message) }
    }
}

/// How long until something, by the contract's count.
pub(super) fn in_span(nanoseconds: u64) -> String {
    if nanoseconds == 0 { "now".to_owned() } else { format!("in {}", Span::from(nanoseconds)) }
}

/// How long ago something was.
pub(super) fn ago(age: Duration) -> String {
    format!("{} ago", Span::from(age))
}

/// A value that is to be copied exactly as it is, with a button where a script can do that.
pub(super) fn to_copy(value: &str) -> Markup {
    html! {
        div .copy {
            code { (value) }
            button type="button" data-copy=(value) hidden { "Copy" }
        }
    }
}

/// A button that does something which is not easily undone: it is behind another one, with what it would do.
pub(super) struct Confirmed<'a> {
    /// Where the form goes.
    pub(super) action: &'a str,
    /// What the first button says.
    pub(super) label: &'a str,
    /// What would happen.
    pub(super) consequence: &'a str,
    /// What the form carries.
    pub(super) fields: &'a [(&'a str, &'a str)],
}

impl Confirmed<'_> {
    /// The buttons.
    pub(super) fn shown(&self, session: &SessionSecret) -> Markup {
        html! {
            details .confirm {
                summary .button { (self.label) "…" }
                form method="post" action=(self.action) {
                    (form_token(session))
                    @for (name, value) in self.fields { input type="hidden" name=(name) value=(value); }
                    p { (self.consequence) }
                    button type="submit" .danger { (self.label) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_a_sentence_are_set_off_and_nothing_in_it_is_markup() {
        assert_eq!(told("On `a<b` and `c`.").into_string(), "On <code>a&lt;b</code> and <code>c</code>.");
        assert_eq!(told("One ` alone").into_string(), "One ` alone");
    }
}
