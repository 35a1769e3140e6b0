//! The fields of a form, with what is wrong with them.

use maud::{Markup, html};

use super::elements::{Standing, notice, problem};
use super::fabric_fields::field_of;
use crate::contract::Error;

/// A form's fields: they know which of them was refused, and why.
pub(super) struct Fields<'a> {
    error: Option<&'a Error>,
    refused: Option<String>,
}

/// One field of a form.
pub(super) struct Field<'a> {
    /// The name under which it is sent, and its id.
    name: &'a str,
    /// What it is called.
    label: &'a str,
    /// What stands below it.
    hint: &'a str,
    /// What is wrong with it.
    problem: Option<&'a str>,
    /// Whether it may be left empty.
    optional: bool,
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

impl<'a> Fields<'a> {
    /// The fields of a form that was refused with this error, if it was.
    pub(super) fn refused_with(error: Option<&'a Error>) -> Self {
        Self { error, refused: error.and_then(Error::field).map(field_of) }
    }

    /// One that must be filled in. `name` is that of the contract, with underscores.
    pub(super) fn required(&self, name: &'a str, label: &'a str, hint: &'a str) -> Field<'a> {
        let problem = self.error.filter(|_| self.is_refused(name)).map(Error::message);
        Field { name, label, hint, problem, optional: false }
    }

    /// One that may be left empty.
    pub(super) fn optional(&self, name: &'a str, label: &'a str, hint: &'a str) -> Field<'a> {
        Field { optional: true, ..self.required(name, label, hint) }
    }

    /// Whether this is the one that was refused.
    pub(super) fn is_refused(&self, name: &str) -> bool {
        self.refused.as_deref() == Some(name)
    }

    /// What stands above a form that was refused.
    pub(super) fn told(&self) -> Markup {
        match (self.error, &self.refused) {
            (None, _) => html! {},
            (Some(error), None) => problem(error),
            (Some(_), Some(_)) => notice(Standing::Bad, &html! { p { "Nothing is saved yet: a field is not right." } }),
        }
    }
}
