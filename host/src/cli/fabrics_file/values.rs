//! The members of a file and their texts, with the environment's variables in the place of their placeholders.

use zeroize::Zeroizing;

use crate::cli::expiry::Expiry;
use crate::cli::text_tree::Node;

/// What is wrong with a file.
#[derive(Debug)]
pub(in crate::cli) struct Wrong {
    /// Where: `fabrics[0].databricks.url`; empty for the whole file.
    pub(in crate::cli) place: String,
    /// What would be right.
    pub(in crate::cli) message: String,
}

/// A value of the file, resolved.
pub(super) struct Value {
    pub(super) text: Zeroizing<String>,
    pub(super) place: String,
    /// Whether it stands in the file as it is.
    pub(super) literal: bool,
}

/// Members and where they stand.
pub(super) struct Members<'a> {
    pub(super) place: String,
    members: &'a [(String, Node)],
    /// The environment.
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Members<'a> {
    pub(super) fn of(
        node: &'a Node,
        place: String,
        variable: &'a dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Wrong> {
        match node {
            Node::Members(members) => Ok(Self { place, members, variable }),
            _ => Err(wrong(&place, "Members with names are expected here.")),
        }
    }

    pub(super) fn place_of(&self, name: &str) -> String {
        if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
    }

    /// The member of this name, in whichever spelling, and where it stands.
    pub(super) fn find(&self, name: &str) -> Result<Option<(String, &'a Node)>, Wrong> {
        let mut found = self.members.iter().filter(|(key, _)| plain(key) == name);
        let first = found.next().map(|(key, node)| (self.place_of(key), node));
        match found.next() {
            Some((key, _)) => Err(wrong(&self.place_of(key), "This stands twice, in two spellings.")),
            None => Ok(first),
        }
    }

    /// The text of a member, if it is there and not empty.
    pub(super) fn text(&self, name: &str) -> Result<Option<Value>, Wrong> {
        let Some((place, node)) = self.find(name)? else { return Ok(None) };
        match node {
            Node::Nothing => Ok(None),
            Node::Text(text) if text.trim().is_empty() => Ok(None),
            Node::Text(text) => Value::resolved(text, place, self.variable).map(Some),
            Node::NoText => Err(wrong(&place, "Put this in quotes, so that it is read as it stands.")),
            Node::List(_) | Node::Members(_) => Err(wrong(&place, "A text is expected here.")),
        }
    }

    pub(super) fn needed(&self, name: &str) -> Result<Value, Wrong> {
        self.text(name)?.ok_or_else(|| wrong(&self.place_of(name), "This is missing."))
    }

    /// Refuses what is not known: a name that is mistyped must not pass for one that is left out.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Wrong> {
        match self.members.iter().find(|(key, _)| !known.contains(&plain(key).as_str())) {
            Some((key, _)) if is_name(key) => Err(wrong(&self.place_of(key), "A member of this name is not known.")),
            Some(_) => Err(wrong(&self.place, "It has a member whose name is none.")),
            None => Ok(()),
        }
    }
}

impl Value {
    /// Puts the variables in the place of their placeholders. What they hold is not looked into again.
    fn resolved(text: &str, place: String, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, Wrong> {
        let mut resolved = Zeroizing::new(String::with_capacity(text.len()));
        let mut rest = text;
        let mut literal = true;
        while let Some((before, after)) = rest.split_once("{{") {
            let named = after.split_once("}}").map(|(name, after)| (name.trim(), after));
            let Some((name, after)) = named.filter(|(name, _)| is_name(name)) else {
                return Err(wrong(&place, "A placeholder is the name of an environment variable: {{NAME}}."));
            };
            let held = variable(name).map(Zeroizing::new).filter(|held| !held.trim().is_empty());
            let Some(held) = held else {
                let message = format!("The environment variable {name} is not set, is empty or is no text.");
                return Err(wrong(&place, &message));
            };
            let mut longer =
                Zeroizing::new(String::with_capacity(resolved.len() + before.len() + held.len() + after.len()));
            longer.extend([resolved.as_str(), before, held.as_str()]);
            resolved = longer;
            (rest, literal) = (after, false);
        }
        resolved.push_str(rest);
        Ok(Self { text: resolved, place, literal })
    }

    /// Whether it is this word, however it is written.
    pub(super) fn is(&self, word: &str) -> bool {
        self.text.trim().eq_ignore_ascii_case(word)
    }

    pub(super) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, Wrong> {
        let known = words.iter().find(|(word, _)| self.is(word)).map(|(_, value)| *value);
        let choice: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        known.ok_or_else(|| wrong(&self.place, &format!("This must be one of: {}.", choice.join(", "))))
    }

    pub(super) fn expiry(&self) -> Result<Expiry, Wrong> {
        match self.text.parse() {
            Ok(expiry @ Expiry::On(_)) => Ok(expiry),
            _ => Err(wrong(&self.place, "Write the day on which the secret ends: 2027-06-30.")),
        }
    }

    /// As a text that is no secret.
    pub(super) fn into_plain(self) -> String {
        self.text.trim().to_owned()
    }
}

/// A name of a member without what differs between the spellings.
fn plain(name: &str) -> String {
    name.chars().filter(|character| *character != '_').flat_map(char::to_lowercase).collect()
}

/// Whether this is a name of a member or of an environment variable.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Says what is wrong, and where.
pub(super) fn wrong(place: &str, message: &str) -> Wrong {
    Wrong { place: place.to_owned(), message: message.to_owned() }
}
