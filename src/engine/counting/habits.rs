//! What this visitor took before in moments like this one.
//!
//! With groups: an earlier group is like the open one by the cosine of their items, |both| / sqrt(|one| |other|), and an
//! item's habit is the sum over the earlier groups that hold it. Without: what came less than ten events after the
//! latest item's earlier occurrences, one over the distance each.

use crate::vocab::ItemId;
use std::collections::VecDeque;

/// How many of the latest events are remembered: enough for years of a household, and a bound for what runs on.
const MOST_EVENTS: usize = 2048;

/// How far behind an occurrence its followers are.
const REACH: u32 = 10;

/// No event.
const NONE: u32 = u32::MAX;

/// An event's number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number(u32);

impl Number {
    /// No event yet.
    pub const NONE: Self = Self(NONE);
}

#[derive(Debug, Clone)]
struct Past {
    item: ItemId,
    group: u32,
    /// The item's event before this one.
    before: Number,
}

#[derive(Debug, Clone, Default)]
struct Group {
    /// Different items.
    items: u32,
    /// Those that the open group has too.
    shared: u32,
}

/// The latest events, and how like the open group the earlier groups are.
#[derive(Debug, Clone, Default)]
pub struct Habits {
    past: VecDeque<Past>,
    /// The number of the first of `past`.
    first: u32,
    groups: VecDeque<Group>,
    /// The number of the first of `groups`.
    first_group: u32,
}

impl Habits {
    pub fn reset(&mut self) {
        self.past.clear();
        self.groups.clear();
        (self.first, self.first_group) = (0, 0);
    }

    /// Another group begins.
    pub fn open_group(&mut self) {
        self.groups.iter_mut().for_each(|group| group.shared = 0);
        self.groups.push_back(Group::default());
    }

    /// Takes an event of the open group. `before` is the item's event before, `is_new` whether that was in an earlier
    /// group. Gives the event's number.
    pub fn observe(&mut self, item: ItemId, before: Number, is_new: bool) -> Number {
        let open = self.first_group + self.groups.len() as u32 - 1;
        if is_new {
            if let Some(group) = self.groups.back_mut() {
                group.items += 1;
            }
            let Self { past, first, groups, first_group } = self;
            each_group(past, *first, before, |group| {
                if let Some(group) = groups.get_mut((group - *first_group) as usize) {
                    group.shared += 1;
                }
            });
        }
        let number = self.first + self.past.len() as u32;
        self.past.push_back(Past { item, group: open, before });
        if self.past.len() > MOST_EVENTS {
            self.past.pop_front();
            self.first += 1;
            let oldest = self.past.front().map_or(open, |past| past.group);
            while self.first_group < oldest {
                self.groups.pop_front();
                self.first_group += 1;
            }
        }
        Number(number)
    }

    /// The habit of an item, whose latest event is given and not in the open group, beside the open group's items.
    pub fn beside_open(&self, latest: Number) -> f32 {
        let open = self.groups.back().map_or(0, |group| group.items);
        let mut sum = 0.0;
        each_group(&self.past, self.first, latest, |group| {
            let Group { items, shared } = self.groups[(group - self.first_group) as usize];
            if shared > 0 {
                sum += shared as f32 / ((items * open) as f32).sqrt();
            }
        });
        sum
    }

    /// Tells `add` what followed the earlier occurrences of the latest event's item, and how much that counts.
    pub fn after_latest(&self, mut add: impl FnMut(ItemId, f32)) {
        let end = self.first + self.past.len() as u32;
        let mut earlier = self.past.back().map_or(Number::NONE, |latest| latest.before);
        while let Some(past) = get(&self.past, self.first, earlier) {
            for distance in 1..REACH.min(end - earlier.0) {
                add(self.past[(earlier.0 + distance - self.first) as usize].item, 1.0 / distance as f32);
            }
            earlier = past.before;
        }
    }
}

fn get(past: &VecDeque<Past>, first: u32, number: Number) -> Option<&Past> {
    if number == Number::NONE { None } else { past.get(number.0.wrapping_sub(first) as usize) }
}

/// Each group that an item's events up to one belong to, once; the latest first.
fn each_group(past: &VecDeque<Past>, first: u32, mut number: Number, mut tell: impl FnMut(u32)) {
    let mut told = NONE;
    while let Some(event) = get(past, first, number) {
        if event.group != told {
            told = event.group;
            tell(told);
        }
        number = event.before;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups of items, the last of them open; each item's latest event.
    fn habits(groups: &[&[ItemId]]) -> (Habits, [Number; 5]) {
        let (mut habits, mut latest, mut held) = (Habits::default(), [Number::NONE; 5], [usize::MAX; 5]);
        for (number, group) in groups.iter().enumerate() {
            habits.open_group();
            for &item in *group {
                let place = item as usize;
                latest[place] = habits.observe(item, latest[place], held[place] != number);
                held[place] = number;
            }
        }
        (habits, latest)
    }

    #[test]
    fn groups_are_alike_by_their_cosine() {
        let (habits, latest) = habits(&[&[0, 1], &[0, 2, 0, 3], &[4, 1], &[0, 4]]);
        let cosine = |both: f32, one: f32| both / (one * 2.0).sqrt();
        assert!((habits.beside_open(latest[1]) - cosine(1.0, 2.0) - cosine(1.0, 2.0)).abs() < 1e-6);
        // Item 0 is twice in the group and counts once.
        assert!((habits.beside_open(latest[2]) - cosine(1.0, 3.0)).abs() < 1e-6);
        assert_eq!(habits.beside_open(Number::NONE), 0.0);
    }

    #[test]
    fn what_followed_the_latest_item_is_told() {
        let (habits, _) = habits(&[&[0, 1, 2, 0, 3, 0]]);
        let mut sums = [0.0; 5];
        habits.after_latest(|item, weight| sums[item as usize] += weight);
        // After the first 0: 1, 2, 0, 3, 0; after the second: 3, 0.
        let expected = [1.0 / 3.0 + 0.2 + 0.5, 1.0, 0.5, 0.25 + 1.0, 0.0];
        assert!(sums.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{sums:?}");
    }

    #[test]
    fn only_the_latest_events_are_remembered() {
        let mut habits = Habits::default();
        let mut latest = [Number::NONE; 2];
        for number in 0..3 * MOST_EVENTS as u32 {
            if number % 4 == 0 {
                habits.open_group();
            }
            let item = number % 2;
            let is_new = number % 4 < 2;
            latest[item as usize] = habits.observe(item, latest[item as usize], is_new);
        }
        assert_eq!(habits.past.len(), MOST_EVENTS);
        assert!(habits.groups.len() <= MOST_EVENTS / 4 + 1);
        // The open group is one of those that are alike.
        assert!((habits.beside_open(latest[0]) - (habits.groups.len() - 1) as f32).abs() < 1.0);
        habits.after_latest(|item, _| assert!(item < 2));
    }
}
