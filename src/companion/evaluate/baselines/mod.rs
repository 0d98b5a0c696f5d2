//! Rankings by plain counting that any model must beat.
//!
//! All counts are over the training events only, whichever part is measured: what the model learned from. A
//! visitor's own history, by contrast, is everything before the target.

mod cooccurrence;
mod markov;
mod mix;
mod neighbours;
mod own;
mod popularity;
mod recent_popularity;
#[cfg(test)]
mod tests;

pub use mix::MixWeights;

use super::{Detail, Outcome, evaluate};
use crate::companion::data::Dataset;
use anyhow::Result;
use cooccurrence::Cooccurrence;
use markov::LastItem;
use mix::{Mix, Parts};
use neighbours::{Neighbours, Rule};
use own::{DECAY, NO_DECAY, OwnItems};
use popularity::Popularity;

/// The name of the strongest baseline.
pub const MIX: &str = "mix";

/// Validation events that the mix's weights are picked on.
pub const FIT_EVENTS: usize = 2500;

/// What counting reaches.
pub struct Baselines {
    /// Each baseline's name and outcome.
    pub outcomes: Vec<(&'static str, Outcome)>,
    /// What the search on validation events picked.
    pub mix_weights: MixWeights,
}

/// Counts on what was `learned` from and measures all baselines on the targets of `dataset`, which may be another log
/// with the same items. The mix is fitted on `validation`, places of what was learned from.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_baselines(
    learned: &Dataset,
    dataset: &Dataset,
    targets: &[usize],
    validation: &[usize],
) -> Result<Baselines> {
    let has_group = learned.schema.has_group;
    let training_items = popularity::training_places(learned).map(|place| learned.sequences.items[place]);
    let counts = popularity::count(training_items, learned.vocab.len());
    let ties = popularity::tie_break(&counts);
    let recent = recent_popularity::recent_counts(learned, &counts);
    let followers = Neighbours::count(learned, Rule::Following { reach: 1 });
    let neighbours = cooccurrence::count(learned);

    let parts = Parts { has_group, neighbours: &neighbours, popularity: &counts };
    let mix_weights = mix::fit(learned, validation, parts)?;

    let ranks = Detail::Ranks;
    let outcomes = vec![
        ("popularity", evaluate(dataset, targets, ranks, || Ok(Popularity::new(&counts)))?),
        ("recent_popularity", evaluate(dataset, targets, ranks, || Ok(Popularity::new(&recent)))?),
        ("own_frequency", evaluate(dataset, targets, ranks, || Ok(OwnItems::new(NO_DECAY, has_group, &ties)))?),
        ("own_recency", evaluate(dataset, targets, ranks, || Ok(OwnItems::new(DECAY, has_group, &ties)))?),
        ("last_item_markov", evaluate(dataset, targets, ranks, || Ok(LastItem::new(&followers, &ties)))?),
        ("cooccurrence", evaluate(dataset, targets, ranks, || Ok(Cooccurrence::new(&neighbours, has_group, &ties)))?),
        (MIX, evaluate(dataset, targets, ranks, || Ok(Mix::new(parts, mix_weights)))?),
    ];
    Ok(Baselines { outcomes, mix_weights })
}
