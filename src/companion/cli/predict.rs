//! `foreclick predict`.

use super::print;
use crate::engine::Stream;
use crate::engine::cpu::{Cpu, Simd};
use crate::event::{Event, Upcoming};
use crate::format::Model;
use anyhow::{Context, Result};
use clap::Args;
use serde::Deserialize;
use serde_json::json;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Rank the next items for sessions read as JSON Lines.
///
/// Each line is `{"events": [{"item": "...", "time": ms, "group": "...", "fields": {...}}, ...]}`, with `"group"`
/// beside `"events"` where the next event's group is known to be another. Each line of output is
/// `{"items": [{"item", "score", "probability"}, ...]}`.
#[derive(Debug, Args)]
pub struct Predict {
    /// The model file
    model: PathBuf,
    /// The sessions; `-` is standard input
    #[arg(default_value = "-")]
    sessions: PathBuf,
    /// How many items to rank
    #[arg(long, default_value_t = 10)]
    k: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Session {
    events: Vec<Event>,
    #[serde(default)]
    group: Option<String>,
}

impl Predict {
    pub fn run(self) -> Result<ExitCode> {
        let bytes = std::fs::read(&self.model).with_context(|| format!("can't read {}", self.model.display()))?;
        let model = Arc::new(Model::from_bytes(&bytes).with_context(|| self.model.display().to_string())?);
        let input: Box<dyn BufRead> = if self.sessions.as_os_str() == "-" {
            Box::new(std::io::stdin().lock())
        } else {
            let file = File::open(&self.sessions).with_context(|| format!("can't read {}", self.sessions.display()))?;
            Box::new(BufReader::new(file))
        };
        let mut stream = Stream::new(model.clone(), Cpu::<Simd>::new(model.clone()))?;
        for (number, line) in input.lines().enumerate() {
            let place = || format!("{}, line {}", self.sessions.display(), number + 1);
            let line = line.with_context(place)?;
            if line.trim().is_empty() {
                continue;
            }
            let session: Session = serde_json::from_str(&line).with_context(place)?;
            print(&rank(&model, &mut stream, &session, self.k).with_context(place)?)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn rank(model: &Model, stream: &mut Stream<Cpu<Simd>>, session: &Session, k: usize) -> Result<String> {
    stream.reset()?;
    let mut group = 0;
    let mut name: &Option<String> = &None;
    for event in &session.events {
        if event.group != *name {
            group += 1;
            name = &event.group;
        }
        stream.observe(event.encode(&model.metadata.schema, &model.vocab, group)?.view())?;
    }
    if session.group.is_some() && session.group != *name {
        group += 1;
    }
    let top = pollster::block_on(stream.predict(Upcoming { group }, k, &[]))?;
    let items = top.ranked.iter().map(|&(item, score)| {
        json!({
            "item": model.vocab.key(item),
            "score": score,
            "probability": (score - top.log_sum_exp).exp(),
        })
    });
    Ok(json!({ "items": items.collect::<Vec<_>>() }).to_string())
}
