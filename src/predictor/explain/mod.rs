//! Why an item is predicted, or a task answered so: what each event did for it, and what an item's score is made of.
//!
//! Each event is left out in turn and the session replayed without it: exact, and a counterfactual that can be said
//! in words ("without the shoes, socks would be half as likely").

mod effects;

pub use effects::{Effects, effects, fields_of};

use super::personal::score;
use super::question::Question;
use super::session::Follower;
use super::{CpuStream, Predictor};
use crate::engine::counting::{HABIT, NEAREST, NEIGHBOURS, RECENCY, TOGETHER};
use crate::engine::cpu::Cpu;
use crate::engine::personal::Personal;
use crate::engine::{Adjustment, Ops, Stream};
use crate::error::{Error, Result};
use crate::event::Upcoming;
use crate::format::FEATURES;
use crate::knowledge::Reason;
use crate::schema::{Head, HeadKind};
use crate::vocab::ItemId;

/// The most events that are left out in turn.
pub const MAX_EVENTS: usize = 32;

/// What an explanation is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainOptions {
    /// How many of the latest events are left out in turn, at most [`MAX_EVENTS`].
    pub events: usize,
    /// As in [`super::PredictOptions`].
    pub exclude: Vec<String>,
    /// As in [`super::PredictOptions`].
    pub group: Option<String>,
}

impl Default for ExplainOptions {
    fn default() -> Self {
        Self { events: MAX_EVENTS, exclude: Vec::new(), group: None }
    }
}

/// Why an item has its score.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The item's key.
    pub item: String,
    /// Its score: the sum of `terms`.
    pub score: f32,
    /// Its share of the softmax over all candidates.
    pub probability: f32,
    /// What the score is made of.
    pub terms: Terms,
    /// How often the visitor met it in this session.
    pub met: u32,
    /// Items of the context (of the open group or, where there are no groups, of the last ten events) beside which it is found, by
    /// key, and its share among their neighbours: see [`crate::format::Neighbours`].
    pub evidence: Vec<(String, f32)>,
    /// The known rules and relations that act on it; their effects add up to the term `knowledge`.
    pub rules: Vec<Reason>,
    /// The latest events and what each did, oldest first; those that changed nothing are left out. Effects are differences of
    /// the probability's logarithm.
    pub events: Vec<Effect>,
    /// What these events tell beside their items, by [`fields_of`], and what that did: the number with all values minus it with none
    /// of this field.
    pub fields: Vec<(String, f32)>,
}

/// Why a task has its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskExplanation {
    /// The task's name.
    pub task: String,
    /// Its answer as the number that effects are differences of: of yes or of the class that is named the logarithm of its odds, of a
    /// number itself, in the log's own unit.
    pub value: f32,
    /// As in [`Explanation`].
    pub events: Vec<Effect>,
    /// As in [`Explanation`].
    pub fields: Vec<(String, f32)>,
}

/// A score's parts, in logits: a difference of 0.69 doubles the odds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// What the encoder reads from the sequence: query times the item's row.
    pub taste: f32,
    /// How much everyone takes it.
    pub popularity: f32,
    /// When and how often this visitor took it.
    pub repetition: f32,
    /// What is often found beside the items in the context.
    pub neighbours: f32,
    /// What this visitor took before in moments like this one.
    pub habit: f32,
    /// What was learned of this visitor, where it is used; 0 elsewhere.
    pub personal: f32,
    /// What rules and relations beside the model give it.
    pub knowledge: f32,
}

/// What one event did.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// Which of the events that were observed in this session it is; the first is 0.
    pub place: usize,
    /// The event's item.
    pub item: String,
    /// The number with all events minus it without this one: above 0 where the event speaks for it.
    pub effect: f32,
}

/// [`Effects`] under the page's names.
struct Explained {
    stream: CpuStream,
    with: f32,
    events: Vec<Effect>,
    fields: Vec<(String, f32)>,
}

impl<G: Ops> Predictor<G> {
    /// Explains the item's score as the next event's item. One that a rule takes out of the candidates has the score minus infinity;
    /// no event could change that, so that none is told of.
    ///
    /// A session of more than 10,000 events is explained from its last 10,000.
    ///
    /// # Errors
    /// [`Error::Argument`] for an unknown item, one that is no candidate now, or too many events.
    pub fn explain(&mut self, item: &str, options: &ExplainOptions) -> Result<Explanation> {
        let ExplainOptions { events, exclude, group } = options;
        if !self.model.metadata.schema.predicts_items() {
            return Err(Error::Argument("the model predicts no items that could be explained".into()));
        }
        let id = self.model.vocab.id(item).ok_or_else(|| {
            Error::Argument(format!("the model does not know item \"{item}\"; explain one that was predicted"))
        })?;
        let question = self.question(self.model.vocab.len(), exclude, group.as_deref());
        let explained =
            self.explained(*events, &|this, stream| log_probability(stream, &question, this.personal_in_use(), id))?;
        let Explained { stream, with, mut events, mut fields } = explained;
        let (rules, related) = stream.reasons(id, question.group);
        let knowledge = rules.iter().map(|rule| rule.effect).sum();
        if with == f32::NEG_INFINITY {
            if knowledge > f32::NEG_INFINITY {
                return Err(Error::Argument(format!(
                    "item \"{item}\" is no candidate now: it was excluded, or the visitor has it already"
                )));
            }
            // No event could change that.
            events.clear();
            fields.clear();
        }
        let (met, found) = stream.evidence(id, Upcoming { group: question.group });
        let mut evidence = Vec::new();
        for (item, share) in found {
            evidence.push((self.model.vocab.key(item).unwrap_or_default(), share));
        }
        Ok(Explanation {
            item: item.to_owned(),
            score: stream.ops().score_of(id),
            probability: with.exp(),
            terms: self.terms(&stream, id, knowledge, related),
            met,
            evidence,
            rules,
            events,
            fields,
        })
    }

    /// Explains the answer to a task, after the latest event. `exclude` and `group` of the options change nothing.
    ///
    /// # Errors
    /// [`Error::Argument`] for an unknown task, or too many events.
    pub fn explain_task(&mut self, task: &str, options: &ExplainOptions) -> Result<TaskExplanation> {
        let model = self.model.clone();
        let heads = &model.metadata.schema.heads;
        let place = heads.iter().position(|head| head.name == task);
        let place = place.ok_or_else(|| Error::Argument("the model has no task of that name".into()))?;
        let class = heads[place].class(&self.cpu.ops_mut().head(place));
        let measure = |stream: &mut CpuStream| in_own_unit(&heads[place], &stream.ops_mut().head(place), class);
        let explained = self.explained(options.events, &|_, stream| Ok(measure(stream)))?;
        let Explained { stream: _, with, events, fields } = explained;
        Ok(TaskExplanation { task: task.to_owned(), value: with, events, fields })
    }

    /// A stream that has taken the events before one.
    pub(super) fn stream_before(&mut self, number: usize) -> Result<CpuStream> {
        let first = self.session.first_kept();
        let follower = match &mut self.explainer {
            Some(follower) => follower,
            empty => {
                let stream = Stream::new(self.model.clone(), Cpu::new(self.model.clone()))?;
                empty.insert(Follower::new(stream, &self.session, first))
            }
        };
        // It stays behind for good, so that the next explanation finds it before all the events that it leaves out.
        let behind = self.session.len().saturating_sub(MAX_EVENTS).max(first).min(number);
        if !follower.catch_up(&self.session, behind)? {
            follower.restart(&self.session, first)?;
            follower.catch_up(&self.session, behind)?;
        }
        follower.stream.know(self.knowledge.as_ref())?;
        let mut stream = follower.stream.clone();
        for between in behind..number {
            self.replay(&mut stream, between)?;
        }
        Ok(stream)
    }

    fn replay(&self, stream: &mut CpuStream, number: usize) -> Result<()> {
        self.session.event(number).map_or(Ok(()), |(_, event)| stream.observe(event.view()))
    }

    /// What so many of the latest events, and their fields, do for a number.
    fn explained(
        &mut self,
        events: usize,
        measure: &dyn Fn(&Self, &mut CpuStream) -> Result<f32>,
    ) -> Result<Explained> {
        if events > MAX_EVENTS {
            return Err(Error::Argument(format!("{events} events, expected at most {MAX_EVENTS}")));
        }
        let end = self.session.len();
        let first = end.saturating_sub(events).max(self.session.first_kept());
        let before = self.stream_before(first)?;
        let schema = &self.model.metadata.schema;
        let mut latest = Vec::new();
        for number in first..end {
            latest.extend(self.session.event(number).map(|(_, event)| event.view()));
        }
        let Effects { stream, with, effects } = effects(before, schema, &latest, &|stream| measure(self, stream))?;
        let mut explained = Explained { stream, with, events: Vec::new(), fields: Vec::new() };
        let mut effects = effects.into_iter();
        for (field, effect) in fields_of(schema).zip(&mut effects) {
            explained.fields.push((field.to_owned(), effect));
        }
        for (number, effect) in (first..end).zip(effects) {
            if let Some((place, event)) = self.session.event(number) {
                let item = self.model.vocab.key(event.item).unwrap_or_default();
                explained.events.push(Effect { place, item, effect });
            }
        }
        Ok(explained)
    }

    /// `knowledge` is what rules and relations give it, `related` what of it relations do.
    fn terms(&self, stream: &CpuStream, item: ItemId, knowledge: f32, related: f32) -> Terms {
        let weights = &self.model.weights;
        let (query, &[popularity_gate, ref gates @ ..]) = stream.ops().state();
        let mut row = vec![0.0; query.len()];
        weights.items.copy_row(item as usize, &mut row);
        let none = Adjustment { item, excluded: false, features: [0.0; FEATURES], constant: 0.0 };
        let adjustment = stream.adjustments().iter().find(|adjustment| adjustment.item == item).unwrap_or(&none);
        let gated = |feature: usize| gates[feature] * adjustment.features[feature];
        // Both are `ln(1 + sum / epsilon)` with one epsilon.
        let sum = |feature: usize| f64::from(adjustment.features[feature]).exp() - 1.0;
        let neighbours =
            if sum(TOGETHER) > 0.0 { (sum(NEIGHBOURS) / sum(TOGETHER)) as f32 * gated(TOGETHER) } else { 0.0 };
        Terms {
            taste: query.iter().zip(&row).map(|(a, b)| a * b).sum(),
            popularity: popularity_gate * weights.item_bias[item as usize],
            // Relations are part of the constant.
            repetition: gated(RECENCY) + gated(TOGETHER) - neighbours + adjustment.constant - related,
            neighbours: gated(NEIGHBOURS) + gated(NEAREST) + neighbours,
            habit: gated(HABIT),
            personal: self.personal_in_use().map_or(0.0, |personal| personal.term(adjustment, &personal.moves(query))),
            knowledge,
        }
    }
}

fn log_probability(
    stream: &mut CpuStream,
    question: &Question,
    personal: Option<&Personal>,
    item: ItemId,
) -> Result<f32> {
    score(stream, question, personal)?;
    let scores = stream.ops_mut();
    Ok(scores.score_of(item) - scores.rank(0, None).log_sum_exp)
}

/// A head's outputs, `[outputs]`, as one number: the log odds of yes or of the class, or the number in the log's own unit.
fn in_own_unit(head: &Head, outputs: &[f32], class: usize) -> f32 {
    match head.kind {
        HeadKind::Binary { .. } => outputs[0],
        HeadKind::Number { mean, std } => mean + std * outputs[0],
        HeadKind::Classes { .. } => {
            let mut others = 0.0;
            for (place, &output) in outputs.iter().enumerate() {
                if place != class {
                    others += (output - outputs[class]).exp();
                }
            }
            -f32::max(others, f32::MIN_POSITIVE).ln()
        }
    }
}
