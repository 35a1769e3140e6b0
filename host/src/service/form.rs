//! The fields of a form. Any of them may hold a secret, so all are kept as such.

use secrecy::{ExposeSecret as _, SecretString};

/// What a form was filled with.
pub(crate) struct Form {
    fields: Vec<(String, SecretString)>,
}

impl Form {
    /// Reads the body of a form (`application/x-www-form-urlencoded`). Anything can be read as one.
    pub(super) fn parse(body: &[u8]) -> Self {
        let fields = form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned().into()));
        Self { fields: fields.collect() }
    }

    /// What stands in a field, without the blanks around it; empty when the field is not there.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.value(name).map_or("", |value| value.expose_secret().trim())
    }

    /// The same, none when it is empty.
    pub(crate) fn optional(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// What stands in a field for a secret; none when it was left empty.
    pub(crate) fn secret(&self, name: &str) -> Option<SecretString> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(SecretString::from)
    }

    /// Whether a box is ticked.
    pub(crate) fn is_ticked(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    fn value(&self, name: &str) -> Option<&SecretString> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_without_the_blanks_around_them() {
        let form = Form::parse(b"name=+dev%20&empty=++&secret=%20s%2Bcret%0D%0A&box=on");
        assert_eq!((form.text("name"), form.text("missing")), ("dev", ""));
        assert_eq!((form.optional("name").as_deref(), form.optional("empty")), (Some("dev"), None));
        assert_eq!(form.secret("secret").unwrap().expose_secret(), "s+cret");
        assert!(form.secret("empty").is_none() && form.is_ticked("box") && !form.is_ticked("missing"));
    }

    #[test]
    fn any_bytes_can_be_read_as_a_form() {
        let form = Form::parse(b"\xff=%zz&&==&a\0b");
        assert_eq!(form.text("a\0b"), "");
    }
}
