//! What a host process answers.

use serde::{Deserialize, Serialize};

/// The answer to one command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The number that stood before the command.
    pub number: u64,
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took, from the command's arrival on.
    pub microseconds: u64,
}

/// What came of a command. Never holds a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A token was handed out.
    Token {
        /// Its generation.
        generation: u64,
        /// The first half of its SHA-256 digest, in hexadecimal: enough to tell two tokens apart.
        digest: String,
    },
    /// It was done, and there is nothing to say about it.
    Done,
    /// The person must sign in.
    SignInRequired {
        /// Why, as the contract's enumeration spells it in Rust.
        reason: String,
    },
    /// It failed otherwise.
    Failed {
        /// The name of the error's case.
        case: String,
        /// What a person is told.
        message: String,
    },
}

impl Outcome {
    /// The generation of the token that was handed out, if one was.
    pub fn generation(&self) -> Option<u64> {
        match self {
            Self::Token { generation, .. } => Some(*generation),
            _ => None,
        }
    }
}
