//! Text from a peer, made fit to be shown to a person.
//!
//! Whatever Databricks, a proxy in between or somebody's clipboard says may end in a terminal, a log line or a web
//! page. [`clean`] is the only way there.

/// What stands where something that looks like a token was.
const REMOVED: &str = "[removed]";

/// No more of a text than this is looked at, so that the work is bounded before the result is.
const MAX_INPUT_BYTES: usize = 16 * 1024;

/// How the tokens and secrets that Databricks issues begin: JWTs, personal access tokens, refresh tokens, secrets of
/// service principals and app connections.
const TOKEN_PREFIXES: [&str; 4] = ["eyJ", "dapi", "doau", "dose"];

/// Something with such a prefix counts as a token from this length on.
const MIN_TOKEN_BYTES: usize = 12;

/// An unbroken run of base64url characters counts as a secret from this length on, whatever its prefix: 32 random
/// bytes have it, and so do our own code verifiers and the codes of authorization servers. Request ids (UUIDs, 36
/// characters) stay readable.
const MIN_OPAQUE_BYTES: usize = 43;

/// The text on one line, without control characters, invisible or direction-changing characters and things that look
/// like tokens, cut to at most `max_bytes` bytes of UTF-8 on a character boundary.
///
/// White space of any kind and length, line breaks included, becomes one space.
pub fn clean(text: &str, max_bytes: usize) -> String {
    let visible = on_one_line(cut(text, MAX_INPUT_BYTES));
    let harmless = without_tokens(&visible);
    String::from(cut(&harmless, max_bytes).trim_end())
}

/// The longest prefix of at most `max_bytes` bytes that ends on a character boundary.
fn cut(text: &str, max_bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(max_bytes)).unwrap_or_default()
}

/// Replaces white space and control characters by single spaces and drops what cannot be seen.
fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut gap = false;
    for character in text.chars().filter(|character| !is_invisible(*character)) {
        if character.is_whitespace() || character.is_control() {
            gap = !line.is_empty();
            continue;
        }
        if gap {
            line.push(' ');
            gap = false;
        }
        line.push(character);
    }
    line
}

/// Characters that show nothing themselves but change what is read around them: direction marks and overrides, zero
/// width characters, interlinear annotations, tags.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{AD}'
            | '\u{61C}'
            | '\u{180E}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}'
    )
}

/// Replaces every run of token characters that looks like a token.
fn without_tokens(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_token_character) {
        let (before, run_and_after) = rest.split_at(start);
        let end = run_and_after.find(|character| !is_token_character(character)).unwrap_or(run_and_after.len());
        let (run, after) = run_and_after.split_at(end);
        harmless.push_str(before);
        harmless.push_str(if looks_like_token(run) { REMOVED } else { run });
        rest = after;
    }
    harmless.push_str(rest);
    harmless
}

/// The characters of base64url, and the dot that separates the parts of a JWT.
fn is_token_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.')
}

/// Whether a run of token characters holds a known prefix at the start of a word, or is too long for a word.
fn looks_like_token(run: &str) -> bool {
    let has_prefix = TOKEN_PREFIXES.iter().any(|prefix| {
        run.match_indices(prefix).any(|(position, _)| {
            let (before, token) = run.split_at(position);
            !before.ends_with(|character: char| character.is_ascii_alphanumeric()) && token.len() >= MIN_TOKEN_BYTES
        })
    });
    has_prefix || run.split('.').any(|part| part.len() >= MIN_OPAQUE_BYTES)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn line_breaks_and_control_characters_become_one_space() {
        assert_eq!(clean("one\r\n\t two\u{1b}[31mthree\u{85}\u{2028}four\0", 100), "one two [31mthree four");
    }

    #[test]
    fn direction_overrides_and_zero_width_characters_are_dropped() {
        assert_eq!(clean("safe\u{202e}gpj.exe\u{2066}\u{200b}\u{feff}!", 100), "safegpj.exe!");
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(clean("aä€", 3), "aä");
        assert_eq!(clean("aä€", 2), "a");
        assert_eq!(clean("aä€", 0), "");
    }

    #[test]
    fn things_that_look_like_tokens_are_replaced() {
        for token in ["eyJraWQiOiJhYmMifQ.e30.c2ln", "dapi0123456789abcdef", "doauabcdef0123", "dose0123456789abcdef"] {
            assert_eq!(clean(&format!("bad token={token}, sorry"), 100), "bad token=[removed], sorry");
        }
    }

    #[test]
    fn a_token_after_an_underscore_or_split_by_an_invisible_character_is_replaced() {
        assert_eq!(clean("token_dapi0123456789abcdef", 100), "[removed]");
        assert_eq!(clean("da\u{200b}pi0123456789abcdef", 100), "[removed]");
    }

    #[test]
    fn a_long_opaque_run_is_replaced_and_a_request_id_stays() {
        assert_eq!(clean(&format!("code {}", "A1_-".repeat(11)), 100), "code [removed]");
        let request = "[ReqId: 0a1b2c3d-0000-4000-8000-001122334455]";
        assert_eq!(clean(request, 100), request);
    }

    #[test]
    fn an_ordinary_sentence_and_a_host_name_stay_as_they_are() {
        let sentence = "A dose of doubt: adb-1234567890123456.7.azuredatabricks.net said “Grüße”.";
        assert_eq!(clean(sentence, 200), sentence);
    }

    #[test]
    fn a_token_that_the_limit_would_cut_is_replaced_all_the_same() {
        assert_eq!(clean("dapi0123456789abcdef", 8), "[removed");
    }

    proptest! {
        #[test]
        fn what_comes_out_is_bounded_and_has_no_control_character(text in any::<String>(), limit in 0usize..200) {
            let shown = clean(&text, limit);
            prop_assert!(shown.len() <= limit);
            prop_assert!(!shown.chars().any(|character| character.is_control() || is_invisible(character)));
        }

        #[test]
        fn no_known_prefix_survives_with_a_token_behind_it(
            before in "[ ,:=\"']{0,3}", prefix in "eyJ|dapi|doau|dose", rest in "[A-Za-z0-9_-]{9,60}",
        ) {
            let shown = clean(&format!("{before}{prefix}{rest}"), 200);
            prop_assert!(!shown.contains(&rest));
        }
    }
}
