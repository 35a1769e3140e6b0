//! Text from elsewhere, made harmless for where it is shown.

/// Whether a terminal would do something else with the character than show it: control characters, and those that are
/// invisible or turn the direction of what stands around them.
pub fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{AD}'
                | '\u{61C}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E007F}'
        )
}

/// A text from elsewhere as part of a line of ours: what a terminal would obey, a new line included, is spelled out.
pub fn spelled_out(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if is_obeyed(character) {
            line.extend(character.escape_unicode());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_spelled_out() {
        let text = "a\u{9b}b\u{7f}\u{202e}c\n\u{e0041}\"\\ä";
        assert_eq!(spelled_out(text), "a\\u{9b}b\\u{7f}\\u{202e}c\\u{a}\\u{e0041}\"\\ä");
    }
}
