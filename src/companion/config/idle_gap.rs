//! A pause, as foreclick.toml writes it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A pause in milliseconds, written as a number and one of s, m, h, d.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdleGap {
    /// The pause in milliseconds.
    pub milliseconds: i64,
}

impl IdleGap {
    const UNITS: [(char, i64); 4] = [('d', 86_400_000), ('h', 3_600_000), ('m', 60_000), ('s', 1_000)];

    fn parse(text: &str) -> Option<Self> {
        let (_, size) = Self::UNITS.into_iter().find(|&(unit, _)| text.ends_with(unit))?;
        let count: i64 = text[..text.len() - 1].trim().parse().ok()?;
        let milliseconds = count.checked_mul(size)?;
        (milliseconds > 0).then_some(Self { milliseconds })
    }
}

impl fmt::Display for IdleGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = Self::UNITS.into_iter().find(|(_, size)| self.milliseconds % size == 0);
        let (unit, size) = fits.unwrap_or(('s', 1_000));
        write!(f, "{}{unit}", self.milliseconds / size)
    }
}

impl Serialize for IdleGap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IdleGap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("idle_gap {text:?}, expected a number and s, m, h or d, such as \"30m\""))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_a_number_and_a_unit() {
        for (text, milliseconds) in [("90s", 90_000), ("30m", 1_800_000), ("12 h", 43_200_000), ("7d", 604_800_000)] {
            assert_eq!(IdleGap::parse(text), Some(IdleGap { milliseconds }));
        }
        for text in ["", "m", "30", "-5m", "0s", "1.5h", "9999999999999999999d", "30 minutes", "é"] {
            assert_eq!(IdleGap::parse(text), None, "{text}");
        }
        assert_eq!(IdleGap { milliseconds: 5_400_000 }.to_string(), "90m");
    }
}
