//! What this visitor took before in moments like this one.
//!
//! With groups: an earlier group is like the open one by the cosine of their items, |both| / sqrt(|one| |other|), and an
//! item's habit is the sum over the earlier groups that hold it. Without: what came less than ten events after the
//! latest item's earlier occurrences, one over the distance each.

use crate::vocab::ItemId;

/// How many of the latest events are remembered, a power of two: enough for years of a household, and a bound for what
/// runs on.
const ROOM: usize = 2048;

/// How far behind an occurrence its followers are.
const REACH: u32 = 10;

/// The number of no event.
pub const NONE: u32 = u32::MAX;

/// The latest events and their groups, each by its number in rings of [`ROOM`] places, and how like the open group the
/// earlier groups are.
#[derive(Debug, Clone)]
pub struct Habits {
    /// Events so far.
    events: u32,
    items: Vec<ItemId>,
    groups: Vec<u32>,
    /// The item's event before this one.
    before: Vec<u32>,
    /// Groups so far; each has an event, so that the groups of events that are remembered are too.
    opened: u32,
    /// Different items of each group.
    sizes: Vec<u32>,
    /// Those of them that the open group has too.
    shared: Vec<u32>,
}

impl Habits {
    /// No event yet. All room is taken at once, so that a session in use takes none.
    pub fn new() -> Self {
        let room = || Vec::with_capacity(ROOM);
        let [items, groups, before, sizes, shared] = [room(), room(), room(), room(), room()];
        Self { events: 0, items, groups, before, opened: 0, sizes, shared }
    }

    pub fn reset(&mut self) {
        let Self { events, items, groups, before, opened, sizes, shared } = self;
        (*events, *opened) = (0, 0);
        [items, groups, before, sizes, shared].into_iter().for_each(Vec::clear);
    }

    /// Another group begins, with the event that comes next.
    pub fn open_group(&mut self) {
        self.shared.fill(0);
        put(&mut self.sizes, self.opened, 0);
        put(&mut self.shared, self.opened, 0);
        self.opened += 1;
    }

    /// Takes an event of the open group. `before` is the item's event before, `is_new` whether that was in an earlier
    /// group. Gives the event's number.
    pub fn observe(&mut self, item: ItemId, before: u32, is_new: bool) -> u32 {
        let open = self.opened - 1;
        if is_new {
            self.sizes[slot(open)] += 1;
            let mut earlier = before;
            while let Some(group) = self.next_group(&mut earlier) {
                self.shared[group] += 1;
            }
        }
        let number = self.events;
        put(&mut self.items, number, item);
        put(&mut self.groups, number, open);
        put(&mut self.before, number, before);
        self.events += 1;
        number
    }

    /// The item of the event so many before the latest.
    pub fn latest(&self, back: u32) -> Option<ItemId> {
        let number = self.events.checked_sub(back + 1)?;
        Some(self.items[slot(number)])
    }

    /// The habit of an item, whose latest event is given and not in the open group, beside the open group's items.
    pub fn beside_open(&self, latest: u32) -> f32 {
        let open = self.sizes[slot(self.opened - 1)];
        let (mut number, mut sum) = (latest, 0.0);
        while let Some(group) = self.next_group(&mut number) {
            if self.shared[group] > 0 {
                sum += self.shared[group] as f32 / ((self.sizes[group] * open) as f32).sqrt();
            }
        }
        sum
    }

    /// Tells `add` what followed the earlier occurrences of the latest event's item, and how much that counts.
    pub fn after_latest(&self, mut add: impl FnMut(ItemId, f32)) {
        let mut earlier = if self.events > 0 { self.before[slot(self.events - 1)] } else { NONE };
        while self.remembers(earlier) {
            for distance in 1..REACH.min(self.events - earlier) {
                add(self.items[slot(earlier + distance)], 1.0 / distance as f32);
            }
            earlier = self.before[slot(earlier)];
        }
    }

    /// The place of an event's group, leaving at `number` the item's latest event in a group before it.
    fn next_group(&self, number: &mut u32) -> Option<usize> {
        let group = self.remembers(*number).then(|| self.groups[slot(*number)])?;
        while self.remembers(*number) && self.groups[slot(*number)] == group {
            *number = self.before[slot(*number)];
        }
        Some(slot(group))
    }

    fn remembers(&self, number: u32) -> bool {
        number < self.events && (self.events - number) as usize <= ROOM
    }
}

fn slot(number: u32) -> usize {
    number as usize % ROOM
}

fn put(ring: &mut Vec<u32>, number: u32, value: u32) {
    if ring.len() < ROOM { ring.push(value) } else { ring[slot(number)] = value }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups of items, the last of them open; each item's latest event.
    fn habits(groups: &[&[ItemId]]) -> (Habits, [u32; 5]) {
        let (mut habits, mut latest, mut held) = (Habits::new(), [NONE; 5], [usize::MAX; 5]);
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
        assert_eq!(habits.beside_open(NONE), 0.0);
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
        let mut habits = Habits::new();
        let mut latest = [NONE; 2];
        for number in 0..3 * ROOM as u32 {
            if number % 4 == 0 {
                habits.open_group();
            }
            let item = number % 2;
            let is_new = number % 4 < 2;
            latest[item as usize] = habits.observe(item, latest[item as usize], is_new);
        }
        assert!([&habits.items, &habits.before, &habits.sizes].iter().all(|ring| ring.len() <= ROOM));
        // All groups are alike.
        assert_eq!(habits.beside_open(latest[0]), (ROOM / 4 - 1) as f32);
        assert_eq!([0, 1, 2].map(|back| habits.latest(back)), [Some(1), Some(0), Some(1)]);
        habits.after_latest(|item, _| assert!(item < 2));
    }
}
