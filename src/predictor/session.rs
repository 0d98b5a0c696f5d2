//! The session's events, kept so that a second stream can follow them and an explanation can leave one out.

use crate::engine::{Ops, Stream};
use crate::error::Result;
use crate::event::EncodedEvent;
use std::collections::VecDeque;

/// How many events are kept; a longer session goes on, but forgets the earliest of them.
const KEPT: usize = 10_000;

/// One session's events and the names of its groups.
#[derive(Default)]
pub struct Session {
    /// Which session it is: a reset begins the next.
    number: usize,
    /// Events that are no longer kept.
    forgotten: usize,
    kept: VecDeque<EncodedEvent>,
    group_name: Option<String>,
    group: u32,
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

    /// Keeps an event that was encoded with `group_number(group_name)`.
    pub fn push(&mut self, event: EncodedEvent, group_name: Option<String>) {
        self.group = event.group;
        self.group_name = group_name;
        if self.kept.len() == KEPT {
            self.kept.pop_front();
            self.forgotten += 1;
        }
        self.kept.push_back(event);
    }

    /// How many events the session has had.
    pub fn len(&self) -> usize {
        self.forgotten + self.kept.len()
    }

    /// The place of the first event that is still kept.
    pub fn first_kept(&self) -> usize {
        self.forgotten
    }

    /// The event at a place, the first of the session being 0; `None` when it is no longer kept.
    pub fn event(&self, place: usize) -> Option<&EncodedEvent> {
        self.kept.get(place.checked_sub(self.forgotten)?)
    }

    /// Begins an empty session.
    pub fn reset(&mut self) {
        *self = Self { number: self.number + 1, ..Self::default() };
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

    /// Takes the events before place `until`; false when some that it needs are no longer kept.
    ///
    /// # Errors
    /// What the device says.
    pub fn catch_up(&mut self, session: &Session, until: usize) -> Result<bool> {
        if self.session != session.number {
            self.restart(session, 0)?;
        }
        while self.seen < until {
            let Some(event) = session.event(self.seen) else { return Ok(false) };
            self.stream.observe(event.view())?;
            self.seen += 1;
        }
        Ok(true)
    }

    /// Begins again, with the session's event at place `first` to come next.
    ///
    /// # Errors
    /// What the device says.
    pub fn restart(&mut self, session: &Session, first: usize) -> Result<()> {
        self.stream.reset()?;
        (self.session, self.seen) = (session.number, first);
        Ok(())
    }
}
