//! The enumerations of the contract as arguments.

use clap::builder::{PossibleValuesParser, TypedValueParser};
pub(super) use fabric_auth::contract::Word;

/// Reads an argument that must be one of the words.
pub(super) fn parser<W: Word>() -> impl TypedValueParser<Value = W> {
    PossibleValuesParser::new(W::WORDS.iter().map(|(word, _)| *word))
        .try_map(|text| W::of_word(&text).ok_or("there is no such value"))
}
