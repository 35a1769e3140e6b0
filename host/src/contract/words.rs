//! The enumerations of the contract, spelled as in `wit/`.

use super::administration::RefreshTokenPolicy;
use super::databricks_oauth::{AdvisoryKind, Registration, RejectionVerdict, SessionControl, TestStep};
use super::{Activity, Authentication, FabricKind, IdentityKind, SignInReason};

/// An enumeration of the contract.
pub trait Word: Copy + PartialEq + Send + Sync + 'static {
    /// What the enumeration is called.
    const NAME: &'static str;

    /// Every value with its spelling.
    const WORDS: &'static [(&'static str, Self)];

    /// The spelling of this value.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, value)| *value == self).map_or("", |(word, _)| word)
    }

    /// The value that is spelled so.
    fn of_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, value)| *value)
    }
}

/// Spells every value of an enumeration; a value that is left out does not compile.
macro_rules! words {
    ($($enumeration:ident { $($value:ident = $word:literal),* $(,)? })*) => {
        $(impl Word for $enumeration {
            const NAME: &'static str = stringify!($enumeration);

            const WORDS: &'static [(&'static str, Self)] = {
                const fn word_of(value: $enumeration) -> (&'static str, $enumeration) {
                    match value { $($enumeration::$value => ($word, value)),* }
                }
                &[$(word_of($enumeration::$value)),*]
            };
        })*
    };
}

words! {
    Activity {
        PipelineDevelopment = "pipeline-development",
        JobConfiguration = "job-configuration",
        OnDemandRun = "on-demand-run",
        ScheduledRun = "scheduled-run",
        ProjectRelease = "project-release",
        ProjectDeployment = "project-deployment",
        MetadataCrawl = "metadata-crawl",
    }
    IdentityKind { Person = "person", ServicePrincipal = "service-principal" }
    Authentication { Oauth = "oauth", PersonalAccessToken = "personal-access-token" }
    FabricKind { Spark = "spark", Sql = "sql" }
    RefreshTokenPolicy { Unknown = "unknown", SingleUse = "single-use", Reusable = "reusable" }
    SignInReason {
        NeverSignedIn = "never-signed-in",
        SignedOut = "signed-out",
        SessionEnded = "session-ended",
        OutcomeUnknown = "outcome-unknown",
        NoRefreshToken = "no-refresh-token",
        ScopeNotCovered = "scope-not-covered",
    }
    AdvisoryKind {
        MissingServicePrincipal = "missing-service-principal",
        MissingAppConnection = "missing-app-connection",
        RefusedClientSecret = "refused-client-secret",
        ServicePrincipalSecretEnding = "service-principal-secret-ending",
        SessionEnding = "session-ending",
        RunAsReplaced = "run-as-replaced",
    }
    Registration { NotNeeded = "not-needed", Done = "done", Needed = "needed" }
    SessionControl { Nobody = "nobody", DatabricksAccountAdmin = "databricks-account-admin" }
    RejectionVerdict {
        TokenRejected = "token-rejected",
        AlreadyReplaced = "already-replaced",
        TokenNotConcerned = "token-not-concerned",
    }
    TestStep {
        Discovery = "discovery",
        AccessToken = "access-token",
        Identity = "identity",
        Compute = "compute",
    }
}
