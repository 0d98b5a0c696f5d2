//! What counting knows of a sequence: the items met before, when, how often and beside what, and the neighbours of the
//! latest.
//!
//! Repetition and co-occurrence are features of single candidates, so they enter the score beside the encoder's
//! query. Training, evaluation and the browser all run this one piece of code.

mod habits;
mod logarithm;
mod rules;
#[cfg(test)]
mod tests;

use crate::event::EventView;
use crate::format::{Context, Counting, FEATURES, Neighbours, REPEAT_COUNTS, REPEAT_LASTS};
use crate::schema::FilterSeen;
use crate::vocab::ItemId;
use habits::{Habits, NONE};
use logarithm::ln_1p;
pub use rules::Rules;

/// The feature that tells how lately and often the item was met: the sum of decay^(groups ago).
pub const RECENCY: usize = 0;
/// The feature that tells how often it is found beside the items of the context.
pub const NEIGHBOURS: usize = 1;
/// The same of the context's latest item alone.
pub const NEAREST: usize = 2;
/// The feature that tells what this visitor took before in moments like this one: see `counting/habits.rs`.
pub const HABIT: usize = 3;
/// [`NEIGHBOURS`] and a share of [`RECENCY`] added up: either suffices. Sums of logarithms, as gates give, ask for both.
pub const TOGETHER: usize = 4;

/// What an item met in the latest group (event, without groups) counts as against a neighbour of share 1.
const RETURN_SHARE: f32 = 0.6;

/// A habit enters as `ln(1 + habit / this)`.
const HABIT_EPSILON: f32 = 0.05;

/// How many of the latest events are a context where groups do not exist.
pub const CONTEXT_EVENTS: u32 = 10;

/// The first group distance of each row of the repeat table after row 0.
const LAST_STARTS: [u32; REPEAT_LASTS - 1] = [1, 2, 3, 4, 5, 7, 10, 15, 22, 36, 61];
/// The first count of each column of the repeat table after column 0.
const COUNT_STARTS: [u32; REPEAT_COUNTS - 1] = [2, 3, 4, 6, 9, 14, 22];

const NO_SLOT: u32 = u32::MAX;

/// A candidate about which counting has something to say; all others have only their popularity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The item.
    pub item: ItemId,
    /// Its cell in the repeat table, or `None` for an item not met before.
    pub repeat_cell: Option<u16>,
    /// Each as `ln(1 + sum / epsilon)`; 0 where there is nothing to tell.
    pub features: [f32; FEATURES],
    /// Whether it is no candidate at all, because the visitor has met it.
    pub excluded: bool,
}

/// An item met before.
#[derive(Debug, Clone, Copy)]
struct Own {
    item: ItemId,
    count: u32,
    last_group: u32,
    /// The sum of decay^(groups between) as of `last_group`.
    recency: f32,
    /// Its latest event.
    latest: u32,
}

/// One sequence so far, counted.
#[derive(Debug, Clone)]
pub struct History {
    rules: Rules,
    /// Groups begun so far.
    groups: u32,
    /// The open group's number in the events, once there is one.
    open_group: Option<u32>,
    /// The open group's items, each once.
    open: Vec<ItemId>,
    /// Events in the open group.
    open_events: usize,
    habits: Habits,
    own: Vec<Own>,
    /// Each item's place in `own`, or `NO_SLOT`: `[items]`.
    own_slot: Vec<u32>,
    candidates: Vec<Candidate>,
    /// Each item's place in `candidates` while they are gathered, or `NO_SLOT`: `[items]`.
    candidate_slot: Vec<u32>,
}

impl History {
    /// An empty history.
    pub fn new(rules: Rules) -> Self {
        let items = rules.items;
        Self {
            rules,
            groups: 0,
            open_group: None,
            open: Vec::new(),
            open_events: 0,
            habits: Habits::new(),
            own: Vec::new(),
            own_slot: vec![NO_SLOT; items],
            candidates: Vec::new(),
            candidate_slot: vec![NO_SLOT; items],
        }
    }

    /// Forgets the sequence; costs only what it held.
    pub fn reset(&mut self) {
        for own in self.own.drain(..) {
            self.own_slot[own.item as usize] = NO_SLOT;
        }
        self.groups = 0;
        self.open_group = None;
        self.open.clear();
        self.open_events = 0;
        self.habits.reset();
    }

    /// Whether an event or a prediction with this group number would open a new group.
    pub fn opens_group(&self, group: u32) -> bool {
        !self.rules.has_group || self.open_group != Some(group)
    }

    /// Whether the event's group is open and has its item already.
    pub fn holds(&self, event: EventView<'_>) -> bool {
        !self.opens_group(event.group) && self.open.contains(&event.item)
    }

    /// How often an item, which must be known, was met.
    pub fn times_met(&self, item: ItemId) -> u32 {
        self.own.get(self.own_slot[item as usize] as usize).map_or(0, |own| own.count)
    }

    /// How many events the group of the upcoming event holds already; 0 without groups.
    pub fn open_size(&self, upcoming_group: u32) -> usize {
        if self.opens_group(upcoming_group) { 0 } else { self.open_events }
    }

    /// Counts one more event; one of an unknown item changes nothing.
    pub fn observe(&mut self, event: EventView<'_>) {
        if !event.is_known() {
            return;
        }
        if self.opens_group(event.group) {
            self.groups += 1;
            self.open_group = Some(event.group);
            self.open.clear();
            self.open_events = 0;
            self.habits.open_group();
        }
        self.open_events += 1;
        if !self.holds(event) {
            self.open.push(event.item);
        }
        self.count_item(event.item);
    }

    fn count_item(&mut self, item: ItemId) {
        let slot = &mut self.own_slot[item as usize];
        if *slot == NO_SLOT {
            *slot = self.own.len() as u32;
            self.own.push(Own { item, count: 0, last_group: self.groups, recency: 0.0, latest: NONE });
        }
        let own = &mut self.own[*slot as usize];
        let is_new = own.count == 0 || own.last_group != self.groups;
        own.latest = self.habits.observe(item, own.latest, is_new);
        own.recency = own.recency * power(self.rules.counting.decay, self.groups - own.last_group) + 1.0;
        own.last_group = self.groups;
        own.count += 1;
    }

    /// Everything that counting has to say before the next event, which belongs to group `upcoming_group`.
    ///
    /// Own items come first, in the order in which they were first met; then neighbours, as they are found.
    pub fn candidates(&mut self, upcoming_group: u32, neighbours: &Neighbours) -> &[Candidate] {
        for candidate in self.candidates.drain(..) {
            self.candidate_slot[candidate.item as usize] = NO_SLOT;
        }
        let opens = self.opens_group(upcoming_group);
        self.add_own_items(opens);
        self.exclude_open_group(opens);
        self.add_neighbours(opens, neighbours);
        self.add_followers();
        let Counting { recency_epsilon, neighbour_epsilon, .. } = self.rules.counting;
        let epsilons = [recency_epsilon, neighbour_epsilon, neighbour_epsilon, HABIT_EPSILON, neighbour_epsilon];
        for Candidate { features, .. } in &mut self.candidates {
            features[TOGETHER] = features[NEIGHBOURS] + RETURN_SHARE * features[RECENCY];
            for (value, epsilon) in features.iter_mut().zip(epsilons) {
                *value = ln_1p(*value / epsilon);
            }
        }
        &self.candidates
    }

    /// How many the last `candidates` were.
    pub fn counted(&self) -> usize {
        self.candidates.len()
    }

    /// An item's place among them.
    pub fn place(&self, item: ItemId) -> Option<usize> {
        Some(self.candidate_slot[item as usize]).filter(|&slot| slot != NO_SLOT).map(|slot| slot as usize)
    }

    /// Tells `take` the items met, each once, in the order in which they were first met.
    pub fn met(&self, take: &mut dyn FnMut(ItemId)) {
        self.own.iter().for_each(|own| take(own.item));
    }

    /// Tells `take` the items beside which the next event comes, each once: those of the open group or, without groups, of the latest
    /// ten events.
    pub fn beside(&self, upcoming_group: u32, take: &mut dyn FnMut(ItemId)) {
        if self.rules.counting.context == Context::OpenGroup {
            if !self.opens_group(upcoming_group) {
                self.open.iter().for_each(|&item| take(item));
            }
            return;
        }
        for back in 0..CONTEXT_EVENTS {
            let Some(item) = self.habits.latest(back) else { break };
            if (0..back).all(|later| self.habits.latest(later) != Some(item)) {
                take(item);
            }
        }
    }

    fn add_own_items(&mut self, opens: bool) {
        let Rules { counting, filter_seen, .. } = &self.rules;
        let excluded = *filter_seen == FilterSeen::All;
        let has_habits = counting.context == Context::OpenGroup && !opens;
        let now = self.groups + u32::from(opens);
        for own in &self.own {
            let groups_ago = now - own.last_group;
            let mut features = [0.0; FEATURES];
            features[RECENCY] = own.recency * power(counting.decay, groups_ago);
            if has_habits && groups_ago > 0 {
                features[HABIT] = self.habits.beside_open(own.latest);
            }
            let cell = bucket(&LAST_STARTS, groups_ago) * REPEAT_COUNTS + bucket(&COUNT_STARTS, own.count);
            self.candidate_slot[own.item as usize] = self.candidates.len() as u32;
            self.candidates.push(Candidate { item: own.item, repeat_cell: Some(cell as u16), features, excluded });
        }
    }

    fn exclude_open_group(&mut self, opens: bool) {
        if self.rules.filter_seen == FilterSeen::Group && !opens {
            for &item in &self.open {
                let slot = self.candidate_slot[item as usize] as usize;
                self.candidates[slot].excluded = true;
            }
        }
    }

    fn add_neighbours(&mut self, opens: bool, neighbours: &Neighbours) {
        let mut place = 0;
        while let Some((item, weight)) = self.context(opens, place) {
            self.add_neighbours_of(item, NEIGHBOURS, weight, neighbours);
            place += 1;
        }
        if let Some(nearest) = self.habits.latest(0).filter(|_| place > 0) {
            self.add_neighbours_of(nearest, NEAREST, 1.0, neighbours);
        }
    }

    /// An item of the context by its place, and how much its neighbours count; `None` past the last.
    fn context(&self, opens: bool, place: usize) -> Option<(ItemId, f32)> {
        match self.rules.counting.context {
            Context::OpenGroup => self.open.get(place).filter(|_| !opens).map(|&item| (item, 1.0)),
            Context::LastEvents => {
                let back = place as u32;
                let item = self.habits.latest(back).filter(|_| back < CONTEXT_EVENTS);
                item.map(|item| (item, 1.0 / (back + 1) as f32))
            }
        }
    }

    /// The items of the context before an event of group `upcoming_group` that have an item among their neighbours, and its share
    /// there.
    pub fn evidence(&self, item: ItemId, upcoming_group: u32, neighbours: &Neighbours) -> Vec<(ItemId, f32)> {
        let opens = self.opens_group(upcoming_group);
        let mut found = Vec::new();
        let mut place = 0;
        while let Some((beside, _)) = self.context(opens, place) {
            for (neighbour, share) in neighbours.row(beside as usize) {
                if neighbour == item {
                    found.push((beside, share));
                }
            }
            place += 1;
        }
        found
    }

    fn add_neighbours_of(&mut self, item: ItemId, feature: usize, weight: f32, neighbours: &Neighbours) {
        for (neighbour, share) in neighbours.row(item as usize) {
            let slot = &mut self.candidate_slot[neighbour as usize];
            if *slot == NO_SLOT {
                *slot = self.candidates.len() as u32;
                let features = [0.0; FEATURES];
                self.candidates.push(Candidate { item: neighbour, repeat_cell: None, features, excluded: false });
            }
            self.candidates[*slot as usize].features[feature] += weight * share;
        }
    }

    /// Own items that came after the latest one before.
    fn add_followers(&mut self) {
        let Self { rules, habits, candidates, candidate_slot, .. } = self;
        if rules.counting.context == Context::LastEvents {
            habits.after_latest(|item, weight| {
                candidates[candidate_slot[item as usize] as usize].features[HABIT] += weight;
            });
        }
    }
}

fn bucket(starts: &[u32], value: u32) -> usize {
    starts.iter().filter(|&&start| value >= start).count()
}

fn power(base: f32, exponent: u32) -> f32 {
    base.powi(exponent.min(i32::MAX as u32) as i32)
}
