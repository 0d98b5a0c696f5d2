//! Reads knowledge from JSON. Its twin is pkg/src/knowledge/read.js, which names members where this names lines.

use super::compile::{OUT_OF_STOCK, Rule, Said};
use super::{Knowledge, OUT, Summary};
use crate::error::{Error, Result};
use crate::json::{self, FromJson, Json};
use crate::vocab::{ItemId, Vocab};

/// The version of the form that is read.
const VERSION: f32 = 1.0;

/// The largest boost or strength, above or below 0, in logits.
const LARGEST: f32 = 50.0;

/// How many rules there may be: each is looked at for each prediction.
const MAX_RULES: usize = 1000;

impl Knowledge {
    /// Reads a knowledge file, JSON as `KnowledgeFile` of pkg/knowledge.d.ts describes it, for a model's items. What it says of
    /// items that the model does not know is counted and passed over.
    ///
    /// # Errors
    /// [`Error::Knowledge`] says in which line, what was expected and what stands there.
    pub fn read(text: &str, vocab: &Vocab) -> Result<(Self, Summary)> {
        let mut reader = Reader { vocab, known: vec![false; vocab.len()], said: Said::nothing(vocab.len()) };
        json::read_written(text, wrong, |json| reader.read(json))?;
        reader.said.compile()
    }
}

/// Knowledge is written by people, or by programs of theirs.
fn wrong(json: &Json<'_>, expected: &str) -> Error {
    let (line, near) = json.place();
    Error::Knowledge(format!("line {line}, at `{near}`: expected {expected}; correct it"))
}

struct Reader<'a> {
    vocab: &'a Vocab,
    /// Of which items something was said.
    known: Vec<bool>,
    said: Said,
}

impl Reader<'_> {
    fn read(&mut self, json: &mut Json<'_>) -> Result<()> {
        let mut version = 0.0;
        json.object(&mut |json, key| {
            match key {
                "version" => version = json.number()?,
                "minPrice" => self.said.limits.min = json.number()?,
                "maxPrice" => self.said.limits.max = json.number()?,
                "items" => json.object(&mut |json, item| self.item(json, item))?,
                "categories" => json.object(&mut |json, category| {
                    let is_first = self.said.put_below(category, &String::from_json(json)?);
                    if is_first { Ok(()) } else { Err(json.expected("one category above each")) }
                })?,
                "together" => json.object(&mut |json, item| {
                    let item = self.find(item);
                    json.object(&mut |json, other| self.relation(json, item, other))
                })?,
                "rules" => json.list(&mut |json| self.rule(json))?,
                _ => return Err(json.expected("version, items, categories, together, rules, minPrice or maxPrice")),
            }
            Ok(())
        })?;
        if version == VERSION { Ok(()) } else { Err(json.expected("\"version\": 1, or a newer foreclick")) }
    }

    fn item(&mut self, json: &mut Json<'_>, key: &str) -> Result<()> {
        let item = self.find(key);
        if let Some(item) = item {
            if std::mem::replace(&mut self.known[item as usize], true) {
                return Err(json.expected("each item once"));
            }
            self.said.summary.items += 1;
        }
        json.object(&mut |json, key| {
            match key {
                "stock" | "price" => {
                    let amount = json.number()?;
                    if amount < 0.0 {
                        return Err(json.expected("0 or more"));
                    }
                    match item {
                        Some(item) if key == "price" => self.said.prices[item as usize] = amount,
                        Some(item) if amount == 0.0 => self.said.labels[item as usize].push(OUT_OF_STOCK),
                        _ => {}
                    }
                }
                "category" => self.label_item(json, item, 'c')?,
                "tags" => json.list(&mut |json| self.label_item(json, item, 't'))?,
                _ => return Err(json.expected("stock, price, category or tags")),
            }
            Ok(())
        })
    }

    fn label_item(&mut self, json: &mut Json<'_>, item: Option<ItemId>, kind: char) -> Result<()> {
        let (label, _) = self.said.label(kind, &String::from_json(json)?);
        if let Some(item) = item {
            self.said.labels[item as usize].push(label);
        }
        Ok(())
    }

    fn relation(&mut self, json: &mut Json<'_>, item: Option<ItemId>, other: &str) -> Result<()> {
        let strength = logits(json)?;
        if let (Some(item), Some(other)) = (item, self.find(other)) {
            self.said.together[item as usize].push((other, strength));
        }
        Ok(())
    }

    fn rule(&mut self, json: &mut Json<'_>) -> Result<()> {
        let own = Said::nothing(0).rules.len();
        let mut name = format!("rule {}", 1 + self.said.rules.len() - own);
        let (mut effects, mut concerned, mut causes) = (Vec::new(), Vec::new(), None);
        json.object(&mut |json, key| {
            match key {
                "name" => name = String::from_json(json)?,
                "boost" => effects.push(logits(json)?),
                "never" => effects.extend(bool::from_json(json)?.then_some(OUT)),
                "when" => {
                    let (labels, in_session) = causes.insert((Vec::new(), false));
                    json.object(&mut |json, key| {
                        if key != "within" {
                            return self.name_labels(json, key, labels);
                        }
                        *in_session = match String::from_json(json)?.as_str() {
                            "session" => true,
                            "group" => false,
                            _ => return Err(json.expected("session or group")),
                        };
                        Ok(())
                    })?;
                }
                _ => self.name_labels(json, key, &mut concerned)?,
            }
            Ok(())
        })?;
        let &[effect] = &effects[..] else {
            return Err(json.expected("either a boost or \"never\": true in a rule"));
        };
        if concerned.is_empty() || causes.as_ref().is_some_and(|(labels, _)| labels.is_empty()) {
            return Err(json.expected("some items, categories or tags in a rule and in its \"when\""));
        }
        if self.said.rules.len() == own + MAX_RULES {
            return Err(json.expected("at most 1000 rules"));
        }
        self.said.rules.push(Rule { name, effect, concerned, causes });
        Ok(())
    }

    /// Reads one of the lists of names of what a rule concerns or what causes it.
    fn name_labels(&mut self, json: &mut Json<'_>, key: &str, labels: &mut Vec<usize>) -> Result<()> {
        let kind = match key {
            "items" => 'i',
            "categories" => 'c',
            "tags" => 't',
            _ => return Err(json.expected("items, categories, tags, name, boost, never or when; in when: within")),
        };
        json.list(&mut |json| {
            let name = String::from_json(json)?;
            let (label, is_new) = self.said.label(kind, &name);
            // An item has a label of its own once it is named.
            let item = if kind == 'i' && is_new { self.find(&name) } else { None };
            if let Some(item) = item {
                self.said.labels[item as usize].push(label);
            }
            labels.push(label);
            Ok(())
        })
    }

    /// An item's number; one that the model does not know is counted.
    fn find(&mut self, key: &str) -> Option<ItemId> {
        let item = self.vocab.id(key);
        if item.is_none() {
            let summary = &mut self.said.summary;
            summary.unknown_items += 1;
            summary.first_unknown_item.get_or_insert_with(|| key.to_owned());
        }
        item
    }
}

fn logits(json: &mut Json<'_>) -> Result<f32> {
    let logits = json.number()?;
    if logits.abs() <= LARGEST { Ok(logits) } else { Err(json.expected("-50 to 50 logits")) }
}
