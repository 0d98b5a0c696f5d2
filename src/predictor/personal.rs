//! Learning from this visitor's own events, and handing out what was learned so that the page can keep it.

use super::question::Question;
use super::{CpuStream, Predictor};
use crate::engine::Ops;
use crate::engine::personal::{LARGEST, Learned, MAX_OWN_ITEMS, Personal};
use crate::error::{Error, Result};
use crate::event::{Event, Upcoming};
use crate::vocab::ItemId;

impl<G: Ops> Predictor<G> {
    /// Learns from the event that the visitor makes next, before it is observed; returns its item's id, which
    /// [`Predictor::learned`] tells it by. An event that would change nothing teaches nothing, nor one whose item was no candidate,
    /// nor any where the model predicts no items.
    ///
    /// # Errors
    /// Those of [`Event::encode`].
    pub fn learn(&mut self, event: &Event) -> Result<ItemId> {
        let group = self.session.group_number(event.group.as_deref());
        let event = event.encode(&self.model.metadata.schema, &self.model.vocab, group)?;
        let changes = event.view().is_known() && !self.cpu.repeats(event.view());
        if changes && self.model.metadata.schema.predicts_items() {
            let personal = self.personal.get_or_insert_with(|| Personal::new(self.model.clone()));
            if let Some(lesson) = personal.lesson(&mut self.cpu, event.view())? {
                personal.take(&lesson);
            }
        }
        Ok(event.item)
    }

    /// What was learned so far, as words of four bytes, the lowest first: how many numbers come before the items, these as floats
    /// ([`Learned::record`] and [`Learned::numbers`]), then of each item its id and its offset, a float. Of a visitor of whom nothing
    /// was learned what is begun with.
    pub fn learned(&self) -> Vec<u8> {
        let begun;
        let personal = match &self.personal {
            Some(personal) => personal,
            None => {
                begun = Personal::new(self.model.clone());
                &begun
            }
        };
        let Learned { record, numbers, items } = personal.learned();
        let mut words = vec![(record.len() + numbers.len()) as u32];
        words.extend_from_slice(bytemuck::cast_slice(record));
        words.extend_from_slice(bytemuck::cast_slice(numbers));
        for &(item, offset) in items {
            words.extend_from_slice(&[item, offset.to_bits()]);
        }
        bytemuck::cast_slice(&words).to_vec()
    }

    /// Goes on from what was learned before by this very model, as [`Predictor::learned`] tells it.
    ///
    /// # Errors
    /// [`Error::Argument`] for what this model can't have learned; nothing changes then.
    pub fn recall(&mut self, bytes: &[u8]) -> Result<()> {
        let mut personal = Personal::new(self.model.clone());
        let mut learned = personal.learned().clone();
        let words: Vec<u32> = bytemuck::pod_collect_to_vec(bytes);
        let count = learned.record.len() + learned.numbers.len();
        let room = count + 1..=count + 1 + 2 * MAX_OWN_ITEMS;
        // Words of four bytes, of an item two.
        let is_whole = bytes.len() == 4 * words.len() && words.len() % 2 == (count + 1) % 2;
        let mut is_right = is_whole && room.contains(&words.len()) && words[0] as usize == count;
        if is_right {
            let mut number = |word: u32| {
                let number = f32::from_bits(word);
                // Comparing so refuses NaN too.
                is_right &= number.abs() <= LARGEST;
                number
            };
            let (record, rest) = words[1..].split_at(learned.record.len());
            let (numbers, items) = rest.split_at(learned.numbers.len());
            for (place, &word) in learned.numbers.iter_mut().zip(numbers) {
                *place = number(word);
            }
            for pair in items.chunks_exact(2) {
                learned.add(pair[0], number(pair[1]));
            }
            learned.record = [f32::from_bits(record[0]), f32::from_bits(record[1])];
            is_right &= learned.record.iter().all(|number| number.is_finite());
        }
        if !is_right {
            let what = "this model did not learn what is to be recalled, or it is damaged; forget it";
            return Err(Error::Argument(what.into()));
        }
        personal.recall(learned);
        self.personal = Some(personal);
        Ok(())
    }

    /// What was learned, where it is used now.
    pub(super) fn personal_in_use(&self) -> Option<&Personal> {
        self.personal.as_ref().filter(|personal| personal.is_used())
    }
}

/// Scores all items for a question, with what is known beside the model and what was learned of the visitor.
pub fn score(stream: &mut CpuStream, question: &Question, personal: Option<&Personal>) -> Result<()> {
    let Question { group, exclude, limits, .. } = question;
    stream.limit(*limits);
    stream.score(Upcoming { group: *group }, exclude)?;
    personal.map_or(Ok(()), |personal| personal.apply(stream))
}
