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
        Actor::Person => "you".to_owned(),
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

/// One field of a form.
pub(super) struct Field<'a> {
    /// The name under which it is sent, and its id.
    pub(super) name: &'a str,
    /// What it is called.
    pub(super) label: &'a str,
    /// What stands below it.
    pub(super) hint: &'a str,
    /// What is wrong with it.
    pub(super) problem: Option<&'a str>,
    /// Whether it may be left empty.
    pub(super) optional: bool,
}

impl Field<'_> {
    /// A field for a line of text.
    pub(super) fn text(&self, value: &str) -> Markup {
        self.around(&html! {
            input #(self.name) name=(self.name) value=(value) autocomplete="off" spellcheck="false"
                required[!self.optional] aria-invalid=[self.invalid()] aria-describedby=(self.described_by());
        })
    }

    /// A field for a secret. It is never filled in: what was stored is not shown, and what was typed is typed again.
    pub(super) fn secret(&self) -> Markup {
        self.around(&html! {
            input #(self.name) name=(self.name) type="password" autocomplete="off" spellcheck="false"
                required[!self.optional] aria-invalid=[self.invalid()] aria-describedby=(self.described_by());
        })
    }

    /// A choice from a list of values with their names.
    pub(super) fn select(&self, choices: &[(String, String)], chosen: &str) -> Markup {
        self.around(&html! {
            select #(self.name) name=(self.name) required[!self.optional] aria-invalid=[self.invalid()]
                aria-describedby=(self.described_by()) {
                @for (value, name) in choices {
                    option value=(value) selected[value == chosen] { (name) }
                }
            }
        })
    }

    /// A choice of which all values are seen at once, each with what it means.
    pub(super) fn radios(&self, choices: &[(&str, &str, Markup)], chosen: &str) -> Markup {
        html! {
            fieldset .field .choice aria-describedby=(self.described_by()) {
                legend { (self.label) }
                @for (value, name, meaning) in choices {
                    label {
                        input type="radio" name=(self.name) value=(value) checked[*value == chosen] required;
                        " " (name) " " span .hint { (meaning) }
                    }
                }
                (self.below())
            }
        }
    }

    fn around(&self, control: &Markup) -> Markup {
        html! {
            div .field {
                label for=(self.name) {
                    (self.label) @if self.optional { " " span .optional { "(optional)" } }
                }
                (control)
                (self.below())
            }
        }
    }

    fn below(&self) -> Markup {
        html! {
            @if !self.hint.is_empty() { p .hint id=(format!("{}-hint", self.name)) { (self.hint) } }
            p .problem id=(format!("{}-problem", self.name)) data-problem=(self.name) hidden[self.problem.is_none()] {
                (self.problem.unwrap_or_default())
            }
        }
    }

    fn invalid(&self) -> Option<&'static str> {
        self.problem.map(|_| "true")
    }

    fn described_by(&self) -> String {
        format!("{0}-hint {0}-problem", self.name)
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
