//! Tries a second device: does it compute what the CPU computes, and how long do both take?

use crate::engine::cpu::{Cpu, Simd};
use crate::engine::{Ops, Stream, TopK};
use crate::error::{Error, Result};
use crate::event::{EncodedEvent, NO_TIME, Upcoming};
use crate::format::{FieldWeights, Model};
use crate::schema::Encoding;
use crate::vocab::{ItemId, UNKNOWN_ITEM};
use std::sync::Arc;

/// How far a score may be off; relative where it is above 1.
const TOLERANCE: f32 = 1e-3;
const SESSIONS: u32 = 3;
/// Events of a session but the last, which fills the encoder's ring and begins it anew; the groups are of four.
const EVENTS: usize = 14;
/// How many of the best are excluded when it is asked again.
const EXCLUDED: usize = 3;
const K: usize = 10;
/// How many it is asked for then: more than a software GPU has threads that pick them.
const MANY: usize = 40;
/// Predictions timed: several, since a browser's clock may only tell milliseconds.
const ROUNDS: u32 = 8;

/// A clock in milliseconds from any start.
pub type Clock = fn() -> f64;

/// A device that computes what the CPU computes.
pub struct Trial<G: Ops> {
    pub(super) stream: Stream<G>,
    pub(super) times: Times,
}

/// Milliseconds for one event and one prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Times {
    /// On the CPU.
    pub cpu: f64,
    /// On the GPU, the way there and back included.
    pub gpu: f64,
}

/// Runs made-up sessions on the device and on the CPU, compares them, and times both. Where the device has several ways
/// to score, each is tried, and the fastest stays.
///
/// # Errors
/// [`Error::Gpu`] when the device fails or, in any way to score, its best differ from the CPU's by more than a
/// thousandth.
pub async fn run<G: Ops>(model: Arc<Model>, device: G, clock: Clock) -> Result<Trial<G>> {
    let mut cpu = Stream::new(model.clone(), Cpu::<Simd>::new(model.clone()))?;
    let mut stream = Stream::new(model.clone(), device)?;
    let longest = EVENTS.max(model.metadata.architecture.max_len + 3);
    let lengths = (0..SESSIONS).map(|session| (session, if session + 1 < SESSIONS { EVENTS } else { longest }));
    let sessions: Vec<_> = lengths.map(|(session, events)| made_up(&model, session, events)).collect();
    let (mut fastest, mut gpu) = (0, f64::INFINITY);
    for variant in 0..stream.ops().variants() {
        stream.ops_mut().choose(variant);
        // The ways differ in how they score alone.
        for events in sessions.iter().filter(|events| variant == 0 || events.len() == EVENTS) {
            let expected = play(&mut cpu, events, None).await?;
            let best: Vec<_> =
                expected.iter().flat_map(|top| &top.ranked).map(|&(item, _)| item).take(EXCLUDED).collect();
            let got = play(&mut stream, events, Some(&best)).await?;
            for ((round, expected), got) in expected.iter().enumerate().zip(&got) {
                compare(expected, got, cpu.items())
                    .map_err(|what| Error::Gpu(format!("the GPU's prediction {round} is wrong: {what}")))?;
            }
        }
        let time = time(&mut stream, &sessions[0], clock).await?;
        if time < gpu {
            (fastest, gpu) = (variant, time);
        }
    }
    stream.ops_mut().choose(fastest);
    let times = Times { cpu: time(&mut cpu, &sessions[0], clock).await?, gpu };
    Ok(Trial { stream, times })
}

/// One session from its beginning. First all events but the last at once, as a history is restored; what is predicted
/// for a new group. Then the last alone, as a page has it, which devices may run otherwise; what is predicted inside its
/// group, with something added to each score, some items out, and without the items `excluded`, or else the best of before.
async fn play<O: Ops>(
    stream: &mut Stream<O>,
    events: &[EncodedEvent],
    excluded: Option<&[ItemId]>,
) -> Result<Vec<TopK>> {
    stream.reset()?;
    let Some((last, earlier)) = events.split_last() else { return Ok(Vec::new()) };
    for event in earlier {
        stream.observe(event.view())?;
    }
    let first = stream.predict(Upcoming { group: last.group + 1 }, K, &[]).await?;
    stream.observe(last.view())?;
    let upcoming = Upcoming { group: last.group };
    let best: Vec<_> = first.ranked.iter().map(|&(item, _)| item).take(EXCLUDED).collect();
    let items = stream.items() as u32;
    stream.ops_mut().priors(&mut |priors| {
        priors.clear();
        priors.extend((0..items).map(|item| if item % 7 == 3 { f32::NEG_INFINITY } else { (item % 5) as f32 }));
    })?;
    let second = stream.predict(upcoming, MANY, excluded.unwrap_or(&best)).await?;
    stream.ops_mut().priors(&mut Vec::clear)?;
    Ok(vec![first, second])
}

/// Rank by rank. Two items whose scores are as good as equal may have changed places.
fn compare(expected: &TopK, got: &TopK, items: usize) -> Result<(), String> {
    if expected.ranked.len() != got.ranked.len() {
        return Err(format!("{} of {items} items ranked, expected {}", got.ranked.len(), expected.ranked.len()));
    }
    let close = |a: f32, b: f32| (a - b).abs() <= TOLERANCE * a.abs().max(1.0);
    // Both are minus infinity where there is no candidate.
    if expected.log_sum_exp != got.log_sum_exp && !close(expected.log_sum_exp, got.log_sum_exp) {
        return Err("the sum over all candidates".into());
    }
    for (rank, (&(item, score), &(got_item, got_score))) in expected.ranked.iter().zip(&got.ranked).enumerate() {
        // Whoever stands here instead must have had this score on the CPU too, or have been just outside the list.
        let there = expected.ranked.iter().find(|&&(other, _)| other == got_item);
        let last = expected.ranked.last().map_or(score, |&(_, last)| last);
        let own_score = there.map_or(last, |&(_, score)| score);
        if !(close(score, got_score) && (item == got_item || close(own_score, got_score))) {
            return Err(format!("item {got_item} at rank {}, expected item {item} or another score", rank + 1));
        }
    }
    Ok(())
}

async fn time<O: Ops>(stream: &mut Stream<O>, events: &[EncodedEvent], clock: Clock) -> Result<f64> {
    stream.reset()?;
    let start = clock();
    for round in 0..ROUNDS {
        let event = &events[round as usize % events.len()];
        stream.observe(event.view())?;
        stream.predict(Upcoming { group: event.group }, K, &[]).await?;
    }
    Ok((clock() - start) / f64::from(ROUNDS))
}

/// A session with repeated and never-met items, groups, times, and all kinds of field values.
fn made_up(model: &Model, session: u32, events: usize) -> Vec<EncodedEvent> {
    let items = model.vocab.len() as u32;
    (0..events as u32)
        .map(|place| {
            // Every fifth event repeats the one two before it.
            let source = if place % 5 == 4 { place - 2 } else { place };
            let number = scramble(session * EVENTS as u32 + source);
            let mut fields = Vec::new();
            model.weights.fields.iter().for_each(|field| made_up_codes(field, scramble(number), &mut fields));
            EncodedEvent {
                item: number.checked_rem(items).unwrap_or(UNKNOWN_ITEM),
                time: if place % 6 == 5 { NO_TIME } else { i64::from(session * EVENTS as u32 + place) * 7_000_000 },
                group: place / 4,
                fields,
            }
        })
        .collect()
}

fn made_up_codes(field: &FieldWeights, number: u32, codes: &mut Vec<f32>) {
    let row = |number: u32| (number as usize % field.rows.rows().max(1)) as f32;
    let value = |number: u32| number as f32 / u32::MAX as f32 * 4.0 - 2.0;
    let is_missing = number.is_multiple_of(5);
    match field.encoding {
        Encoding::Category => codes.push(row(number)),
        Encoding::Number(_) => codes.push(if is_missing { f32::NAN } else { value(number) }),
        Encoding::Text => {
            codes.push((number % 9) as f32);
            (0..number % 9).for_each(|word| codes.push(row(scramble(number ^ word))));
        }
        Encoding::Vector(size) => (0..size as u32)
            .for_each(|place| codes.push(if is_missing { f32::NAN } else { value(scramble(number ^ place)) })),
    }
}

/// Numbers without a pattern: the finaliser of MurmurHash3.
fn scramble(number: u32) -> u32 {
    let mut x = number.wrapping_add(0x9e37_79b9);
    x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}
