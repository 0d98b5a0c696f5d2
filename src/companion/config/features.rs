//! `[item] features`: the side tables' columns that an item's row is learned from.

use serde::{Deserialize, Serialize};

/// A column of a side table, by name alone or with how its values are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a column's name, or { column = \"...\", kind = \"category\", \"text\" or \"number\" }"
)]
pub enum FeatureConfig {
    /// How its values are read is found in them.
    Column(String),
    /// How its values are read is told.
    Kind(FeatureColumn),
}

/// A column and how its values are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureColumn {
    /// The column.
    pub column: String,
    /// How its values are read.
    pub kind: FeatureKind,
}

/// How a column that describes items is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeatureKind {
    /// Each value is a feature.
    Category,
    /// Each word and each of its short parts is one.
    Text,
    /// Each tenth of the items, by the number's size, is one.
    Number,
}

impl FeatureConfig {
    /// The column.
    pub fn column(&self) -> &str {
        match self {
            Self::Column(column) | Self::Kind(FeatureColumn { column, .. }) => column,
        }
    }

    /// How its values are read, where that is told.
    pub fn kind(&self) -> Option<FeatureKind> {
        match self {
            Self::Column(_) => None,
            Self::Kind(FeatureColumn { kind, .. }) => Some(*kind),
        }
    }
}
