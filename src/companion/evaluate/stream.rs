//! Streams sequences through a scorer and ranks each target among all candidates.

use super::outcome::{Detail, Outcome};
use super::scorer::Scorer;
use crate::companion::config::EvaluateConfig;
use crate::companion::data::{Dataset, Part, Sequences};
use crate::event::Upcoming;
use crate::metrics::EXCLUDED;
use crate::schema::FilterSeen;
use crate::vocab::{ItemId, UNKNOWN_ITEM};
use anyhow::{Result, ensure};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The targets of a part that have at least `min_history` events before them in their sequence, ascending.
pub fn places(dataset: &Dataset, part: Part, min_history: usize) -> Vec<usize> {
    let sequences = &dataset.sequences;
    let of_sequence = |sequence| {
        let range = sequences.range(sequence);
        (range.start + min_history).min(range.end)..range.end
    };
    (0..sequences.len()).flat_map(of_sequence).filter(|&place| sequences.parts[place] == part).collect()
}

/// At most `count` of `places`, picked evenly by the seed, ascending.
pub fn sample(places: &[usize], count: usize, seed: u64) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let picked = rand::seq::index::sample(&mut random, places.len(), count.min(places.len()));
    let mut picked: Vec<usize> = picked.into_iter().map(|index| places[index]).collect();
    picked.sort_unstable();
    picked
}

/// Of these places of a part as many as the configuration measures.
pub fn measured(all: Vec<usize>, part: Part, config: &EvaluateConfig, seed: u64) -> Vec<usize> {
    let most = if part == Part::Test { config.max_test_events } else { Some(config.max_validation_events) };
    match most {
        Some(most) => sample(&all, most, seed),
        None => all,
    }
}

/// Streams every sequence with a target and ranks the targets at `places` (ascending), each among all
/// items but those that the schema's `filter_seen` takes out. History is everything before the target
/// in its sequence, but for unknown items. A target that is unknown or filtered is a miss. Sequences are spread over all cores,
/// one scorer from `new_scorer` each; the outcome does not depend on their number.
///
/// # Errors
/// No target, places that do not rise or do not exist, scores that are NaN where a probability is asked for,
/// and what the scorer says.
pub fn evaluate<S: Scorer>(
    dataset: &Dataset,
    places: &[usize],
    detail: Detail,
    new_scorer: impl Fn() -> Result<S> + Sync,
) -> Result<Outcome> {
    ensure!(!places.is_empty(), "no event to predict; check the split in the schema file, or name another part");
    ensure!(places.is_sorted_by(|a, b| a < b), "places of targets do not rise; sort them");
    let events = dataset.sequences.items.len();
    ensure!(places[places.len() - 1] < events, "a target lies beyond the data set's {events} events");

    let work = by_sequence(dataset, places);
    let next = AtomicUsize::new(0);
    let threads = rayon::current_num_threads().min(work.len());
    let one_thread = |_| -> Result<Vec<(usize, Outcome)>> {
        let mut scorer = new_scorer()?;
        let mut scores = vec![0.0; dataset.vocab.len()];
        let mut done = Vec::new();
        while let Some(&(sequence, targets)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((sequence, stream(dataset, sequence, targets, detail, &mut scorer, &mut scores)?));
        }
        Ok(done)
    };
    let threads: Vec<_> = (0..threads).into_par_iter().map(one_thread).collect::<Result<_>>()?;
    let mut done = threads.concat();
    done.sort_unstable_by_key(|&(sequence, _)| sequence);

    let mut outcome = Outcome::default();
    for (_, part) in done {
        outcome.extend(part);
    }
    ensure!(
        !outcome.target_probabilities.iter().any(|p| p.is_nan()),
        "the scorer gave NaN scores; the model is damaged or its training diverged"
    );
    Ok(outcome)
}

/// The sequence that holds a place.
pub(super) fn sequence_at(sequences: &Sequences, place: usize) -> usize {
    // Sequences may be empty: the last one that starts at or before the place holds it.
    sequences.offsets.partition_point(|&start| start <= place as u64) - 1
}

/// Cuts ascending places into runs of one sequence each; sequences without a target are left out.
pub fn by_sequence<'a>(dataset: &Dataset, mut places: &'a [usize]) -> Vec<(usize, &'a [usize])> {
    let mut work = Vec::new();
    while let Some(&first) = places.first() {
        let sequence = sequence_at(&dataset.sequences, first);
        let end = dataset.sequences.range(sequence).end;
        let (own, rest) = places.split_at(places.partition_point(|&place| place < end));
        work.push((sequence, own));
        places = rest;
    }
    work
}

/// One sequence, up to its last target.
fn stream(
    dataset: &Dataset,
    sequence: usize,
    targets: &[usize],
    detail: Detail,
    scorer: &mut impl Scorer,
    scores: &mut [f32],
) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut excluded = Excluded::new(dataset.schema.filter_seen);
    let mut place = dataset.sequences.range(sequence).start;
    scorer.reset()?;
    for &target in targets {
        while place < target {
            let event = dataset.sequences.event(place);
            // Training saw sequences of known items alone, and the page's engine passes over others too.
            if event.item != UNKNOWN_ITEM {
                excluded.observe(event.item, event.group);
                scorer.observe(event)?;
            }
            place += 1;
        }
        let event = dataset.sequences.event(target);
        let upcoming = Upcoming { group: event.group };
        scorer.scores(upcoming, scores)?;
        excluded.apply(upcoming, scores);
        outcome.push(sequence, event.item, scores, detail);
    }
    Ok(outcome)
}

/// The items of a sequence that are no candidates.
struct Excluded {
    rule: FilterSeen,
    group: u32,
    items: Vec<ItemId>,
}

impl Excluded {
    fn new(rule: FilterSeen) -> Self {
        Self { rule, group: 0, items: Vec::new() }
    }

    fn observe(&mut self, item: ItemId, group: u32) {
        if self.rule == FilterSeen::Group && group != self.group {
            self.items.clear();
        }
        self.group = group;
        if self.rule != FilterSeen::None {
            self.items.push(item);
        }
    }

    fn apply(&self, upcoming: Upcoming, scores: &mut [f32]) {
        // Items of a group that has ended are candidates again.
        if self.rule == FilterSeen::Group && upcoming.group != self.group {
            return;
        }
        for &item in &self.items {
            scores[item as usize] = EXCLUDED;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::companion::evaluate::testing::{Event, dataset};
    use crate::event::EventView;
    use crate::metrics::MISS;

    /// Prefers what it saw last; remembers how often it was asked.
    #[derive(Default)]
    struct Last {
        seen: Vec<ItemId>,
    }

    impl Scorer for Last {
        fn reset(&mut self) -> Result<()> {
            self.seen.clear();
            Ok(())
        }
        fn observe(&mut self, event: EventView<'_>) -> Result<()> {
            self.seen.push(event.item);
            Ok(())
        }
        fn scores(&mut self, _: Upcoming, out: &mut [f32]) -> Result<()> {
            out.fill(0.0);
            for (age, &item) in self.seen.iter().rev().enumerate() {
                if let Some(score) = out.get_mut(item as usize) {
                    *score = score.max(1.0 / (1.0 + age as f32));
                }
            }
            Ok(())
        }
    }

    fn new_last() -> Result<Last> {
        Ok(Last::default())
    }

    fn ranks(dataset: &Dataset) -> Vec<u32> {
        let places = places(dataset, Part::Test, 0);
        evaluate(dataset, &places, Detail::Ranks, new_last).unwrap().ranks
    }

    #[test]
    fn targets_may_need_a_history() {
        let events = [Event::train(0, 0), Event::test(1, 0), Event::test(2, 0)];
        let log = dataset(3, FilterSeen::None, false, &[&events, &events[1..]]);
        assert_eq!(places(&log, Part::Test, 0), [1, 2, 3, 4]);
        assert_eq!(places(&log, Part::Test, 1), [1, 2, 4]);
        assert!(places(&log, Part::Test, 9).is_empty());
    }

    #[test]
    fn history_is_everything_before_and_filters_follow_the_schema() {
        // Two baskets: 0 1 | 1 0 2, the second one is tested.
        let events = [Event::train(0, 0), Event::train(1, 0), Event::test(1, 1), Event::test(0, 1), Event::test(2, 1)];
        let log = |rule| dataset(3, rule, true, &[&events]);
        // Scores before each target: [.5, 1, 0], [.33, 1, 0], [1, .5, 0].
        assert_eq!(ranks(&log(FilterSeen::None)), [1, 2, 3]);
        // The open basket is out: nothing, then 1, then 1 and 0.
        assert_eq!(ranks(&log(FilterSeen::Group)), [1, 1, 1]);
        assert_eq!(ranks(&log(FilterSeen::All)), [MISS, MISS, 1]);
    }

    #[test]
    fn unknown_targets_are_misses_in_the_denominator() {
        let events = [Event::train(0, 0), Event::test(0, 0), Event::test(UNKNOWN_ITEM, 0), Event::test(0, 0)];
        let log = dataset(2, FilterSeen::None, false, &[&events]);
        let targets = places(&log, Part::Test, 0);
        let outcome = evaluate(&log, &targets, Detail::Full, new_last).unwrap();
        assert_eq!(outcome.ranks, [1, MISS, 1]);
        assert_eq!(outcome.metrics().hr_at_10(), 2.0 / 3.0);
    }

    #[test]
    fn many_sequences_come_back_in_order_and_samples_agree_with_the_whole() {
        let sequences: Vec<Vec<Event>> = (0..50u32)
            .map(|s| {
                (0..s % 7)
                    .map(|e| {
                        let item = (s * 3 + e * e) % 11;
                        if e < 3 { Event::train(item, 0) } else { Event::test(item, 0) }
                    })
                    .collect()
            })
            .collect();
        let log = dataset(11, FilterSeen::None, false, &sequences.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let all = places(&log, Part::Test, 0);
        let whole = evaluate(&log, &all, Detail::Full, new_last).unwrap();
        assert!(whole.sequences.is_sorted());
        let some = sample(&all, 9, 5);
        assert_eq!(some.len(), 9);
        let part = evaluate(&log, &some, Detail::Full, new_last).unwrap();
        for (row, place) in some.iter().enumerate() {
            let same = all.binary_search(place).unwrap();
            assert_eq!(part.ranks[row], whole.ranks[same]);
            assert_eq!(part.best_items[row], whole.best_items[same]);
        }
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(one.install(|| evaluate(&log, &all, Detail::Full, new_last).unwrap()), whole);
    }

    #[test]
    fn wrong_calls_are_refused() {
        let log = dataset(2, FilterSeen::None, false, &[&[Event::train(0, 0), Event::train(1, 0)]]);
        let refuse = |places: &[usize]| evaluate(&log, places, Detail::Ranks, new_last).unwrap_err().to_string();
        assert!(refuse(&[]).contains("no event"));
        assert!(refuse(&[1, 0]).contains("sort"));
        assert!(refuse(&[2]).contains("beyond"));
    }

    /// Scores NaN, or fails when it is asked.
    struct Broken {
        fails: bool,
    }

    impl Scorer for Broken {
        fn reset(&mut self) -> Result<()> {
            Ok(())
        }
        fn observe(&mut self, _: EventView<'_>) -> Result<()> {
            Ok(())
        }
        fn scores(&mut self, _: Upcoming, out: &mut [f32]) -> Result<()> {
            ensure!(!self.fails, "device lost");
            out.fill(f32::NAN);
            Ok(())
        }
    }

    #[test]
    fn broken_scorers_are_reported() {
        let log = dataset(2, FilterSeen::None, false, &[&[Event::train(0, 0), Event::test(1, 0)]]);
        let message = |fails| evaluate(&log, &[1], Detail::Full, || Ok(Broken { fails })).unwrap_err().to_string();
        assert!(message(false).contains("NaN"));
        assert_eq!(message(true), "device lost");
    }
}
