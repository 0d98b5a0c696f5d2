//! Changes what the encoder is given of a training window, so that it learns to do with less and in another order.
//!
//! What counting knows of the sequence and what is to be predicted stay as they are: only inputs change. Crop, mask and
//! reorder are those of CL4SRec (Xie et al. 2022, arXiv 2010.14395), substitution that of CoSeRec (Liu et al. 2021, arXiv
//! 2108.06479).

use super::examples::Input;
use crate::error::{Error, Result};
use crate::format::Neighbours;
use crate::vocab::UNKNOWN_ITEM;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// The `[train.augment]` section of foreclick.toml: shares, all 0 by default.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Of windows: those that begin at a later place, drawn evenly. Default 0.
    pub crop: f32,
    /// Of events: those that the encoder is not given; what follows is predicted from the events before. The next one's time
    /// gap and count are as if it had been there. Default 0.
    pub drop: f32,
    /// Of events: those whose item is hidden; time and fields stay. Default 0.
    pub mask: f32,
    /// Of windows: those in which up to [`SPAN`] events in a row change places. Default 0.
    pub reorder: f32,
    /// Of events: those whose item gives way to one of its neighbours. Default 0.
    pub substitute: f32,
}

/// The most events that change places.
pub const SPAN: usize = 4;

impl Augment {
    /// Checks the shares of a section of this name.
    ///
    /// # Errors
    /// [`Error::Argument`] names the key, its value and its limits.
    pub fn validate(&self, section: &str) -> Result<()> {
        let Self { crop, drop, mask, reorder, substitute } = *self;
        let shares = [("crop", crop), ("drop", drop), ("mask", mask), ("reorder", reorder), ("substitute", substitute)];
        for (name, share) in shares {
            let most = if name == "drop" || name == "mask" { 0.9 } else { 1.0 };
            if !(0.0..=most).contains(&share) {
                return Err(Error::Argument(format!("{section}.{name} is {share}, expected 0 to {most}")));
            }
        }
        Ok(())
    }

    /// Where a window of so many inputs begins.
    pub fn begin(&self, inputs: usize, rng: &mut impl Rng) -> usize {
        if chance(self.crop, rng) { rng.random_range(0..inputs) } else { 0 }
    }

    /// Whether an event is not given.
    pub fn drops(&self, rng: &mut impl Rng) -> bool {
        chance(self.drop, rng)
    }

    /// Changes a window's inputs.
    pub fn change(&self, inputs: &mut [Input], neighbours: &Neighbours, rng: &mut impl Rng) {
        if chance(self.reorder, rng) {
            reorder(inputs, rng);
        }
        for input in inputs {
            let Input::Event { item, .. } = input else { continue };
            if chance(self.substitute, rng) && *item != UNKNOWN_ITEM {
                let others = neighbours.row(*item as usize).count();
                if others > 0 {
                    let other = neighbours.row(*item as usize).nth(rng.random_range(0..others));
                    *item = other.map_or(*item, |(other, _)| other);
                }
            }
            if chance(self.mask, rng) {
                *item = UNKNOWN_ITEM;
            }
        }
    }
}

/// Events change places, their items and fields with them; times stay with the places.
fn reorder(inputs: &mut [Input], rng: &mut impl Rng) {
    let first = usize::from(matches!(inputs.first(), Some(Input::Start)));
    let events = &mut inputs[first..];
    let span = SPAN.min(events.len());
    if span < 2 {
        return;
    }
    let begin = rng.random_range(0..=events.len() - span);
    let events = &mut events[begin..begin + span];
    for place in (1..span).rev() {
        let other = rng.random_range(0..=place);
        if other != place {
            let [a, b] = [other, place].map(|place| events[place]);
            events[other] = b.at_the_time_of(a);
            events[place] = a.at_the_time_of(b);
        }
    }
}

/// A share of 0 draws nothing, so that a run without it stays as it was.
pub fn chance(share: f32, rng: &mut impl Rng) -> bool {
    share > 0.0 && rng.random::<f32>() < share
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::companion::train::random::{Purpose, stream};
    use crate::engine::input::Before;

    const NOTHING: Augment = Augment { crop: 0.0, drop: 0.0, mask: 0.0, reorder: 0.0, substitute: 0.0 };

    fn inputs() -> Vec<Input> {
        let before = Before { previous: None, met: 0, left_out: None };
        let event = |place: usize| Input::Event { place, item: place as u32, time: place as i64, before };
        std::iter::once(Input::Start).chain((0..10).map(event)).collect()
    }

    fn items(inputs: &[Input]) -> Vec<u32> {
        let item = |input: &Input| if let Input::Event { item, .. } = input { Some(*item) } else { None };
        inputs.iter().filter_map(item).collect()
    }

    /// The items after a change, for twenty draws.
    fn changed(augment: Augment) -> Vec<Vec<u32>> {
        // Item i has the neighbour i + 10, but for item 9.
        let mut neighbours = Neighbours { offsets: vec![0], ..Neighbours::default() };
        for item in 0..9 {
            neighbours.items.push(item + 10);
            neighbours.weights.push(255);
            neighbours.offsets.push(item + 1);
        }
        neighbours.offsets.extend(vec![9; 11]);
        neighbours.scales = vec![1.0; 20];
        let mut rng = stream(1, Purpose::Augment, 0, 0);
        let draw = |_| {
            let mut inputs = inputs();
            augment.change(&mut inputs, &neighbours, &mut rng);
            assert!(matches!(inputs[0], Input::Start) && inputs.len() == 11);
            let time = |input: &Input| if let Input::Event { time, .. } = input { Some(*time) } else { None };
            assert!(inputs.iter().filter_map(time).eq(0..10), "times moved");
            items(&inputs)
        };
        (0..20).map(draw).collect()
    }

    #[test]
    fn nothing_changes_nothing_and_draws_nothing() {
        assert!(changed(NOTHING).iter().all(|items| *items == (0..10).collect::<Vec<u32>>()));
        let [mut drawn, mut fresh] = [0, 0].map(|_| stream(1, Purpose::Augment, 0, 0));
        assert_eq!((NOTHING.begin(10, &mut drawn), NOTHING.drops(&mut drawn)), (0, false));
        assert_eq!(drawn.random::<u64>(), fresh.random::<u64>());
    }

    #[test]
    fn items_are_hidden_and_substituted() {
        let hidden = changed(Augment { mask: 0.5, ..NOTHING }).concat();
        let share = hidden.iter().filter(|&&item| item == UNKNOWN_ITEM).count() as f32 / hidden.len() as f32;
        assert!((share - 0.5).abs() < 0.1, "{share}");
        let all = changed(Augment { substitute: 1.0, ..NOTHING });
        assert!(all.iter().all(|items| *items == (10..19).chain([9]).collect::<Vec<u32>>()));
    }

    #[test]
    fn a_few_events_in_a_row_change_places() {
        let orders = changed(Augment { reorder: 1.0, ..NOTHING });
        assert!(orders.iter().filter(|items| !items.is_sorted()).count() > 10);
        for mut items in orders {
            let moved: Vec<usize> = (0..10).filter(|&place| items[place] != place as u32).collect();
            assert!(moved.is_empty() || moved[moved.len() - 1] - moved[0] < SPAN);
            items.sort_unstable();
            assert_eq!(items, (0..10).collect::<Vec<u32>>());
        }
    }

    #[test]
    fn windows_begin_later_and_events_are_left_out() {
        let mut rng = stream(2, Purpose::Augment, 0, 0);
        let augment = Augment { crop: 1.0, drop: 0.25, ..NOTHING };
        let begins: Vec<usize> = (0..200).map(|_| augment.begin(5, &mut rng)).collect();
        assert!((0..5).all(|place| begins.contains(&place)) && begins.iter().all(|&begin| begin < 5));
        let dropped = (0..1000).filter(|_| augment.drops(&mut rng)).count();
        assert!((200..300).contains(&dropped), "{dropped}");
    }

    #[test]
    fn shares_are_checked() {
        assert!(NOTHING.validate("train.augment").is_ok());
        for wrong in
            [Augment { crop: 1.5, ..NOTHING }, Augment { drop: 1.0, ..NOTHING }, Augment { mask: f32::NAN, ..NOTHING }]
        {
            assert!(wrong.validate("train.augment").unwrap_err().to_string().contains("train.augment."));
        }
    }
}
