//! One session: events in, ranked candidates out, whatever device runs the kernels.

use super::counting::{Candidate, History, Rules};
use super::input::{self, Before, Previous};
use super::knowing;
use super::ops::{Adjustment, Ops, Step, TopK};
use crate::error::{Error, Result};
use crate::event::{EventView, NO_TIME, Upcoming};
use crate::format::{EncoderKind, Model};
use crate::knowledge::{Acting, Knowledge, Limits, Reason};
use crate::schema::FilterSeen;
use crate::vocab::ItemId;
use std::sync::Arc;

/// Excluded items up to so many are searched for.
const FEW: usize = 64;

/// A session on one device.
#[derive(Clone)]
pub struct Stream<O: Ops> {
    model: Arc<Model>,
    ops: O,
    history: History,
    /// Encoder steps taken, the opening one included.
    steps: u64,
    previous_time: Option<i64>,
    input: Vec<f32>,
    rotation: Vec<f32>,
    /// The times of the events in the ring and the buckets of the time since, `[max_len]`; empty but for HSTU.
    times: Vec<i64>,
    buckets: Vec<u32>,
    adjustments: Vec<Adjustment>,
    /// See [`Stream::leave_out`].
    left_out: Option<usize>,
    /// What is known beside the model.
    acting: Option<Acting>,
}

impl<O: Ops> Stream<O> {
    /// Begins a session. `ops` must have been made for the same model.
    ///
    /// # Errors
    /// What the device says to the opening step.
    pub fn new(model: Arc<Model>, ops: O) -> Result<Self> {
        let architecture = &model.metadata.architecture;
        let turned = if architecture.encoder == EncoderKind::Transformer { architecture.head_size() } else { 0 };
        let timed = if architecture.encoder == EncoderKind::Hstu { architecture.max_len } else { 0 };
        let mut stream = Self {
            history: History::new(Rules::of(&model)),
            steps: 0,
            previous_time: None,
            input: vec![0.0; architecture.hidden],
            rotation: vec![0.0; turned],
            times: vec![NO_TIME; timed],
            buckets: vec![0; timed],
            adjustments: Vec::new(),
            left_out: None,
            acting: None,
            ops,
            model,
        };
        stream.reset()?;
        Ok(stream)
    }

    /// Forgets all events.
    ///
    /// # Errors
    /// What the device says to the opening step.
    pub fn reset(&mut self) -> Result<()> {
        self.history.reset();
        self.steps = 0;
        self.previous_time = None;
        self.input.copy_from_slice(&self.model.weights.start);
        self.encode(NO_TIME)
    }

    /// Takes one event: one encoder step, one step of counting. An unknown item's event changes nothing, since a
    /// model is trained on sequences of known items alone.
    ///
    /// # Errors
    /// [`Error::Event`] for an event of another schema; what the device says.
    pub fn observe(&mut self, event: EventView<'_>) -> Result<()> {
        if !event.is_known() {
            return Ok(());
        }
        self.check(event)?;
        let event = EventView { time: self.time(event), ..event };
        let same_group = !self.history.opens_group(event.group);
        let previous = self.previous_time.map(|time| Previous { time, same_group });
        let before = Before { previous, met: self.history.times_met(event.item), left_out: self.left_out };
        input::write(&self.model.weights, event, before, &mut self.input);
        self.encode(event.time)?;
        self.count(event);
        Ok(())
    }

    /// Takes an event as [`Stream::observe`] does, where `later` known ones follow before the next prediction: if the
    /// encoder will not see so far back, it is counted and its step, which could change nothing, saved.
    ///
    /// # Errors
    /// Those of [`Stream::observe`].
    pub fn catch_up(&mut self, event: EventView<'_>, later: usize) -> Result<()> {
        if later < self.model.metadata.architecture.reach() || !event.is_known() {
            return self.observe(event);
        }
        self.check(event)?;
        self.steps += 1;
        self.count(event);
        Ok(())
    }

    /// Whether the event would repeat an item of the open group although a group holds an item once
    /// (`filter_seen = "group"`). Training's logs have no such events.
    pub fn repeats(&self, event: EventView<'_>) -> bool {
        self.model.metadata.schema.filter_seen == FilterSeen::Group && self.history.holds(event)
    }

    fn check(&self, event: EventView<'_>) -> Result<()> {
        let fields = &self.model.weights.fields;
        let own = fields.iter().try_fold(event.fields, |codes, field| codes.get(field.encoding.codes(codes)..));
        if own.is_some_and(<[f32]>::is_empty) {
            Ok(())
        } else {
            Err(Error::Event(format!("{} codes of fields do not fit the model's {}", event.fields.len(), fields.len())))
        }
    }

    fn count(&mut self, event: EventView<'_>) {
        self.history.observe(event);
        self.previous_time = Some(event.time);
    }

    /// From now on events count as without a value of this field, by its place in the schema; the place after the last field leaves
    /// out their times.
    pub fn leave_out(&mut self, field: usize) {
        self.left_out = Some(field);
    }

    fn time(&self, event: EventView<'_>) -> i64 {
        if self.left_out == Some(self.model.metadata.schema.fields.len()) { NO_TIME } else { event.time }
    }

    /// Scores by what is known beside this very model, too, from the next `score` on; `None` means by nothing.
    ///
    /// # Errors
    /// What the device says.
    pub fn know(&mut self, knowledge: Option<&Arc<Knowledge>>) -> Result<()> {
        let known = self.acting.as_ref().map(Acting::knowledge);
        if known.map(Arc::as_ptr) == knowledge.map(Arc::as_ptr) {
            return Ok(());
        }
        self.acting = knowledge.map(|knowledge| Acting::new(knowledge.clone()));
        // The next `score` writes others.
        self.ops.priors(&mut Vec::clear)
    }

    /// Sets the prices that candidates may have, from the next `score` on; where one is left out, what is known says it.
    pub fn limit(&mut self, limits: Limits) {
        if let Some(acting) = &mut self.acting {
            acting.limit(limits);
        }
    }

    /// What known rules and relations do for an item as of the last `score`, which was for this group; and what of it relations do.
    pub fn reasons(&self, item: ItemId, group: u32) -> (Vec<Reason>, f32) {
        let reasons = |acting| knowing::reasons(acting, &self.history, item, group);
        self.acting.as_ref().map(reasons).unwrap_or_default()
    }

    /// Scores all items for the event to come; `exclude` leaves the candidates, unknown and repeated ids are allowed.
    ///
    /// # Errors
    /// What the device says.
    pub fn score(&mut self, upcoming: Upcoming, exclude: &[ItemId]) -> Result<()> {
        self.gather(upcoming);
        self.apply_knowledge(upcoming)?;
        self.ask(upcoming, exclude)
    }

    /// The same by the model alone: [`super::cpu::Cpu::score_with`] tells the scores.
    ///
    /// # Errors
    /// What the device says.
    pub fn score_unknowing(&mut self, upcoming: Upcoming) -> Result<()> {
        self.gather(upcoming);
        self.ask(upcoming, &[])
    }

    /// What counting adds.
    fn gather(&mut self, upcoming: Upcoming) {
        let weights = &self.model.weights;
        let candidates = self.history.candidates(upcoming.group, &weights.neighbours);
        self.adjustments.clear();
        self.adjustments.extend(candidates.iter().map(|candidate| {
            let Candidate { item, repeat_cell, features, excluded } = *candidate;
            let constant = repeat_cell
                .map_or(0.0, |cell| weights.repeat.values[usize::from(cell)] + weights.item_repeat[item as usize]);
            Adjustment { item, excluded, features, constant }
        }));
    }

    fn apply_knowledge(&mut self, upcoming: Upcoming) -> Result<()> {
        let Self { acting: Some(acting), history, ops, adjustments, .. } = self else { return Ok(()) };
        if knowing::apply(acting, history, upcoming.group, adjustments) {
            ops.priors(&mut |priors| acting.write(priors))?;
        }
        Ok(())
    }

    fn ask(&mut self, upcoming: Upcoming, exclude: &[ItemId]) -> Result<()> {
        let items = self.model.vocab.len();
        // Those of a long list are told apart by marks, not by a search among those before.
        let mut marks = vec![false; if exclude.len() > FEW { items } else { 0 }];
        let related = self.adjustments.len();
        for &item in exclude.iter().filter(|&&item| (item as usize) < items) {
            let mut end = self.adjustments.len();
            if let Some(mark) = marks.get_mut(item as usize) {
                if std::mem::replace(mark, true) {
                    continue;
                }
                end = related;
            }
            knowing::adjustment(&self.history, &mut self.adjustments, item, end).excluded = true;
        }
        self.ops.score(self.history.open_size(upcoming.group))?;
        self.ops.adjust(&self.adjustments)
    }

    /// The `k` best candidates for the event to come.
    ///
    /// # Errors
    /// What the device says.
    pub async fn predict(&mut self, upcoming: Upcoming, k: usize, exclude: &[ItemId]) -> Result<TopK> {
        self.score(upcoming, exclude)?;
        self.ops.top_k(k.min(self.model.vocab.len())).await
    }

    /// How often an item, which must be known, was met, and beside what of the context it is found: see [`History::evidence`].
    pub fn evidence(&self, item: ItemId, upcoming: Upcoming) -> (u32, Vec<(ItemId, f32)>) {
        let evidence = self.history.evidence(item, upcoming.group, &self.model.weights.neighbours);
        (self.history.times_met(item), evidence)
    }

    /// How many items are scored.
    pub fn items(&self) -> usize {
        self.model.vocab.len()
    }

    /// The device's buffers.
    pub fn ops(&self) -> &O {
        &self.ops
    }

    /// The device's buffers, to change what `score` left there.
    pub fn ops_mut(&mut self) -> &mut O {
        &mut self.ops
    }

    /// What counting adds, as the last `score` computed it.
    pub fn adjustments(&self) -> &[Adjustment] {
        &self.adjustments
    }

    fn encode(&mut self, time: i64) -> Result<()> {
        let architecture = &self.model.metadata.architecture;
        // Without a ring there is no end to what is remembered.
        let ring = if architecture.encoder.is_recurrent() { u64::MAX } else { architecture.max_len as u64 };
        let slot = (self.steps % ring) as usize;
        if let Some(place) = self.times.get_mut(slot) {
            *place = time;
        }
        for (bucket, &earlier) in self.buckets.iter_mut().zip(&self.times) {
            *bucket = input::time_bucket(earlier, time) as u32;
        }
        input::rotation(self.steps, &mut self.rotation);
        let step = Step {
            input: &self.input,
            rotation: &self.rotation,
            buckets: &self.buckets,
            slot,
            filled: (self.steps + 1).min(ring) as usize,
        };
        self.ops.encode(&step)?;
        self.steps += 1;
        Ok(())
    }
}
