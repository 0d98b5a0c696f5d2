//! What a model that is gone on from keeps, whatever the log has.

use super::config::Catalogue;
use crate::format::Model;
use crate::schema::{Field, FieldKind};
use std::collections::HashSet;

/// Items and fields of a model. Its rows answer to what it counts by: other means, boundaries or places would have them read
/// another value than they learned.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Kept {
    /// Its items' keys, unless they are the log's own.
    pub items: Vec<String>,
    fields: Vec<Field>,
}

impl Kept {
    /// Of a model.
    pub fn of(model: &Model, catalogue: Catalogue) -> Self {
        let all = 0..model.vocab.len() as u32;
        let items = match catalogue {
            Catalogue::Base => all.filter_map(|item| model.vocab.key(item)).collect(),
            Catalogue::Own => Vec::new(),
        };
        Self { items, fields: model.metadata.schema.fields.clone() }
    }

    /// Gives fields of the log what the model has of those of the same name and kind: numbers' mean, spread and boundaries, and
    /// its values before those that are new.
    pub fn fit(&self, fields: &mut [Field]) {
        for field in fields {
            let Some(known) = self.fields.iter().find(|known| known.name == field.name) else { continue };
            match (&known.kind, &mut field.kind) {
                (FieldKind::Category { values: known }, FieldKind::Category { values }) => {
                    let met: HashSet<&String> = known.iter().collect();
                    let new = values.iter().filter(|value| !met.contains(value));
                    *values = known.iter().chain(new).cloned().collect();
                }
                (FieldKind::Number(known), FieldKind::Number(number)) if known.encoding == number.encoding => {
                    number.clone_from(known);
                }
                (FieldKind::Vector(known), FieldKind::Vector(vector)) if known.mean.len() == vector.mean.len() => {
                    vector.clone_from(known);
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Missing, Number, NumberEncoding, Vector};

    fn field(name: &str, kind: FieldKind) -> Field {
        Field { name: name.into(), kind, missing: Missing::Row }
    }

    fn values(values: &[&str]) -> FieldKind {
        FieldKind::Category { values: values.iter().map(|&value| value.into()).collect() }
    }

    fn number(mean: f32, encoding: NumberEncoding) -> FieldKind {
        FieldKind::Number(Number { mean, std: 2.0, encoding, bounds: vec![mean] })
    }

    fn vector(mean: &[f32]) -> FieldKind {
        FieldKind::Vector(Vector { mean: mean.into(), std: mean.into() })
    }

    #[test]
    fn fields_keep_what_the_model_counts_by() {
        let fields = vec![
            field("kind", values(&["toys", "food"])),
            field("price", number(1.0, NumberEncoding::Buckets)),
            field("picture", vector(&[1.0, 2.0])),
        ];
        let kept = Kept { items: vec![], fields };
        for (name, log, expected) in [
            ("kind", values(&["books", "food"]), values(&["toys", "food", "books"])),
            ("kind", number(5.0, NumberEncoding::Linear), number(5.0, NumberEncoding::Linear)),
            ("price", number(5.0, NumberEncoding::Buckets), number(1.0, NumberEncoding::Buckets)),
            ("price", number(5.0, NumberEncoding::Linear), number(5.0, NumberEncoding::Linear)),
            ("picture", vector(&[3.0, 4.0]), vector(&[1.0, 2.0])),
            ("picture", vector(&[3.0]), vector(&[3.0])),
            ("size", number(5.0, NumberEncoding::Buckets), number(5.0, NumberEncoding::Buckets)),
        ] {
            let mut found = [Field { missing: Missing::Last, ..field(name, log) }];
            kept.fit(&mut found);
            assert_eq!(found, [Field { missing: Missing::Last, ..field(name, expected) }]);
        }
    }
}
