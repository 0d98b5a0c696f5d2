//! What is answered beside the next item.

use crate::error::{Error, Result};
use crate::json::{FromJson, Json, read_object};
use serde::Serialize;

/// One question about a sequence so far, answered anew after each event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Head {
    /// The answer's name in the page.
    pub name: String,
    /// What an answer is.
    pub kind: HeadKind,
}

/// What an answer is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadKind {
    /// Yes or no: a probability.
    Binary {
        /// The answer is yes from this probability on, above 0 and below 1: what a false yes costs over what both errors cost
        /// (Elkan 2001).
        threshold: f32,
    },
    /// One of several: a probability of each.
    Classes {
        /// Their names, two or more.
        names: Vec<String>,
        /// Their shares of the training labels, where the answer is the class that is likeliest against its share; else empty.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        shares: Vec<f32>,
    },
    /// A number.
    Number {
        /// The mean over the training labels.
        mean: f32,
        /// The standard deviation over the training labels; positive.
        std: f32,
    },
}

read_object!(Head { name, kind });

/// The contents of [`HeadKind::Binary`], as read.
struct Binary {
    threshold: f32,
}

/// The contents of [`HeadKind::Classes`], as read.
struct Classes {
    names: Vec<String>,
    shares: Vec<f32>,
}

/// The contents of [`HeadKind::Number`], as read.
struct Number {
    mean: f32,
    std: f32,
}

read_object!(Binary { threshold });
read_object!(Classes { names } or { shares: Vec::new() });
read_object!(Number { mean, std });

impl FromJson for HeadKind {
    fn from_json(json: &mut Json<'_>) -> Result<Self> {
        let (mut binary, mut classes, mut number) = (None, None, None);
        json.members(&mut [("binary", &mut binary), ("classes", &mut classes), ("number", &mut number)])?;
        match (binary, classes, number) {
            (Some(Binary { threshold }), None, None) => Ok(Self::Binary { threshold }),
            (None, Some(Classes { names, shares }), None) => Ok(Self::Classes { names, shares }),
            (None, None, Some(Number { mean, std })) => Ok(Self::Number { mean, std }),
            _ => Err(json.expected("one of binary, classes and number")),
        }
    }
}

impl Head {
    /// Numbers that the head computes from the encoder's state: a logit, one for each class, or a standardised number.
    pub fn outputs(&self) -> usize {
        match &self.kind {
            HeadKind::Binary { .. } | HeadKind::Number { .. } => 1,
            HeadKind::Classes { names, .. } => names.len(),
        }
    }

    /// Puts in the place of outputs, `[outputs]`, what they predict: the probability of yes, that of each class, or a number.
    pub fn predict(&self, outputs: &mut [f32]) {
        match &self.kind {
            HeadKind::Binary { .. } => outputs[0] = 1.0 / (1.0 + (-outputs[0]).exp()),
            HeadKind::Classes { .. } => {
                let largest = outputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                outputs.iter_mut().for_each(|output| *output = (*output - largest).exp());
                let sum: f32 = outputs.iter().sum();
                outputs.iter_mut().for_each(|output| *output /= sum);
            }
            HeadKind::Number { mean, std } => outputs[0] = mean + std * outputs[0],
        }
    }

    /// The place of the class that the logarithms of odds or probabilities, `[classes]`, name; 0 where there are no classes.
    pub fn class(&self, logarithms: &[f32]) -> usize {
        let HeadKind::Classes { shares, .. } = &self.kind else { return 0 };
        let mut best = (0, f32::NEG_INFINITY);
        for (place, &value) in logarithms.iter().enumerate() {
            let value = value - shares.get(place).map_or(0.0, |share| share.ln());
            if value > best.1 {
                best = (place, value);
            }
        }
        best.0
    }

    /// Checks what types do not show.
    ///
    /// # Errors
    /// [`Error::Schema`] names the task.
    pub fn validate(&self) -> Result<()> {
        let sound = match &self.kind {
            HeadKind::Binary { threshold } => *threshold > 0.0 && *threshold < 1.0,
            HeadKind::Classes { names, shares } => {
                let is_share = |share: &f32| *share > 0.0 && *share <= 1.0;
                names.len() > 1 && (shares.is_empty() || shares.len() == names.len()) && shares.iter().all(is_share)
            }
            HeadKind::Number { mean, std } => mean.is_finite() && std.is_finite() && *std > 0.0,
        };
        if sound {
            return Ok(());
        }
        Err(Error::Schema(format!(
            "task \"{}\": expected a threshold between 0 and 1, two classes or more with a share each or none, or a finite mean and a std above 0",
            self.name
        )))
    }
}
