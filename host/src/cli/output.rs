//! Writing: data to standard output, everything else to standard error, as text or as JSON.

use std::fmt::{self, Display};
use std::io::{self, Write as _};

use clap::ValueEnum;
use fabric_auth::text::is_obeyed;
use serde::Serialize;
use zeroize::Zeroizing;

use super::failure::{Failure, Problem};

/// How data and errors are written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For programs: a JSON document on each line.
    Json,
}

/// Where a command writes.
#[derive(Clone, Copy)]
pub(super) struct Output {
    format: Format,
}

#[derive(Serialize)]
struct Note<'a> {
    note: &'a str,
}

/// A failure: whether it went well and a sentence, as Prophecy's own interfaces have it, and what programs decide by.
#[derive(Serialize)]
struct Failed<'a> {
    success: bool,
    message: String,
    error: Problem<'a>,
}

impl Output {
    pub(super) fn new(format: Format) -> Self {
        Self { format }
    }

    pub(super) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Writes data: its JSON, or its text.
    pub(super) fn show<T: Serialize + Display>(self, data: &T) -> Result<(), Failure> {
        if self.is_json() { self.show_json(data) } else { self.show_text(data) }
    }

    /// Writes data that only programs get in this form.
    pub(super) fn show_json(self, data: &impl Serialize) -> Result<(), Failure> {
        if !self.is_json() {
            return Ok(());
        }
        write_json(data).map(drop)
    }

    /// Writes one of many pieces of data. Gives whether anybody still reads.
    pub(super) fn stream<T: Serialize + Display>(self, data: &T) -> Result<bool, Failure> {
        if self.is_json() { write_json(data) } else { write_text(data) }
    }

    /// Writes data that has no other form than JSON. Gives whether anybody still reads.
    pub(super) fn export(self, data: &impl Serialize) -> Result<bool, Failure> {
        write_json(data)
    }

    /// Writes data that only people get in this form.
    pub(super) fn show_text(self, data: &impl Display) -> Result<(), Failure> {
        if self.is_json() {
            return Ok(());
        }
        write_text(data).map(drop)
    }

    /// Writes a script, which has one form only.
    pub(super) fn show_script(self, script: &[u8]) -> Result<(), Failure> {
        write_data(script).map(drop)
    }

    /// Tells the person something beside the data.
    pub(super) fn note(self, text: impl Display) {
        let text = printable(&text.to_string());
        if self.is_json() {
            write_message(&Note { note: &text });
        } else {
            // Nobody is left to be told when standard error is gone.
            let _ = writeln!(io::stderr(), "{}", *text);
        }
    }

    /// Tells why the command failed, which is named by its words.
    pub(super) fn failure(self, command: &str, failure: &Failure) {
        if self.is_json() {
            let message = format!("{command} failed: {}", failure.message());
            write_message(&Failed { success: false, message, error: failure.problem() });
        } else {
            let text = printable(&format!("error: {}\nWho can fix it: {}.", failure.message(), failure.actor()));
            let _ = writeln!(io::stderr(), "{}", *text);
        }
    }
}

/// Rows in columns that are as wide as they need to be.
pub(super) fn write_columns<const COLUMNS: usize>(
    formatter: &mut fmt::Formatter<'_>,
    rows: &[[String; COLUMNS]],
) -> fmt::Result {
    let mut widths = [0; COLUMNS];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(formatter, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

fn write_message(message: &impl Serialize) {
    let mut json = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut json, Harmless);
    if message.serialize(&mut serializer).is_ok() {
        json.push(b'\n');
        // Nobody is left to be told when standard error is gone.
        let _ = io::stderr().write_all(&json);
    }
}

fn write_json(data: &impl Serialize) -> Result<bool, Failure> {
    // Data may be a token.
    let mut json = Zeroizing::new(Vec::with_capacity(16 * 1024));
    let mut serializer = serde_json::Serializer::with_formatter(&mut *json, Harmless);
    data.serialize(&mut serializer).map_err(|error| not_written(&error.into()))?;
    json.push(b'\n');
    write_data(&json)
}

fn write_text(data: &impl Display) -> Result<bool, Failure> {
    // A token comes as one piece, for which `to_string` makes room at once.
    let text = Zeroizing::new(data.to_string());
    let mut text = printable(&text);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    write_data(text.as_bytes())
}

/// Gives whether anybody still reads: one who has seen enough, such as `head`, is no failure.
fn write_data(bytes: &[u8]) -> Result<bool, Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(not_written(&error)),
    }
}

/// JSON on one line whose texts are spelled so that a terminal obeys none of them: JSON itself lets some control
/// characters stand as they are.
struct Harmless;

impl serde_json::ser::Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, character)) = rest.char_indices().find(|(_, character)| is_obeyed(*character)) {
            let (before, from) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = from.get(character.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}

fn not_written(error: &io::Error) -> Failure {
    Failure::operator(format!("The output could not be written ({error})."))
}

/// What stands in place of a character that is not printed.
const REPLACEMENT: char = '\u{fffd}';

/// The text without what a terminal would obey: names and messages come from elsewhere. Wiped when dropped, since it
/// may be a token, and as large as it may become from the start, with a newline: text that moves leaves a copy behind.
fn printable(text: &str) -> Zeroizing<String> {
    let largest = text.len().saturating_mul(REPLACEMENT.len_utf8()).saturating_add(1);
    let mut printable = Zeroizing::new(String::with_capacity(largest));
    let plain = |character: char| if character.is_control() && character != '\n' { REPLACEMENT } else { character };
    printable.extend(text.chars().map(plain));
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_not_printed() {
        assert_eq!(*printable("a\u{1b}[2Jb\r\nc\u{9b}d"), "a\u{fffd}[2Jb\u{fffd}\nc\u{fffd}d");
    }

    #[test]
    fn what_a_terminal_would_obey_is_spelled_out_in_json() {
        let text = "a\u{9b}b\u{7f}\u{202e}c\n\u{e0041}\"\\ä";
        let mut json = Vec::new();
        text.serialize(&mut serde_json::Serializer::with_formatter(&mut json, Harmless)).unwrap();
        let json = String::from_utf8(json).unwrap();
        assert_eq!(json, r#""a\u009bb\u007f\u202ec\n\udb40\udc41\"\\ä""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn what_may_be_a_token_has_its_room_from_the_start() {
        for text in ["dapi-1234", "\u{1b}\u{1b}\u{1b}", ""] {
            let whole = printable(text);
            assert!(whole.capacity() > whole.len(), "there is no room for a newline after {text:?}");
            assert!(whole.capacity() > text.len() * REPLACEMENT.len_utf8(), "{text:?} has had to move");
        }
    }
}
