//! The secrets, each a type of its own, so that no two can be mixed up and none can be printed.
//!
//! All of them are kept in memory that is wiped when they are dropped, have a `Debug` that shows nothing, no `Display`
//! and no `Clone`: whoever needs one borrows it. They compare in constant time.

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// Defines one secret type over [`SecretString`].
macro_rules! secret {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        pub struct $name(SecretString);

        impl $name {
            /// The secret itself, to be put into a request, into what is sealed, or across the contract. Never into a
            /// message, a log, a URL path or a record that is stored in clear.
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }

        impl From<String> for $name {
            /// Takes the text over. No copy of it is left behind.
            fn from(text: String) -> Self {
                Self(without_leftovers(text))
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                formatter.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl PartialEq for $name {
            /// Takes a time that depends on the two lengths only, never on the contents.
            fn eq(&self, other: &Self) -> bool {
                self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
            }
        }

        impl Eq for $name {}
    };
}

secret! {
    /// The secret of an OAuth client (RFC 6749 section 2.3.1): of an app connection or of a service principal.
    ClientSecret
}

secret! {
    /// A refresh token (RFC 6749 section 1.5). Possibly single-use: what is lost cannot be got again.
    RefreshToken
}

secret! {
    /// An access token (RFC 6749 section 1.4), used as a bearer token (RFC 6750).
    AccessToken
}

secret! {
    /// A personal access token of Databricks, used as a bearer token where a fabric does not use OAuth.
    PersonalAccessToken
}

secret! {
    /// An authorization code (RFC 6749 section 1.3.1). Dies on use.
    AuthorizationCode
}

secret! {
    /// The PKCE code verifier (RFC 7636 section 4.1) that proves who began the sign-in.
    CodeVerifier
}

secret! {
    /// The `state` of an authorization request (RFC 6749 section 10.12), by which a pending sign-in is found again.
    SignInState
}

secret! {
    /// What binds a pending sign-in to the browser that began it: kept there in a cookie, given back to complete it.
    BindingSecret
}

/// Boxes a text without leaving its bytes in memory that is freed unwiped.
///
/// Turning a `String` into a boxed string reallocates when there is spare capacity, and the allocator does not wipe
/// the old block. So only an exact fit is moved; anything else is copied and then wiped here.
fn without_leftovers(mut text: String) -> SecretString {
    if text.capacity() == text.len() {
        return SecretString::from(text);
    }
    let copy = SecretString::from(Box::<str>::from(text.as_str()));
    text.zeroize();
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_kind_of_secret_and_nothing_of_it() {
        let secret = ClientSecret::from(String::from("dose-canary"));
        assert_eq!(format!("{secret:?}"), "ClientSecret(…)");
        assert_eq!(format!("{:#?}", Some(secret)), "Some(\n    ClientSecret(…),\n)");
    }

    #[test]
    fn equal_secrets_are_equal_and_others_are_not() {
        let state = |text: &str| SignInState::from(String::from(text));
        assert_eq!(state("abc"), state("abc"));
        assert_ne!(state("abc"), state("abd"));
        assert_ne!(state("abc"), state("ab"));
        assert_ne!(state("abc"), state(""));
    }

    #[test]
    fn a_text_with_spare_capacity_is_taken_over_whole() {
        let mut roomy = String::with_capacity(1_000);
        roomy.push_str("doau-token");
        assert_eq!(RefreshToken::from(roomy).expose(), "doau-token");
    }
}
