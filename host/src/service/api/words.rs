//! The enumerations of the contract as JSON: each value is its word.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::contract::administration::RefreshTokenPolicy;
use crate::contract::databricks_oauth::{AdvisoryKind, Registration, RejectionVerdict, SessionControl, TestStep};
use crate::contract::{Activity, Authentication, FabricKind, IdentityKind, SignInReason, Word};

/// A value of an enumeration, spelled as in the contract.
#[derive(Clone, Copy)]
pub(super) struct Spelled<W>(pub(super) W);

// The document names schemas after types without parameters.
pub(super) type ActivityWord = Spelled<Activity>;
pub(super) type AdvisoryKindWord = Spelled<AdvisoryKind>;
pub(super) type AuthenticationWord = Spelled<Authentication>;
pub(super) type FabricKindWord = Spelled<FabricKind>;
pub(super) type IdentityKindWord = Spelled<IdentityKind>;
pub(super) type RefreshTokenPolicyWord = Spelled<RefreshTokenPolicy>;
pub(super) type RegistrationWord = Spelled<Registration>;
pub(super) type RejectionVerdictWord = Spelled<RejectionVerdict>;
pub(super) type SessionControlWord = Spelled<SessionControl>;
pub(super) type SignInReasonWord = Spelled<SignInReason>;
pub(super) type TestStepWord = Spelled<TestStep>;

impl<W: Word> Serialize for Spelled<W> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

impl<'de, W: Word> Deserialize<'de> for Spelled<W> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        W::of_word(&word).map(Self).ok_or_else(|| D::Error::custom("there is no such value"))
    }
}

impl<W: Word> PartialSchema for Spelled<W> {
    fn schema() -> RefOr<Schema> {
        let words = W::WORDS.iter().map(|(word, _)| *word);
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
    }
}

impl<W: Word> ToSchema for Spelled<W> {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed(W::NAME)
    }
}
