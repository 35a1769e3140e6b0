//! Paths that pages are asked to go on to. They come with links and forms, so anybody may have written them.

/// Longest path that is followed.
const MAX_BYTES: usize = 2_048;

/// The path, if it is one of this service; else that of the overview. Browsers read `//` and `/\` as another host, and
/// leave out tabs and line breaks.
pub(super) fn local_path(text: &str) -> &str {
    let is_local = text.starts_with('/')
        && !text.starts_with("//")
        && !text.contains('\\')
        && !text.contains(|character: char| character.is_control() || character.is_whitespace())
        && text.len() <= MAX_BYTES;
    if is_local { text } else { "/" }
}

/// The page of a fabric. Its name is asked for and not a part of the path: there it might be taken for another page, or,
/// being two dots, for the folder above.
pub(super) fn fabric_path(name: &str) -> String {
    with_query("/fabric", &[("name", name)])
}

/// A path with what is asked for behind it, encoded.
pub(super) fn with_query(path: &str, parameters: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{path}?{query}")
}

/// A path that may have a query already, with what is asked for behind it.
pub(super) fn and_query(path: &str, parameters: &[(&str, &str)]) -> String {
    let (path, fragment) = path.split_once('#').map_or((path, None), |(path, fragment)| (path, Some(fragment)));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let joint = if path.contains('?') { '&' } else { '?' };
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{path}{joint}{query}{fragment}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_another_host_is_not_followed() {
        for text in [
            "",
            "fabrics",
            "//evil.example/",
            "/\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            "\\\\evil.example",
            "/fabrics\\..",
        ] {
            assert_eq!(local_path(text), "/", "{text:?}");
        }
    }

    #[test]
    fn a_query_goes_behind_one_that_is_there_and_before_a_fragment() {
        for (path, joined) in
            [("/", "/?a=1"), ("/x?y=2", "/x?y=2&a=1"), ("/x#z", "/x?a=1#z"), ("/x?y=2#z", "/x?y=2&a=1#z")]
        {
            assert_eq!(and_query(path, &[("a", "1")]), joined);
        }
    }

    #[test]
    fn a_path_of_this_service_is_followed_as_it_is() {
        for text in ["/", "/fabrics/dev%20one?test=person&x=//y#z", "/editors/pipeline?fabric=d%2Fv"] {
            assert_eq!(local_path(text), text);
        }
    }
}
