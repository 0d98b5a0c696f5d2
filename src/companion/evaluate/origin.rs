//! Which events a model has learned from, as far as its file tells: a run's figures hold only for a model that has not seen
//! the run's own validation and test events.

use crate::companion::config::{Config, SplitConfig};
use crate::companion::data::{Dataset, Part, Sequences, hash};
use crate::format::Model;
use anyhow::Result;

/// In a model's provenance: why it knows events that it is measured on.
pub const LEAK: &str = "leak";
const LOG: &str = "log";
const HELD_OUT: &str = "held_out";
const SPLIT: &str = "split";

/// What a log and its split come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// A sum over all events, so that their order does not count: equal where a log has the same ones, by sequence key, item and
    /// time, whatever else its columns hold.
    log: String,
    /// The same of the events for validation and for the test: what `[split]`, `[sequence]` and cleaning come to.
    held_out: String,
    split: SplitConfig,
}

impl Origin {
    /// That of the cleaned log that a run learns from.
    pub fn of(config: &Config, dataset: &Dataset) -> Self {
        let Sequences { keys, items, times, parts, .. } = &dataset.sequences;
        let names = (0..dataset.vocab.len() as u32).map(|item| hash(0, &dataset.vocab.key(item).unwrap_or_default()));
        let names: Vec<u64> = names.collect();
        let (mut log, mut held_out) = (0_u64, 0_u64);
        for (sequence, key) in keys.iter().enumerate() {
            for place in dataset.sequences.range(sequence) {
                let item = names.get(items[place] as usize).copied().unwrap_or_default();
                let event = hash(hash(item, key) ^ times[place] as u64, "");
                log = log.wrapping_add(event);
                let part = match parts[place] {
                    Part::Validation => "validation",
                    Part::Test => "test",
                    Part::Train | Part::HeldOut => continue,
                };
                held_out = held_out.wrapping_add(hash(event, part));
            }
        }
        let split = SplitConfig { kind: Some(config.split.kind()), ..config.split.clone() };
        Self { log: format!("{log:016x}"), held_out: format!("{held_out:016x}"), split }
    }

    /// What a model's file says of it.
    ///
    /// # Errors
    /// When `[split]` can't be written as JSON.
    pub fn provenance(&self) -> Result<[(String, String); 3]> {
        let Self { log, held_out, split } = self;
        let split = serde_json::to_string(split)?;
        Ok([(LOG, log), (HELD_OUT, held_out), (SPLIT, &split)].map(|(key, value)| (key.to_owned(), value.clone())))
    }

    /// Why a model can't be measured on what is held out here, or teach what is: it was trained on another split of this log.
    ///
    /// `None` where it was trained on the same split, on another log, or only on events from before those held out here; and where
    /// its file tells nothing of its log, as a private one. A file of a version that wrote no sums is judged by `[split]` alone.
    pub fn other_split(&self, model: &Model) -> Option<String> {
        self.other_split_of(|key| model.metadata.provenance.get(key))
    }

    /// The same of a model that a run learns from, or what that one's file says of what it learned from in turn.
    pub fn leak(&self, model: &Model) -> Option<String> {
        self.leak_of(|key| model.metadata.provenance.get(key))
    }

    fn leak_of<'a>(&self, said: impl Fn(&str) -> Option<&'a String>) -> Option<String> {
        self.other_split_of(&said).or_else(|| said(LEAK).filter(|_| said(LOG) == Some(&self.log)).cloned())
    }

    fn other_split_of<'a>(&self, said: impl Fn(&str) -> Option<&'a String>) -> Option<String> {
        let split: SplitConfig = serde_json::from_str(said(SPLIT)?).ok()?;
        let split = SplitConfig { kind: Some(split.kind()), ..split };
        let is_same = match (said(LOG), said(HELD_OUT)) {
            (Some(log), Some(held_out)) => *log != self.log || *held_out == self.held_out,
            _ => split == self.split,
        };
        let is_earlier = split.test_from.is_some() && split.test_from <= self.split.validation_from;
        if is_same || is_earlier {
            return None;
        }
        let json = |split| serde_json::to_string(split).unwrap_or_default();
        let got = if split == self.split { "the same of other sequences or groups".into() } else { json(&split) };
        Some(format!(
            "trained on another split of this log, it knows events that are held out here: expected [split] {}, got {got}",
            json(&self.split)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::companion::evaluate::testing::{Event, dataset};
    use crate::schema::FilterSeen;
    use std::collections::BTreeMap;
    use std::path::Path;

    fn config(split: &str) -> Config {
        let toml = format!(
            "log = {{ path = \"a\" }}\nsequence = {{ time = \"t\" }}\nitem = {{ column = \"sku\" }}\nsplit = {split}"
        );
        Config::parse(&toml, Path::new("")).unwrap()
    }

    fn origin(split: &str, sequences: &[&[Event]]) -> Origin {
        Origin::of(&config(split), &dataset(3, FilterSeen::None, false, sequences))
    }

    fn provenance(origin: &Origin) -> BTreeMap<String, String> {
        origin.provenance().unwrap().into_iter().collect()
    }

    fn told(here: &Origin, provenance: &BTreeMap<String, String>) -> Option<String> {
        here.other_split_of(|key| provenance.get(key))
    }

    const SEED_1: &str = "{ kind = \"sequence\", seed = 1 }";
    const SEED_2: &str = "{ kind = \"sequence\", seed = 2 }";
    const A: [Event; 2] = [Event::train(0, 0), Event::train(1, 0)];
    const HELD: [Event; 2] = [Event::test(0, 0), Event::test(1, 0)];

    #[test]
    fn another_split_of_the_same_events_is_told() {
        let here = origin(SEED_1, &[&A, &HELD]);
        let there = provenance(&origin(SEED_2, &[&HELD, &A]));
        let text = told(&here, &there).unwrap();
        for part in ["expected [split]", "\"seed\":1", "got", "\"seed\":2"] {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
        assert_eq!(told(&here, &provenance(&here)), None);
        // The same seed, but [sequence] or cleaning made other events the held-out ones.
        let regrouped = provenance(&origin(SEED_1, &[&HELD, &A]));
        assert!(told(&here, &regrouped).unwrap().contains("the same of other sequences"));
    }

    #[test]
    fn what_holds_out_the_same_or_is_of_another_log_is_honest() {
        let here = origin(SEED_1, &[&A, &HELD]);
        // Drawn by another seed, yet the same ones.
        assert_eq!(told(&here, &provenance(&origin(SEED_2, &[&A, &HELD]))), None);
        let longer = provenance(&origin(SEED_2, &[&HELD, &A, &A]));
        assert_eq!(told(&here, &longer), None);
        // A private model's file tells nothing.
        assert_eq!(told(&here, &BTreeMap::new()), None);
        // Events of one time in another order are the same log.
        let turned = origin(SEED_1, &[&[A[1], A[0]], &HELD]);
        assert_eq!(turned.log, here.log);
    }

    #[test]
    fn a_model_of_an_earlier_time_knows_nothing_of_later_events() {
        let split = |month: u32| {
            format!("{{ kind = \"time\", validation_from = 2024-0{month}-01, test_from = 2024-0{}-01 }}", month + 1)
        };
        let march = origin(&split(3), &[&A, &HELD]);
        assert_eq!(told(&march, &provenance(&origin(&split(2), &[&HELD, &A]))), None);
        assert!(told(&march, &provenance(&origin(&split(4), &[&HELD, &A]))).is_some());
    }

    #[test]
    fn a_file_without_sums_is_judged_by_its_split_and_a_leak_is_inherited() {
        let here = origin(SEED_1, &[&A, &HELD]);
        let old = |split: &str| BTreeMap::from([(SPLIT.to_owned(), split.to_owned())]);
        let same = serde_json::to_string(&here.split).unwrap();
        assert_eq!(told(&here, &old(&same)), None);
        assert!(told(&here, &old(&same.replace("\"seed\":1", "\"seed\":7"))).is_some());
        let mut taught = provenance(&here);
        taught.insert(LEAK.into(), "runs/a: it knows".into());
        assert_eq!(
            (told(&here, &taught), here.leak_of(|key| taught.get(key))),
            (None, Some("runs/a: it knows".into()))
        );
        let elsewhere = origin(SEED_1, &[&A, &HELD, &A]);
        assert_eq!(elsewhere.leak_of(|key| taught.get(key)), None);
    }
}
