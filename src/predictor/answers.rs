//! What the tasks' heads answer.

use crate::format::Model;
use crate::schema::{Head, HeadKind};
use serde::{Serialize, Serializer};

/// The answers to a model's tasks, by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answers(pub Vec<(String, Answer)>);

/// The answer to one task.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Yes or no.
    Binary {
        /// Of yes, in 0 to 1.
        probability: f32,
        /// From which probability on the answer is yes.
        threshold: f32,
        /// The answer.
        yes: bool,
    },
    /// One of several.
    Classes {
        /// The likeliest one, or the one that is likeliest against its share in training: see [`HeadKind::Classes`].
        class: String,
        /// All, in the model's order.
        classes: Vec<Class>,
    },
    /// A number, in the log's own unit.
    Number {
        /// The number that is to be expected.
        value: f32,
    },
}

/// One of a task's classes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Class {
    /// Its name.
    pub class: String,
    /// In 0 to 1; a task's sum to 1.
    pub probability: f32,
}

impl Answers {
    /// What the heads' outputs, `[heads][outputs]`, mean.
    pub fn of(model: &Model, outputs: impl Iterator<Item = Vec<f32>>) -> Self {
        let heads = model.metadata.schema.heads.iter().zip(outputs);
        Self(heads.map(|(head, outputs)| (head.name.clone(), Answer::of(head, outputs))).collect())
    }

    /// Whether the model has no tasks.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// As an object.
impl Serialize for Answers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, answer)| (name, answer)))
    }
}

impl Answer {
    /// What a head's outputs, `[outputs]`, mean.
    pub fn of(head: &Head, mut outputs: Vec<f32>) -> Self {
        let best = head.class(&outputs);
        head.predict(&mut outputs);
        match &head.kind {
            HeadKind::Binary { threshold } => {
                let probability = outputs[0];
                Self::Binary { probability, threshold: *threshold, yes: probability >= *threshold }
            }
            HeadKind::Classes { names, .. } => {
                let class = |(class, probability): (&String, f32)| Class { class: class.clone(), probability };
                Self::Classes { class: names[best].clone(), classes: names.iter().zip(outputs).map(class).collect() }
            }
            HeadKind::Number { .. } => Self::Number { value: outputs[0] },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: HeadKind, outputs: &[f32]) -> String {
        serde_json::to_string(&Answer::of(&Head { name: "a".into(), kind }, outputs.to_vec())).unwrap()
    }

    #[test]
    fn answers_are_written_as_a_page_reads_them() {
        let binary = |logit| answer(HeadKind::Binary { threshold: 0.5 }, &[logit]);
        assert_eq!(binary(0.0), r#"{"probability":0.5,"threshold":0.5,"yes":true}"#);
        assert!(binary(-0.1).ends_with(r#""yes":false}"#));
        let classes = HeadKind::Classes { names: vec!["low".into(), "high".into()], shares: Vec::new() };
        let alike =
            r#"{"class":"low","classes":[{"class":"low","probability":0.5},{"class":"high","probability":0.5}]}"#;
        assert_eq!(answer(classes.clone(), &[100.0, 100.0]), alike);
        assert!(
            answer(classes, &[100.0, 101.0])
                .starts_with(r#"{"class":"high","classes":[{"class":"low","probability":0.26"#)
        );
        // A quarter of a chance is much for a class that one label in ten has.
        let balanced = HeadKind::Classes { names: vec!["low".into(), "high".into()], shares: vec![0.1, 0.9] };
        assert!(
            answer(balanced, &[100.0, 101.0])
                .starts_with(r#"{"class":"low","classes":[{"class":"low","probability":0.26"#)
        );
        assert_eq!(answer(HeadKind::Number { mean: 2.0, std: 3.0 }, &[0.5]), r#"{"value":3.5}"#);
    }

    #[test]
    fn answers_are_an_object() {
        let answers = Answers(vec![("spend".into(), Answer::Number { value: 1.5 })]);
        assert_eq!(serde_json::to_string(&answers).unwrap(), r#"{"spend":{"value":1.5}}"#);
    }
}
