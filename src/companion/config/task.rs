//! `[[task]]`: what else is answered of a sequence.

use super::{Config, FieldChoice, SplitKind};
use crate::format::EncoderKind;
use anyhow::{Result, bail, ensure};
use serde::{Deserialize, Serialize};

/// How far ahead a field is foretold, at most.
const MOST_STEPS: usize = 100_000;

/// `[[task]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskConfig {
    /// The answer's name.
    pub name: String,
    /// What an answer is.
    pub kind: TaskKind,
    /// The log's column of labels: at an event, the answer as of after that event; blank where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// In the column's place a field that is foretold: "direction" needs a number, "number" takes one, "classes" a category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// How many events later the field is asked for; those of rare items count too. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// Makes labels of the numbers in `column`, in the group after an event's own: "any" (binary: whether one of them is not 0) or
    /// "sum" (number); blank cells count as 0. All rows of that group count, those of rare and repeated items too. The label is at the
    /// last event that is left of a group, where the group after it is in the same part of the split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<NextGroup>,
    /// Which events' labels count. Default "every".
    #[serde(default)]
    pub at: LabelsAt,
    /// The share of sequences whose training labels are learned from, above 0 to 1; the rest count as not known. They are drawn by
    /// [split] seed, a smaller share from a larger one's. Default 1.
    #[serde(default = "one")]
    pub label_share: f32,
    /// What its loss counts, beside 1 for the next item's. Default 1.
    #[serde(default = "one")]
    pub weight: f32,
    /// "classes" only: whether the answer is the class that is likeliest against its share of the training labels, and not simply
    /// the likeliest one. Default false.
    #[serde(default)]
    pub balanced: bool,
    /// Answers of yes and no: what a false yes costs. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_false_positive: Option<f32>,
    /// Answers of yes and no: what a false no costs. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_false_negative: Option<f32>,
}

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskKind {
    /// Yes or no.
    Binary,
    /// One of the names in the column, or of a field's that are to come.
    Classes,
    /// A number, or a field's that is to come.
    Number,
    /// Whether a field's number will be higher: yes or no, its labels made from the log.
    Direction,
}

/// What is asked of the numbers of the group that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NextGroup {
    /// Whether one is not 0.
    Any,
    /// Their sum.
    Sum,
}

/// Which events' labels count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelsAt {
    /// Every event's.
    #[default]
    Every,
    /// A sequence's last row's: the label is one of the whole sequence. It is at the last event that is left, where that row is
    /// dropped for its item. Of equal times the last one is drawn.
    Last,
    /// Each group's last row's: the label is one of the whole group, at the last event that is left of it.
    Group,
}

fn one() -> f32 {
    1.0
}

impl TaskConfig {
    /// The probability from which on the answer is yes: there a false yes and a false no are to be expected to cost alike
    /// (Elkan 2001).
    pub fn threshold(&self) -> f32 {
        let (false_yes, false_no) = self.costs();
        false_yes / (false_yes + false_no)
    }

    /// What a false yes and a false no cost.
    pub fn costs(&self) -> (f32, f32) {
        (self.cost_false_positive.unwrap_or(1.0), self.cost_false_negative.unwrap_or(1.0))
    }

    /// Checks the section against the whole file.
    ///
    /// # Errors
    /// Names the task, what was expected and the fix.
    pub fn validate(&self, config: &Config) -> Result<()> {
        let Self {
            name,
            kind,
            column,
            of,
            steps,
            next,
            at,
            label_share,
            weight,
            balanced,
            cost_false_positive,
            cost_false_negative,
        } = self;
        ensure!(!name.is_empty(), "[[task]] name is empty, expected the answer's name");
        match (of, column) {
            (Some(of), None) => {
                let wanted = match kind {
                    TaskKind::Classes => Some((FieldChoice::Category, "\"category\"")),
                    TaskKind::Number | TaskKind::Direction => Some((FieldChoice::Number, "\"number\"")),
                    TaskKind::Binary => None,
                };
                let Some((choice, word)) = wanted else {
                    bail!("[[task]] {name:?}: of is for the kinds classes, number and direction; change kind")
                };
                ensure!(
                    config.fields.iter().any(|field| field.name == *of && field.kind == choice),
                    "[[task]] {name:?}: of is {of:?}, expected a [[field]] of kind = {word}"
                );
                ensure!(
                    steps.is_none_or(|steps| (1..=MOST_STEPS).contains(&steps)),
                    "[[task]] {name:?}: steps is {}, expected 1 to {MOST_STEPS}",
                    steps.unwrap_or_default()
                );
                ensure!(
                    config.split.kind() != SplitKind::LeaveOneOut,
                    "[[task]] {name:?}: of asks for an event in the same part of the split, and leaving one out gives a part of one event; \
                     use [split] kind = \"time\" or \"sequence\""
                );
                ensure!(
                    next.is_none() && *at == LabelsAt::Every,
                    "[[task]] {name:?}: of asks after every event of what is steps later; remove next and at"
                );
            }
            (None, Some(_)) => {
                ensure!(
                    *kind != TaskKind::Direction,
                    "[[task]] {name:?}: a direction's labels are made; name a [[field]] in of instead of column"
                );
                ensure!(steps.is_none(), "[[task]] {name:?}: steps goes with of; remove it");
            }
            _ => bail!(
                "[[task]] {name:?}: name the log's column of labels in column, or in of the [[field]] that is to be foretold"
            ),
        }
        let next_is_of_kind = match next {
            None => true,
            Some(NextGroup::Any) => *kind == TaskKind::Binary,
            Some(NextGroup::Sum) => *kind == TaskKind::Number,
        };
        ensure!(
            next_is_of_kind,
            "[[task]] {name:?}: next = \"any\" is for kind = \"binary\" and \"sum\" for \"number\"; change one of them"
        );
        ensure!(
            next.is_none() || (config.sequence.group.is_some() && *at == LabelsAt::Every),
            "[[task]] {name:?}: next asks of groups, at the last event of each; it needs [sequence] group, and no at"
        );
        // What the group after holds is not known as this one ends.
        if let (Some(column), None) = (column, next) {
            let is_input =
                config.fields.iter().any(|field| &field.name == column) || config.item.column.as_ref() == Some(column);
            ensure!(
                !is_input,
                "[[task]] {name:?}: {column:?} is part of the event, and the answer would be known; remove the [[field]]"
            );
        }
        ensure!(
            *at != LabelsAt::Group || config.sequence.group.is_some(),
            "[[task]] {name:?}: at = \"group\" needs [sequence] group; name its column or use \"every\" or \"last\""
        );
        ensure!(
            *label_share > 0.0 && *label_share <= 1.0,
            "[[task]] {name:?}: label_share is {label_share}, expected above 0, at most 1"
        );
        ensure!(
            weight.is_finite() && *weight > 0.0,
            "[[task]] {name:?}: weight is {weight}, expected above 0; remove the task to leave it out"
        );
        ensure!(
            !balanced || *kind == TaskKind::Classes,
            "[[task]] {name:?}: balanced is for kind = \"classes\"; yes and no have costs"
        );
        for cost in [cost_false_positive, cost_false_negative].into_iter().flatten() {
            ensure!(
                matches!(kind, TaskKind::Binary | TaskKind::Direction),
                "[[task]] {name:?}: costs are for yes and no; remove them"
            );
            ensure!(cost.is_finite() && *cost > 0.0, "[[task]] {name:?}: a cost is {cost}, expected above 0");
        }
        let (false_yes, false_no) = self.costs();
        ensure!(
            self.threshold() > 0.0 && self.threshold() < 1.0,
            "[[task]] {name:?}: costs of {false_yes:e} and {false_no:e} give no threshold between 0 and 1; only their ratio counts: \
             use numbers nearer to 1"
        );
        ensure!(
            config.train.encoder != EncoderKind::Counting,
            "[[task]] {name:?} is answered from an encoder's state; set another [train] encoder than \"counting\""
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn costs_have_a_ratio() {
        let parse = |yes: &str, no: &str| {
            let log =
                "log = { path = \"a.csv\" }\nitem = { column = \"sku\" }\n[[task]]\nname = \"buy\"\nkind = \"binary\"";
            let costs = format!("column = \"bought\"\ncost_false_positive = {yes}\ncost_false_negative = {no}\n");
            Config::parse(&format!("{log}\n{costs}"), Path::new(""))
        };
        assert!((parse("1e37", "3e37").unwrap().tasks[0].threshold() - 0.25).abs() < 1e-6);
        let refused = parse("3e38", "3e38").unwrap_err().to_string();
        assert!(
            refused.contains("3e38 and 3e38 give no threshold between 0 and 1; only their ratio counts"),
            "{refused}"
        );
        assert!(parse("1e-38", "3e38").is_err());
    }
}
