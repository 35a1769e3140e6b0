//! What a seed decides before a run begins.

use std::time::Duration;

use crate::rng::Rng;

/// How Databricks treats refresh tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// Each refresh spends the token. `reuse_ends_session`: showing a spent one ends the whole session.
    SingleUse { reuse_ends_session: bool },
    /// One token for the whole session; replies repeat it or leave it out.
    Reusable { repeats: bool },
}

/// The form of `expires_in` in replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExpiresIn {
    Number,
    Text,
    Absent,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) hosts: usize,
    pub(crate) instances: usize,
    pub(crate) users: usize,
    /// Life of an access token.
    pub(crate) life: Duration,
    pub(crate) rotation: Rotation,
    pub(crate) expires_in: ExpiresIn,
    /// How often faults strike: 0 never, 1 often enough that most renewals go well.
    pub(crate) intensity: f64,
    /// How long faults and callers go on.
    pub(crate) duration: Duration,
    /// How many calls a person makes in the life of one token.
    pub(crate) eagerness: u32,
    /// How many announcements between hosts get lost.
    pub(crate) deafness: f64,
}

impl Settings {
    pub(crate) fn draw(rng: &Rng) -> Self {
        let rotation = *rng.pick(&[
            Rotation::SingleUse { reuse_ends_session: false },
            Rotation::SingleUse { reuse_ends_session: false },
            Rotation::SingleUse { reuse_ends_session: true },
            Rotation::SingleUse { reuse_ends_session: true },
            Rotation::Reusable { repeats: true },
            Rotation::Reusable { repeats: false },
        ]);
        let expires_in = *rng.pick(&[ExpiresIn::Number, ExpiresIn::Number, ExpiresIn::Text, ExpiresIn::Absent]);
        let life = Duration::from_secs(match expires_in {
            // Taken for five minutes; Databricks gives an hour.
            ExpiresIn::Absent => 3_600,
            _ => *rng.pick(&[60, 60, 120, 300, 600, 3_600]),
        });
        // In renewals, since those are what is looked at.
        let believed = if expires_in == ExpiresIn::Absent { Duration::from_secs(300) } else { life };
        Self {
            hosts: rng.from(2, 4),
            instances: rng.from(1, 2),
            users: rng.from(1, 2),
            life,
            rotation,
            expires_in,
            intensity: *rng.pick(&[0.0, 0.3, 1.0, 1.0, 3.0]),
            duration: (believed * rng.from(3, 7) as u32).max(Duration::from_secs(600)),
            eagerness: rng.from(4, 12) as u32,
            deafness: *rng.pick(&[0.0, 0.3, 1.0]),
        }
    }

    /// The life that the core takes tokens to have.
    pub(crate) fn believed_life(&self) -> Duration {
        if self.expires_in == ExpiresIn::Absent { Duration::from_secs(300) } else { self.life }
    }

    pub(crate) fn single_use(&self) -> bool {
        matches!(self.rotation, Rotation::SingleUse { .. })
    }
}
