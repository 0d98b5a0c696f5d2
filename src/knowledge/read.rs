//! Reads knowledge from JSON, straight into a model's own numbers.

use super::lists::Lists;
use super::names::Names;
use super::{Knowledge, Limits, NONE, OUT, Rule, Summary, When};
use crate::error::{Error, Result};
use crate::json::{self, Json, read_name, read_object};
use crate::vocab::{ItemId, Vocab};

/// The version of the form that is read.
const VERSION: u32 = 1;

/// The largest boost or strength, above or below 0, in logits.
const LARGEST: f32 = 50.0;

/// How many rules there may be: each is looked at for each event.
const MAX_RULES: usize = 1000;

/// How deep the tree of categories may be.
const MAX_LEVELS: usize = 32;

/// The label of what is out of stock.
const OUT_OF_STOCK: &str = "out of stock";

/// What is known of an item.
struct Facts {
    stock: Option<f32>,
    price: Option<f32>,
    category: Option<String>,
    tags: Option<Vec<String>>,
}

read_object!(Facts {} or { stock: None, price: None, category: None, tags: None });

/// A rule as it is written.
struct Written {
    name: Option<String>,
    items: Vec<String>,
    categories: Vec<String>,
    tags: Vec<String>,
    boost: Option<f32>,
    never: Option<bool>,
    when: Option<Cause>,
}

read_object!(Written {} or {
    name: None, items: Vec::new(), categories: Vec::new(), tags: Vec::new(), boost: None, never: None, when: None
});

/// What must be there for a rule to act.
struct Cause {
    items: Vec<String>,
    categories: Vec<String>,
    tags: Vec<String>,
    within: When,
}

read_object!(Cause {} or { items: Vec::new(), categories: Vec::new(), tags: Vec::new(), within: When::Group });

read_name!(When { "session" => Session, "group" => Group });

impl Knowledge {
    /// Reads a knowledge file, JSON as `Knowledge` of pkg/knowledge.d.ts describes it, for a model's items. What it says of items
    /// that the model does not know is counted and passed over.
    ///
    /// # Errors
    /// [`Error::Knowledge`] says in which line, what was expected and what stands there.
    pub fn read(text: &str, vocab: &Vocab) -> Result<Self> {
        let mut reader = Reader {
            vocab,
            names: Names::default(),
            known: vec![false; vocab.len()],
            labels: Vec::new(),
            parents: Vec::new(),
            rules: Vec::new(),
            concerning: Vec::new(),
            causing: Vec::new(),
            together: Vec::new(),
            prices: Vec::new(),
            limits: Limits::default(),
            summary: Summary::default(),
        };
        // Before any other, so that a shop's own rules are called by their place.
        let label = reader.label("", OUT_OF_STOCK);
        reader.concerning.push((label, 0));
        reader.rules.push(Rule { name: OUT_OF_STOCK.to_owned(), effect: OUT, when: When::Always });
        json::read_written(text, wrong, |json| reader.read(json))?;
        reader.finish()
    }
}

/// Knowledge is written by people, or by programs of theirs.
fn wrong(json: &Json<'_>, expected: &str) -> Error {
    let (line, near) = json.place();
    Error::Knowledge(format!("line {line}, at `{near}`: expected {expected}; correct it"))
}

struct Reader<'a> {
    vocab: &'a Vocab,
    /// The labels' names, each behind a letter for its kind.
    names: Names,
    /// Of which items something was said.
    known: Vec<bool>,
    labels: Vec<(ItemId, u32)>,
    parents: Vec<u32>,
    rules: Vec<Rule>,
    concerning: Vec<(u32, u32)>,
    causing: Vec<(u32, u32)>,
    together: Vec<(ItemId, (ItemId, f32))>,
    prices: Vec<f32>,
    limits: Limits,
    summary: Summary,
}

impl Reader<'_> {
    fn read(&mut self, json: &mut Json<'_>) -> Result<()> {
        let mut version = None;
        let Limits { mut min, mut max } = self.limits;
        json.object(&mut |json, key| {
            match key {
                "version" => version = Some(json.value::<u32>()?),
                "minPrice" => min = json.value()?,
                "maxPrice" => max = json.value()?,
                "items" => return json.object(&mut |json, item| self.item(json, item)),
                "categories" => return json.object(&mut |json, category| self.category(json, category)),
                "together" => return json.object(&mut |json, item| self.relations(json, item)),
                "rules" => return json.list(&mut |json| self.rule(json)),
                _ => return Err(json.expected("version, items, categories, together, rules, minPrice or maxPrice")),
            }
            Ok(())
        })?;
        self.limits = Limits { min, max };
        if version == Some(VERSION) { Ok(()) } else { Err(json.expected("\"version\": 1, or a newer foreclick")) }
    }

    fn item(&mut self, json: &mut Json<'_>, key: &str) -> Result<()> {
        let Facts { stock, price, category, tags } = json.value()?;
        let is_amount = |number: Option<f32>| number.is_none_or(|number| number >= 0.0);
        if !is_amount(stock) || !is_amount(price) {
            return Err(json.expected("a stock and a price of 0 or more"));
        }
        let Some(item) = self.find(key) else { return Ok(()) };
        if std::mem::replace(&mut self.known[item as usize], true) {
            return Err(json.expected("each item once"));
        }
        self.summary.items += 1;
        if let Some(price) = price {
            self.prices.resize(self.known.len(), f32::NAN);
            self.prices[item as usize] = price;
        }
        if stock == Some(0.0) {
            let label = self.label("", OUT_OF_STOCK);
            self.labels.push((item, label));
        }
        let categories = category.iter().map(|name| ("c", name));
        for (kind, name) in categories.chain(tags.iter().flatten().map(|name| ("t", name))) {
            let label = self.label(kind, name);
            self.labels.push((item, label));
        }
        Ok(())
    }

    fn category(&mut self, json: &mut Json<'_>, name: &str) -> Result<()> {
        let (category, parent) = (self.label("c", name), self.label("c", &json.value::<String>()?));
        let place = &mut self.parents[category as usize];
        if *place != NONE {
            return Err(json.expected("one category above each"));
        }
        *place = parent;
        Ok(())
    }

    fn relations(&mut self, json: &mut Json<'_>, key: &str) -> Result<()> {
        let item = self.find(key);
        json.object(&mut |json, key| {
            let strength = json.value()?;
            self.check(json, strength)?;
            if let (Some(item), Some(other)) = (item, self.find(key)) {
                self.together.push((item, (other, strength)));
                self.summary.relations += 1;
            }
            Ok(())
        })
    }

    fn rule(&mut self, json: &mut Json<'_>) -> Result<()> {
        let Written { name, items, categories, tags, boost, never, when } = json.value()?;
        let rule = self.rules.len() as u32;
        let effect = match (boost, never.unwrap_or(false)) {
            (Some(boost), false) => boost,
            (None, true) => OUT,
            _ => return Err(json.expected("either a boost or \"never\": true in a rule")),
        };
        if effect != OUT {
            self.check(json, effect)?;
        }
        if rule as usize > MAX_RULES {
            return Err(json.expected("at most 1000 rules"));
        }
        let name = name.unwrap_or_else(|| format!("rule {rule}"));
        let concerned = self.chosen(json, &items, &categories, &tags)?;
        self.concerning.extend(concerned.iter().map(|&label| (label, rule)));
        let when = match when {
            None => When::Always,
            Some(Cause { items, categories, tags, within }) => {
                let causes = self.chosen(json, &items, &categories, &tags)?;
                self.causing.extend(causes.iter().map(|&label| (label, rule)));
                within
            }
        };
        self.rules.push(Rule { name, effect, when });
        self.summary.rules += 1;
        Ok(())
    }

    /// The labels that a rule or its cause names.
    fn chosen(
        &mut self,
        json: &Json<'_>,
        items: &[String],
        categories: &[String],
        tags: &[String],
    ) -> Result<Vec<u32>> {
        if items.len() + categories.len() + tags.len() == 0 {
            return Err(json.expected("some items, categories or tags in a rule and in its \"when\""));
        }
        let mut labels = Vec::new();
        for key in items {
            if let Some(item) = self.find(key) {
                let before = self.names.len();
                let label = self.label("i", key);
                if label as usize == before {
                    self.labels.push((item, label));
                }
                labels.push(label);
            }
        }
        for (kind, names) in [("c", categories), ("t", tags)] {
            for name in names {
                labels.push(self.label(kind, name));
            }
        }
        Ok(labels)
    }

    fn check(&self, json: &Json<'_>, logits: f32) -> Result<()> {
        if logits.abs() <= LARGEST { Ok(()) } else { Err(json.expected("-50 to 50 logits")) }
    }

    /// An item's number; one that the model does not know is counted.
    fn find(&mut self, key: &str) -> Option<ItemId> {
        let item = self.vocab.id(key);
        if item.is_none() {
            self.summary.unknown_items += 1;
            self.summary.first_unknown_item.get_or_insert_with(|| key.to_owned());
        }
        item
    }

    fn label(&mut self, kind: &str, name: &str) -> u32 {
        let label = self.names.number(&[kind, name].concat());
        self.parents.resize(self.names.len(), NONE);
        label
    }

    fn finish(self) -> Result<Knowledge> {
        let items = self.known.len();
        let Self { names, labels, parents, rules, concerning, causing, together, prices, limits, summary, .. } = self;
        for label in 0..parents.len() {
            let mut above = parents[label];
            for _ in 0..MAX_LEVELS {
                above = parents.get(above as usize).copied().unwrap_or(NONE);
            }
            if above != NONE {
                let name = &names.name(label)[1..];
                return Err(Error::Knowledge(format!(
                    "categories: \"{name}\" has more than {MAX_LEVELS} above it, or is above itself; correct the tree"
                )));
            }
        }
        let mut knowledge = Knowledge {
            labels: Lists::of(items, &labels),
            concerning: Lists::of(parents.len(), &concerning),
            causing: Lists::of(parents.len(), &causing),
            together: Lists::of(items, &together),
            parents,
            rules,
            prices,
            limits,
            always: vec![0.0; items],
            summary,
        };
        knowledge.add_up();
        Ok(knowledge)
    }
}

impl Knowledge {
    /// Adds up what always acts, and counts the rules that never can.
    fn add_up(&mut self) {
        let mut always = std::mem::take(&mut self.always);
        let (mut seen, mut concerns) = (vec![0; self.rules.len()], vec![false; self.rules.len()]);
        let mut is_caused: Vec<bool> = self.rules.iter().map(|rule| rule.when == When::Always).collect();
        for (item, sum) in always.iter_mut().enumerate() {
            let item = item as ItemId;
            self.concern(item, &mut seen, &mut |rule, number| {
                concerns[number] = true;
                if rule.when == When::Always {
                    *sum += rule.effect;
                }
            });
            self.walk(item, &self.causing, &mut |rule| is_caused[rule as usize] = true);
        }
        self.always = always;
        // The first is not the shop's.
        for number in 1..self.rules.len() {
            if !(concerns[number] && is_caused[number]) {
                self.summary.idle_rules += 1;
                self.summary.first_idle_rule.get_or_insert_with(|| self.rules[number].name.clone());
            }
        }
    }
}
