//! What tasks reach with the labels of a share of the sequences.

use super::tasks::{Figures, TaskResult, TaskResults};
use serde::Serialize;
use std::fmt;

/// Runs that differ in how many labels they knew and in what they began with, measured alike.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelCurve {
    /// The smallest share first.
    pub points: Vec<LabelPoint>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelPoint {
    /// The share of sequences whose training labels were learned from.
    pub label_share: f32,
    /// What it began with: "from scratch", or the model that it went on from.
    pub way: String,
    /// What it reached.
    pub results: TaskResults,
}

/// A share in percent, for people and in names: as many digits as it needs, at most four behind the point.
pub fn percent(share: f64) -> String {
    ((1e6 * share).round() / 1e4).to_string()
}

/// Rows of a model, and those that need none.
const MODELS: [&str; 2] = ["exported", "f32"];
const BASES: [&str; 2] = ["base rate", "mean"];

/// One measure of one task: a curve for each way.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure<'a> {
    /// The task.
    pub task: &'a str,
    /// The figure's name.
    pub name: &'static str,
    /// Ways, each with its points: share and figure. The first needs no model.
    pub ways: Vec<(&'a str, Vec<(f64, f64)>)>,
}

impl LabelCurve {
    /// The figures that matter most of each task that has labels to measure, of the model file where there is one.
    pub fn measures(&self) -> Vec<Measure<'_>> {
        let Some(first) = self.points.first() else { return Vec::new() };
        let tasks = first.results.tasks.iter().enumerate().filter(|(_, task)| task.labels > 0);
        tasks
            .flat_map(|(place, task)| {
                let names = headline(&of_row(task, &MODELS)).iter();
                names.map(move |&name| Measure { task: &task.task, name, ways: self.ways(place, name) })
            })
            .collect()
    }

    fn ways(&self, place: usize, name: &str) -> Vec<(&str, Vec<(f64, f64)>)> {
        let mut ways: Vec<(&str, Vec<(f64, f64)>)> = vec![("without a model", Vec::new())];
        for LabelPoint { label_share, way, results } in &self.points {
            let figure = |rows: &[&str]| {
                let task = results.tasks.get(place);
                task.and_then(|task| of_row(task, rows).get(name).copied()).unwrap_or(f64::NAN)
            };
            let share = f64::from(*label_share);
            if ways[0].1.last().is_none_or(|(last, _)| *last != share) {
                ways[0].1.push((share, figure(&BASES)));
            }
            match ways.iter_mut().find(|(other, _)| other == way) {
                Some((_, points)) => points.push((share, figure(&MODELS))),
                None => ways.push((way, vec![(share, figure(&MODELS))])),
            }
        }
        ways
    }
}

/// The first of these rows that there is.
fn of_row(task: &TaskResult, names: &[&str]) -> Figures {
    let found = names.iter().find_map(|name| task.rows.iter().find(|(row, _)| row == name));
    found.map(|(_, figures)| figures.clone()).unwrap_or_default()
}

fn headline(figures: &Figures) -> &'static [&'static str] {
    if figures.contains_key("AUROC") {
        &["AUROC", "AUPR"]
    } else if figures.contains_key("macro-F1") {
        &["macro-F1", "accuracy"]
    } else {
        &["RMSE"]
    }
}

impl fmt::Display for LabelCurve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Measure { task, name, ways } in self.measures() {
            let protocol = &self.points[0].results.protocol;
            writeln!(f, "\ntask {task}, {name} by the sequences whose labels are known ({protocol})")?;
            write!(f, "{:<14}", "labels of")?;
            ways.iter().try_for_each(|(way, _)| write!(f, " {way:>24}"))?;
            writeln!(f)?;
            for (place, (share, _)) in ways.first().map_or(&[][..], |(_, points)| points).iter().enumerate() {
                write!(f, "{:<14}", percent(*share) + "%")?;
                ways.iter().try_for_each(|(_, points)| write!(f, " {:>24.4}", points[place].1))?;
                writeln!(f)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_read_as_they_were_asked_for() {
        assert_eq!([0.07f32, 1.0, 0.005, 1e-6].map(|share| percent(share.into())), ["7", "100", "0.5", "0.0001"]);
    }
}
