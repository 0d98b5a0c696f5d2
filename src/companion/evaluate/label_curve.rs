//! What tasks reach with the labels of a share of the sequences.

use super::tasks::{Figures, TaskResult, TaskResults};
use serde::Serialize;
use std::fmt;

/// Runs that differ in how many labels they knew and in what they began with, measured alike.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelCurve {
    /// In the order in which they were asked for.
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

/// One measure of one task: a curve for each way.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure<'a> {
    /// The task.
    pub task: &'a str,
    /// The figure's name.
    pub name: &'static str,
    /// What needs no model.
    pub base: f64,
    /// Ways, each with its points: share and figure.
    pub ways: Vec<(&'a str, Vec<(f64, f64)>)>,
}

impl LabelCurve {
    /// The figures that matter most of each task, of the model file where there is one.
    pub fn measures(&self) -> Vec<Measure<'_>> {
        let Some(first) = self.points.first() else { return Vec::new() };
        let tasks = first.results.tasks.iter().enumerate();
        tasks
            .flat_map(|(place, task)| {
                let base = task.rows.iter().find(|(name, _)| ["base rate", "mean"].contains(&name.as_str()));
                headline(&of_model(task)).iter().map(move |&name| Measure {
                    task: &task.task,
                    name,
                    base: base.and_then(|(_, figures)| figures.get(name).copied()).unwrap_or(f64::NAN),
                    ways: self.ways(place, name),
                })
            })
            .collect()
    }

    fn ways(&self, place: usize, name: &str) -> Vec<(&str, Vec<(f64, f64)>)> {
        let mut ways: Vec<(&str, Vec<(f64, f64)>)> = Vec::new();
        for LabelPoint { label_share, way, results } in &self.points {
            let figure = results.tasks.get(place).and_then(|task| of_model(task).get(name).copied());
            let point = (f64::from(*label_share), figure.unwrap_or(f64::NAN));
            match ways.iter_mut().find(|(other, _)| other == way) {
                Some((_, points)) => points.push(point),
                None => ways.push((way, vec![point])),
            }
        }
        ways
    }
}

fn of_model(task: &TaskResult) -> Figures {
    let of = |name| task.rows.iter().find(|(row, _)| row == name).map(|(_, figures)| figures.clone());
    of("exported").or_else(|| of("f32")).unwrap_or_default()
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
        for Measure { task, name, base, ways } in self.measures() {
            let protocol = &self.points[0].results.protocol;
            writeln!(f, "\ntask {task}, {name} by the sequences whose labels are known ({protocol})")?;
            write!(f, "{:<14}", "labels of")?;
            ways.iter().try_for_each(|(way, _)| write!(f, " {way:>24}"))?;
            writeln!(f, " {:>16}", "without a model")?;
            for (place, (share, _)) in ways.first().map_or(&[][..], |(_, points)| points).iter().enumerate() {
                write!(f, "{:<14}", percent(*share) + "%")?;
                ways.iter().try_for_each(|(_, points)| write!(f, " {:>24.4}", points[place].1))?;
                writeln!(f, " {base:>16.4}")?;
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
