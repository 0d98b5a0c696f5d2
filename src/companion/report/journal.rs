//! Reads a run's metrics.jsonl.

use serde::Deserialize;

/// What training wrote down. Each curve's points rise in x.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curves {
    /// (step, training loss)
    pub loss: Vec<(f64, f64)>,
    /// (step of pretraining, loss of hidden events)
    pub masked: Vec<(f64, f64)>,
    /// (step of pretraining, loss of views)
    pub contrastive: Vec<(f64, f64)>,
    /// (step, learning rate)
    pub learning_rate: Vec<(f64, f64)>,
    /// (step, the gradient's norm)
    pub gradient_norm: Vec<(f64, f64)>,
    /// (epoch, NDCG@10, or the score with tasks, on the validation part)
    pub validation: Vec<(f64, f64)>,
    /// Lines that hold no record: a run that was killed may leave half a line.
    pub unreadable: usize,
}

/// A line; which keys it has depends on its kind. Keys that the plots don't need are passed over.
#[derive(Deserialize)]
struct Line {
    step: f64,
    epoch: Option<f64>,
    loss: Option<f64>,
    lr: Option<f64>,
    grad_norm: Option<f64>,
    validation: Option<Validation>,
    #[serde(default)]
    pretraining: Pretraining,
}

#[derive(Deserialize, Default)]
struct Pretraining {
    masked: Option<f64>,
    contrastive: Option<f64>,
}

#[derive(Deserialize)]
struct Validation {
    #[serde(rename = "ndcg@10", alias = "score")]
    ndcg: f64,
}

impl Curves {
    /// Reads the lines. Where a resumed run repeats steps, the later lines count.
    pub fn read(text: &str) -> Self {
        let mut curves = Self::default();
        for line in text.lines() {
            let Ok(Line { step, epoch, loss, lr, grad_norm, validation, pretraining }) = serde_json::from_str(line)
            else {
                curves.unreadable += 1;
                continue;
            };
            push(&mut curves.loss, step, loss);
            push(&mut curves.masked, step, pretraining.masked);
            push(&mut curves.contrastive, step, pretraining.contrastive);
            push(&mut curves.learning_rate, step, lr);
            push(&mut curves.gradient_norm, step, grad_norm);
            if let Some(epoch) = epoch {
                push(&mut curves.validation, epoch, validation.map(|validation| validation.ndcg));
            }
        }
        curves
    }
}

fn push(curve: &mut Vec<(f64, f64)>, x: f64, y: Option<f64>) {
    if let Some(y) = y {
        while curve.last().is_some_and(|last| last.0 >= x) {
            curve.pop();
        }
        curve.push((x, y));
    }
}
