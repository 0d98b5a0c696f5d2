//! Sessions whose events are there already: offline scoring of many, or a visitor's history.

use super::Predictor;
use super::session::KEPT;
use crate::engine::Ops;
use crate::error::Result;
use crate::event::Event;

/// The most events of a session that may be counted first and encoded afterwards.
pub const MAX_COUNTED: usize = KEPT;

impl<G: Ops> Predictor<G> {
    /// Another session with the same model and knowledge, empty, on the CPU.
    ///
    /// # Errors
    /// None in practice; the CPU's kernels share a signature with the GPU's.
    pub fn fork(&self) -> Result<Self> {
        let mut fork = Self::new(self.model.clone(), self.bytes, "the CPU answers for many sessions")?;
        fork.set_knowledge(self.knowledge.clone())?;
        Ok(fork)
    }

    /// Forgets all events and takes these: what observing each of them would give, for less, since the encoder takes
    /// only those that it still sees at the end.
    ///
    /// # Errors
    /// Those of [`Event::encode`]; an empty session, or a new `restore`, is needed then.
    pub fn restore(&mut self, events: Vec<Event>) -> Result<()> {
        self.reset()?;
        if events.len() > MAX_COUNTED {
            return events.into_iter().try_for_each(|event| self.observe(event));
        }
        events.into_iter().try_for_each(|event| self.count(event))?;
        self.encode_counted()
    }

    /// Takes an event as [`Predictor::observe`] does, but for the encoder: [`Predictor::encode_counted`] must follow
    /// before the next prediction. For the first [`MAX_COUNTED`] events of a session.
    ///
    /// # Errors
    /// Those of [`Event::encode`].
    pub fn count(&mut self, event: Event) -> Result<()> {
        self.take(event, usize::MAX)
    }

    /// Encodes the session's events: only now it is known how many follow each.
    ///
    /// # Errors
    /// None in practice.
    pub fn encode_counted(&mut self) -> Result<()> {
        self.cpu.reset()?;
        let end = self.session.len();
        for number in 0..end {
            if let Some((_, event)) = self.session.event(number) {
                self.cpu.catch_up(event.view(), end - 1 - number)?;
            }
        }
        Ok(())
    }
}
