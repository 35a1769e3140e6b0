//! A document of texts in lists and members, read from YAML. Any of its texts may be a secret, so they are wiped and
//! never part of an error: what is wrong is told by its place.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

/// A piece of a document.
pub(super) enum Node {
    /// A member without a value.
    Nothing,
    /// A text.
    Text(Zeroizing<String>),
    /// A number or a truth value: what was meant as a text may have lost digits.
    NoText,
    /// A list.
    List(Vec<Node>),
    /// Members, each name once.
    Members(Vec<(String, Node)>),
}

/// Reads a document. The error is a sentence without anything of its content.
pub(super) fn read(document: &str) -> Result<Node, String> {
    // The reader's own words would quote the document.
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(document, options).map_err(|error| {
        let place = error.location().map(|at| format!(" at line {}, column {}", at.line(), at.column()));
        format!(
            "This is no YAML of texts, lists and members with names of their own{}. A placeholder stands in quotes: \
             \"{{{{NAME}}}}\".",
            place.unwrap_or_default()
        )
    })
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, a list or members")
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Node, E> {
        Ok(Node::Text(Zeroizing::new(text)))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Nothing)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::NoText)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::NoText)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Node, E> {
        Ok(Node::NoText)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::NoText)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Node, E> {
        Ok(Node::NoText)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::NoText)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members: Vec<(String, Node)> = Vec::new();
        while let Some((name, node)) = map.next_entry::<String, Node>()? {
            if members.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("a name stands twice"));
            }
            members.push((name, node));
        }
        Ok(Node::Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_text(node: &Node, expected: &str) -> bool {
        matches!(node, Node::Text(text) if **text == expected)
    }

    #[test]
    fn texts_lists_and_members_are_read_as_they_stand() {
        let Ok(Node::Members(members)) = read("a: text\nb: [\"1\", '{{X}}']\nc:\nd: 1\ne: true\nf: 1.5\n") else {
            panic!("no members")
        };
        let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c", "d", "e", "f"]);
        assert!(is_text(&members[0].1, "text"));
        let Node::List(list) = &members[1].1 else { panic!("no list") };
        assert!(is_text(&list[0], "1") && is_text(&list[1], "{{X}}"));
        assert!(matches!(members[2].1, Node::Nothing));
        assert!(members[3..].iter().all(|(_, node)| matches!(node, Node::NoText)));
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_place_and_never_quoted() {
        for document in
            ["a: {{dose1234}}", "a: 'dose1234", "dose1234: 1\ndose1234: 2", "- dose1234\nb: c", "a: [dose1234"]
        {
            let Err(refusal) = read(document) else { panic!("{document} was read") };
            assert!(refusal.contains("line ") && !refusal.contains("dose"), "{document}: {refusal}");
        }
    }

    #[test]
    fn a_document_that_multiplies_itself_is_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}, ", level - 1).repeat(10);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", before.trim_end_matches(", ")));
        }
        assert!(read(&bomb).is_err());
        assert!(read(&"[".repeat(100_000)).is_err());
    }
}
