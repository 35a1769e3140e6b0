//! Where a secret is read from: a file or standard input, never an argument, which every user of the machine could see.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::str::FromStr;

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::failure::Failure;
use super::output::Output;

/// How many bytes a secret may have. Those of Databricks have 38.
const LONGEST: usize = 4096;

/// Where a secret is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SecretSource {
    /// Standard input, written `-`.
    StandardInput,
    /// A file.
    File(PathBuf),
}

impl FromStr for SecretSource {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "-" { Self::StandardInput } else { Self::File(text.into()) })
    }
}

impl SecretSource {
    /// Reads the secret, without the newline at its end. `option` names the option for errors.
    pub(super) fn read(&self, option: &str, output: Output) -> Result<SecretString, Failure> {
        match self {
            Self::StandardInput => {
                if io::stdin().is_terminal() {
                    output.note("Type the secret, then Enter and Ctrl-D.");
                }
                read_from(io::stdin().lock())
                    .map_err(|right| Failure::caller(option, format!("Standard input {right}.")))
            }
            Self::File(path) => {
                let refuse = |right: String| Failure::caller(option, format!("The file {} {right}.", path.display()));
                let file = File::open(path).map_err(|error| refuse(format!("cannot be opened ({error})")))?;
                warn_if_open_to_others(&file, path, output);
                read_from(file).map_err(refuse)
            }
        }
    }
}

/// Reads a secret; the error is the rest of a sentence.
fn read_from(source: impl Read) -> Result<SecretString, String> {
    // As large as it may become, so that it never moves and leaves the secret behind in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    source.take(LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(|error| format!("cannot be read ({error})"))?;
    if bytes.len() > LONGEST {
        return Err(format!("is longer than the {LONGEST} bytes a secret may have"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| "is not text".to_owned())?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.trim().is_empty() {
        return Err("is empty; put the secret there".to_owned());
    }
    Ok(SecretString::from(text))
}

/// The secret is out already, so that this is a warning: the next one should be kept better.
fn warn_if_open_to_others(file: &File, path: &std::path::Path, output: Output) {
    let open = file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.mode() & 0o044 != 0);
    if open {
        let path = path.display();
        output.note(format_args!("warning: the file {path} can be read by other users; run: chmod 600 {path}"));
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn one_newline_at_the_end_is_dropped() {
        for (bytes, secret) in [(&b"s3cret"[..], "s3cret"), (b"s3cret\n", "s3cret"), (b"s3cret\r\n", "s3cret")] {
            assert_eq!(read_from(bytes).unwrap().expose_secret(), secret);
        }
        assert_eq!(read_from(&b"s3cret\n\n"[..]).unwrap().expose_secret(), "s3cret\n");
    }

    #[test]
    fn what_is_empty_huge_or_not_text_is_no_secret() {
        assert!(read_from(&b""[..]).unwrap_err().contains("empty"));
        assert!(read_from(&b"\n"[..]).unwrap_err().contains("empty"));
        assert!(read_from(&[b'x'; LONGEST + 1][..]).unwrap_err().contains("longer"));
        assert!(read_from(&[b'x'; LONGEST][..]).is_ok());
        assert!(read_from(&b"\xff\xfe"[..]).unwrap_err().contains("not text"));
    }
}
