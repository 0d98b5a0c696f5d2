//! The session's events, kept so that a second stream can follow them and an explanation can leave one out.

use crate::engine::{Ops, Stream};
use crate::error::Result;
use crate::event::EncodedEvent;
use crate::schema::Schema;
use std::collections::VecDeque;

/// How many events are kept; a longer session goes on, but forgets the earliest of them.
pub const KEPT: usize = 10_000;

/// One session's events and the names of its groups. Events that changed nothing are counted and not kept.
#[derive(Default)]
pub struct Session {
    /// Which session it is: a reset begins the next.
    number: usize,
    /// Events that the visitor made, those that changed nothing included.
    made: usize,
    /// Events whose item the model does not know.
    pub unknown: usize,
    /// Events without a group's name.
    pub ungrouped: usize,
    /// Events that are no longer kept.
    forgotten: usize,
    kept: VecDeque<Kept>,
    group_name: Option<String>,
    group: u32,
}

struct Kept {
    /// Its place among the events that the visitor made.
    place: usize,
    event: EncodedEvent,
}

impl Session {
    /// The number that a group of this name has if it comes next: a new one unless it is the open group.
    pub fn group_number(&self, name: Option<&str>) -> u32 {
        if name == self.group_name.as_deref() { self.group } else { self.group.wrapping_add(1) }
    }

    /// The open group's number.
    pub fn open_group(&self) -> u32 {
        self.group
    }

    /// Takes over what the fields of an event to come lack and have from the event before.
    pub fn carry(&self, schema: &Schema, event: &mut EncodedEvent) {
        if let Some(before) = self.kept.back() {
            schema.carry(&before.event.fields, &mut event.fields);
        }
    }

    /// Counts an event that changes nothing.
    pub fn pass_over(&mut self, event: &EncodedEvent) {
        self.made += 1;
        self.unknown += usize::from(!event.view().is_known());
    }

    /// Keeps an event that was encoded with `group_number(group_name)`.
    pub fn push(&mut self, event: EncodedEvent, group_name: Option<String>) {
        self.group = event.group;
        self.ungrouped += usize::from(group_name.is_none());
        self.group_name = group_name;
        if self.kept.len() == KEPT {
            self.kept.pop_front();
            self.forgotten += 1;
        }
        self.kept.push_back(Kept { place: self.made, event });
        self.made += 1;
    }

    /// How many events the session has had that changed something: what the other methods count by.
    pub fn len(&self) -> usize {
        self.forgotten + self.kept.len()
    }

    /// The number of the first event that is still kept.
    pub fn first_kept(&self) -> usize {
        self.forgotten
    }

    /// The event of a number, the first being 0, and its place among all that the visitor made; `None` when it is no
    /// longer kept.
    pub fn event(&self, number: usize) -> Option<(usize, &EncodedEvent)> {
        let kept = self.kept.get(number.checked_sub(self.forgotten)?)?;
        Some((kept.place, &kept.event))
    }

    /// Begins an empty session; returns the one that ends.
    pub fn reset(&mut self) -> Self {
        let next = Self { number: self.number + 1, ..Self::default() };
        std::mem::replace(self, next)
    }
}

/// A second stream that follows the session at its own pace.
pub struct Follower<O: Ops> {
    pub stream: Stream<O>,
    session: usize,
    seen: usize,
}

impl<O: Ops> Follower<O> {
    /// Takes a stream at its beginning, for the session from `first` on.
    pub fn new(stream: Stream<O>, session: &Session, first: usize) -> Self {
        Self { stream, session: session.number, seen: first }
    }

    /// How many events it has yet to take.
    pub fn behind(&self, session: &Session) -> usize {
        session.len() - self.seen(session)
    }

    /// Whether all events that it needs to catch up are still kept.
    pub fn can_follow(&self, session: &Session) -> bool {
        self.seen(session) >= session.first_kept()
    }

    fn seen(&self, session: &Session) -> usize {
        if self.session == session.number { self.seen } else { 0 }
    }

    /// Takes the events before number `until`; false when some that it needs are no longer kept, or it has gone past.
    ///
    /// # Errors
    /// What the device says.
    pub fn catch_up(&mut self, session: &Session, until: usize) -> Result<bool> {
        if self.session != session.number {
            self.restart(session, 0)?;
        }
        while self.seen < until {
            let Some((_, event)) = session.event(self.seen) else { return Ok(false) };
            self.seen += 1;
            self.stream.catch_up(event.view(), until - self.seen)?;
        }
        Ok(self.seen == until)
    }

    /// Begins again, with the session's event number `first` to come next.
    ///
    /// # Errors
    /// What the device says.
    pub fn restart(&mut self, session: &Session, first: usize) -> Result<()> {
        self.stream.reset()?;
        (self.session, self.seen) = (session.number, first);
        Ok(())
    }
}
