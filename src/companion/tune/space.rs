//! What a trial draws.

use crate::companion::config::{Span, TuneConfig, Values};
use crate::companion::train::{Purpose, TrainConfig, stream};
use anyhow::Result;
use rand::{Rng, RngExt};
use toml::Value;

/// The values of a trial, counted from 0; the first one's are the schema file's own.
///
/// # Errors
/// When the defaults of `[train]` can't be written as TOML.
pub fn draw(tune: &TuneConfig, trial: u64) -> Result<Values> {
    if trial == 0 {
        return Ok(Values::new());
    }
    let defaults = toml::Table::try_from(TrainConfig::default())?;
    let mut rng = stream(tune.seed, Purpose::Trials, trial, 0);
    let draw = |(key, span): (&String, &Span)| {
        let is_whole = defaults.get(key).is_some_and(Value::is_integer);
        (key.clone(), value(span, is_whole, &mut rng))
    };
    Ok(tune.space.iter().map(draw).collect())
}

fn value(span: &Span, is_whole: bool, rng: &mut impl Rng) -> Value {
    let (low, high, drawn) = match span {
        Span::Choices(values) => return values[rng.random_range(0..values.len())].clone(),
        Span::Linear([low, high]) => (low, high, low + (high - low) * rng.random::<f64>()),
        Span::Log([low, high]) => (low, high, low * (high / low).powf(rng.random())),
    };
    if is_whole { Value::Integer(drawn.round() as i64) } else { Value::Float(short(drawn).clamp(*low, *high)) }
}

/// Three digits: short enough to paste.
fn short(number: f64) -> f64 {
    format!("{number:.2e}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::companion::config::with_values;

    fn tune(space: &str) -> TuneConfig {
        toml::from_str(&format!("[space]\n{space}")).unwrap()
    }

    #[test]
    fn draws_stay_in_their_spans_and_fill_them() {
        let tune = tune(
            "learning_rate = { log = [0.0001, 0.01] }\ndropout = { linear = [0.0, 0.5] }\n\
             hidden = { linear = [8, 11] }\nloss = { choices = [\"softmax\", \"bpr\"] }",
        );
        let (mut rates, mut dropouts, mut hidden, mut losses) = (vec![], vec![], vec![], vec![]);
        for trial in 1..=400 {
            let values = draw(&tune, trial).unwrap();
            assert_eq!(values, draw(&tune, trial).unwrap());
            rates.push(values["learning_rate"].as_float().unwrap());
            dropouts.push(values["dropout"].as_float().unwrap());
            hidden.push(values["hidden"].as_integer().unwrap());
            losses.push(values["loss"].as_str().unwrap().to_owned());
            let train = with_values(&TrainConfig { epochs: 7, ..TrainConfig::default() }, &values).unwrap();
            assert_eq!((train.epochs, train.hidden as i64), (7, hidden[hidden.len() - 1]));
            assert_eq!(train.dropout, Some(dropouts[dropouts.len() - 1] as f32));
        }
        assert!(rates.iter().all(|rate| (0.0001..=0.01).contains(rate) && rate.to_string().len() <= 8), "{rates:?}");
        // Half of them below the geometric mean.
        assert!((160..=240).contains(&rates.iter().filter(|&&rate| rate < 0.001).count()));
        assert!((160..=240).contains(&dropouts.iter().filter(|&&dropout| dropout < 0.25).count()));
        assert!((8..=11).all(|size| hidden.contains(&size)) && hidden.iter().all(|size| (8..=11).contains(size)));
        assert!((160..=240).contains(&losses.iter().filter(|&loss| loss == "bpr").count()));
        assert_eq!(draw(&tune, 0).unwrap(), Values::new());
    }

    #[test]
    fn a_seed_gives_its_own_trials() {
        let tune = TuneConfig::default();
        let other = TuneConfig { seed: 2, ..tune.clone() };
        assert_ne!(draw(&tune, 1).unwrap(), draw(&other, 1).unwrap());
        assert_ne!(draw(&tune, 1).unwrap(), draw(&tune, 2).unwrap());
    }
}
