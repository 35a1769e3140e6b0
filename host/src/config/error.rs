//! What is wrong with a configuration.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of the configuration file, counted from 1.
    Line(PathBuf, usize),
    /// An environment variable, by name.
    Variable(String),
    /// An option of the command line that stands for a key, by name.
    Option(&'static str),
    /// The default: nobody has set it.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Option(name) => write!(f, "option {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// What is wrong with a configuration, where, and what would be right. Values are not repeated in the text, since people
/// put passwords into URLs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read ({source}); check its path and permissions", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("{place}: this is not valid TOML: {reason}")]
    NotToml {
        /// The line.
        place: Place,
        /// What the parser says.
        reason: String,
    },
    /// There is no key with this name.
    #[error("{place}: there is no key {name}; the nearest one is {nearest}")]
    UnknownKey {
        /// The name, with its table; for a variable, the variable's name.
        name: String,
        /// Where it stands.
        place: Place,
        /// The known key, or variable, that is spelled most like it.
        nearest: String,
    },
    /// A value does not fit its key.
    #[error("{place}: {key} {right}")]
    Wrong {
        /// The key, with its table.
        key: String,
        /// Where the value stands.
        place: Place,
        /// What would be right, as the rest of a sentence.
        right: String,
    },
}
