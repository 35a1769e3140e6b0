//! The oldest Prophecy that has Databricks OAuth: 3.4.3.1.

use crate::contract::Error;
use crate::error::Result;

/// The release that the documentation names as the first one.
const OLDEST: [u32; 4] = [3, 4, 3, 1];

/// Checks a version, number by number; missing numbers count as zero.
///
/// # Errors
/// `misconfigured` when it is older than 3.4.3.1 or not numbers with dots.
pub fn check(version: &str) -> Result<()> {
    let unreadable = || {
        Error::Misconfigured(format!("`{}` is not a Prophecy version such as 4.2.1.", crate::text::clean(version, 32)))
    };
    let mut numbers = [0_u32; 4];
    let mut parts = version.split('.');
    for number in &mut numbers {
        match parts.next() {
            Some(part) => *number = part.parse().map_err(|_| unreadable())?,
            None => break,
        }
    }
    if parts.next().is_some() {
        return Err(unreadable());
    }
    if numbers < OLDEST {
        return Err(Error::Misconfigured(format!(
            "Databricks OAuth needs Prophecy 3.4.3.1 or later; this deployment says it is {version}. Whoever operates it must upgrade."
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    /// PB-006.
    #[test]
    fn versions_are_compared_number_by_number() {
        assert!(check("3.4.3.1").is_ok());
        assert!(check("3.4.10.0").is_ok());
        assert!(check("4.0.0").is_ok());
        assert!(check("3.4.3.0").is_err());
        assert!(check("3.4.3").is_err());
        assert!(check("2.99").is_err());
    }

    #[test]
    fn what_is_not_a_version_is_refused() {
        for version in ["", "four", "3.4.3.1.9", "3..4", "-3", "4.2.1-rc1", "99999999999.0"] {
            assert!(check(version).is_err(), "{version}");
        }
    }
}
