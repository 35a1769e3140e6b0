//! Searching for secrets where there must be none.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The forms in which a secret might have been written down: as it is, in base64 of both alphabets, in hexadecimal,
/// and escaped for JSON and for a URL.
pub fn encodings(secret: &str) -> Vec<Vec<u8>> {
    let json = serde_json::Value::from(secret).to_string();
    let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    // Within a longer text base64 starts at one of three offsets. Blanks stand for what comes before; the characters
    // that depend on it, or on what comes after, are cut off.
    let shifted = (0..3_usize).flat_map(|offset| {
        let text = format!("{}{secret}", " ".repeat(offset));
        let (skipped, kept) = ((offset * 8).div_ceil(6), text.len() * 8 / 6);
        [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)].map(|encoded| encoded[skipped..kept].to_owned())
    });
    let hex = |digit: fn(&u8) -> String| secret.as_bytes().iter().map(digit).collect::<String>();
    let plain = [
        secret.to_owned(),
        json.trim_matches('"').to_owned(),
        form,
        hex(|byte| format!("{byte:02x}")),
        hex(|byte| format!("{byte:02X}")),
    ];
    let mut all: Vec<Vec<u8>> = plain.into_iter().chain(shifted).map(String::into_bytes).collect();
    all.sort();
    all.dedup();
    all
}

/// The files under a folder that hold a secret in any of its [`encodings`].
pub fn files_with(folder: &Path, secret: &str) -> Vec<PathBuf> {
    let needles = encodings(secret);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder that can be read") {
        let path = entry.expect("an entry that can be read").path();
        let bytes = fs::read(&path).expect("a file that can be read");
        if needles.iter().any(|needle| bytes.windows(needle.len()).any(|window| window == needle)) {
            found.push(path);
        }
    }
    found
}
