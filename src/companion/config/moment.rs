//! Dates, and how a column's times are written.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// How a column's times are written: "auto", "s", "ms", "us", "iso" or a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeUnit {
    /// Dates as in ISO 8601, or numbers whose size tells their unit.
    Auto,
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// Microseconds since 1970.
    Microseconds,
    /// ISO 8601; the number 20240131 is a date.
    Iso,
    /// A pattern of strptime, such as "%d/%m/%Y %H:%M".
    Pattern(String),
}

/// A date or a time in foreclick.toml; without a zone it is UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Milliseconds since 1970.
    pub milliseconds: i64,
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let civil = || TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok();
        match text.parse::<Timestamp>().ok().or_else(civil) {
            Some(time) => Ok(Self { milliseconds: time.as_millisecond() }),
            None => {
                Err(format!("{text:?} is no date, expected one such as \"2024-06-01\" or \"2024-06-01T12:30:00Z\""))
            }
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_millisecond(self.milliseconds) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "{} ms since 1970", self.milliseconds),
        }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // TOML has dates of its own: both `2024-06-01` and `"2024-06-01"` are meant.
        let text = match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => text,
            other => other.to_string(),
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
            Self::Iso => "iso",
            Self::Pattern(pattern) => pattern,
        })
    }
}

impl Serialize for TimeUnit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeUnit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "auto" => Ok(Self::Auto),
            "s" => Ok(Self::Seconds),
            "ms" => Ok(Self::Milliseconds),
            "us" => Ok(Self::Microseconds),
            "iso" => Ok(Self::Iso),
            pattern if pattern.contains('%') => Ok(Self::Pattern(text)),
            _ => Err(serde::de::Error::custom(format!(
                "time_unit {text:?}, expected \"auto\", \"s\", \"ms\", \"us\", \"iso\" or a pattern such as \"%d/%m/%Y %H:%M\""
            ))),
        }
    }
}
