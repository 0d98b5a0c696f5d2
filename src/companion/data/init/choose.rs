//! Which column is what: by its name, and by what its values do.

use super::sample::{Column, Sample};
use crate::companion::config::{Moment, TimeUnit};
use crate::companion::data::names::MISSING;
use crate::companion::data::time::parse_pattern;
use crate::companion::data::vectors;
use crate::schema::MOST_NUMBERS;
use std::collections::{HashMap, HashSet};

/// A guess and why.
pub struct Guess<T> {
    /// What is guessed.
    pub value: T,
    /// The reason, to follow "because".
    pub because: String,
}

fn guess<T>(value: T, because: impl Into<String>) -> Guess<T> {
    Guess { value, because: because.into() }
}

/// Names of what one visit is.
pub const SESSION: &[&str] = &["session", "visit", "sequence"];
/// Names of who acts.
const VISITOR: &[&str] = &[
    "user",
    "visitor",
    "customer",
    "household",
    "client",
    "member",
    "account",
    "person",
    "shopper",
    "buyer",
    "reviewer",
    "subscriber",
    "listener",
    "reader",
    "player",
    "device",
    "cookie",
    "patient",
    "author",
];
/// Names of what is acted upon.
const ITEM: &[&str] = &[
    "item", "product", "article", "aid", "a", "sku", "asin", "stock", "movie", "film", "song", "track", "artist",
    "book", "isbn", "page", "url", "content", "video", "goods", "listing", "offer", "news", "game", "app", "hotel",
    "recipe",
];
/// Names of what happens at one go.
const GROUP: &[&str] =
    &["basket", "order", "invoice", "transaction", "cart", "receipt", "purchase", "checkout", "ticket", "bill"];
/// Names of times.
const TIME: &[&str] = &["time", "timestamp", "ts", "t", "date", "datetime", "at", "when", "created", "epoch", "day"];
/// Names of what is said about an item or an event, rather than which it is.
const ATTRIBUTE: &[&str] = &[
    "category",
    "type",
    "name",
    "title",
    "description",
    "price",
    "amount",
    "count",
    "quantity",
    "qty",
    "position",
    "rank",
    "score",
    "event",
    "action",
    "brand",
    "department",
    "store",
    "shop",
    "country",
    "city",
    "rating",
    "label",
    "status",
    "number",
    "index",
    "row",
    "feature",
    "affinity",
    "value",
    "size",
    "color",
    "colour",
    "week",
    "day",
    "hour",
];
/// Names of fields worth having that are one of a list.
const CATEGORY: &[&str] =
    &["event", "type", "action", "kind", "behavior", "behaviour", "channel", "category", "department"];
/// Names of fields worth having that are numbers.
const NUMBER: &[&str] = &[
    "price", "amount", "quantity", "qty", "value", "rating", "score", "cost", "revenue", "duration", "dwell",
    "discount",
];

/// Patterns of dates that are not ISO 8601.
const PATTERNS: &[&str] = &[
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d",
    "%m/%d/%y %H:%M",
    "%a, %d %b %Y %H:%M:%S %z",
];
/// Nearly all values must pass a test.
const NEARLY_ALL: f64 = 0.95;

/// The column of times and how they are written.
pub fn time(sample: &Sample) -> Option<Guess<(String, TimeUnit)>> {
    let called = sample.columns.iter().filter(|column| column.is_called(TIME));
    let others = sample.columns.iter().filter(|column| !column.is_called(TIME));
    called.chain(others).find_map(|column| {
        let Guess { value: unit, because } = time_unit(column)?;
        Some(guess((column.name.clone(), unit), because))
    })
}

fn time_unit(column: &Column) -> Option<Guess<TimeUnit>> {
    if column.holds_times {
        return Some(guess(TimeUnit::Auto, "the file says that it holds times"));
    }
    if column.present() == 0 {
        return None;
    }
    if column.is_numeric() {
        let date = |value: &str| value.len() == 8 && value.parse::<Moment>().is_ok();
        if column.is_called(TIME) && column.share(date) > NEARLY_ALL {
            return Some(guess(TimeUnit::Iso, "its numbers are dates such as 20240131"));
        }
        let plausible = |value: &str| value.parse::<f64>().is_ok_and(is_recent);
        return (column.is_called(TIME) && column.share(plausible) > NEARLY_ALL)
            .then(|| guess(TimeUnit::Auto, "of its name, and its numbers count from 1970"));
    }
    if column.share(|value| value.parse::<Moment>().is_ok()) > NEARLY_ALL {
        return Some(guess(TimeUnit::Auto, "its values are dates as in ISO 8601"));
    }
    let fits = |pattern: &&&str| column.share(|value| !parse_pattern(pattern, value).is_nan()) > NEARLY_ALL;
    let pattern = PATTERNS.iter().find(fits)?;
    Some(guess(
        TimeUnit::Pattern((*pattern).to_owned()),
        format!("its values fit {pattern:?}; see that day and month are not swapped"),
    ))
}

/// Whether a number is a time between 1990 and 2100 in s, ms, us or ns since 1970.
fn is_recent(number: f64) -> bool {
    [1.0, 1e3, 1e6, 1e9].into_iter().any(|unit| (6.3e8..4.1e9).contains(&(number / unit)))
}

/// The column that tells sequences apart.
pub fn key(sample: &Sample, taken: &[&str]) -> Option<Guess<String>> {
    let free = || sample.columns.iter().filter(|column| !taken.contains(&column.name.as_str()) && column.can_be_key());
    let repeats = |column: &&Column| column.distinct() < column.present();
    let called = |words| free().filter(repeats).find(|column| column.is_called(words) && !column.is_called(ATTRIBUTE));
    if let Some(column) = called(SESSION) {
        return Some(guess(column.name.clone(), "of its name, and its values repeat: one of them is one session"));
    }
    let column = called(VISITOR)?;
    Some(guess(column.name.clone(), "of its name, and its values repeat: one of them is one visitor"))
}

/// The column of items.
pub fn item(sample: &Sample, taken: &[&str]) -> Option<Guess<String>> {
    let score = |column: &Column| {
        let named = if column.is_called(ITEM) { 4.0 } else { 0.0 };
        let attribute = if column.is_called(ATTRIBUTE) { -3.0 } else { 0.0 };
        let key = if column.is_called(GROUP) || column.is_called(VISITOR) { -2.0 } else { 0.0 };
        named + attribute + key + (column.distinct() as f64).log10()
    };
    let free = sample.columns.iter().filter(|column| !taken.contains(&column.name.as_str()) && column.can_be_key());
    let best = free.max_by(|a, b| score(a).total_cmp(&score(b)))?;
    let name = if best.is_called(ITEM) { "of its name and its" } else { "of its" };
    Some(guess(best.name.clone(), format!("{name} {} different values", best.distinct())))
}

/// The column of groups: each belongs to one sequence and holds several rows.
pub fn group(sample: &Sample, key: Option<&str>, taken: &[&str]) -> Option<Guess<String>> {
    let owner = key.and_then(|key| sample.column(key));
    sample
        .columns
        .iter()
        .filter(|column| {
            column.is_called(GROUP) && !column.is_called(ATTRIBUTE) && !taken.contains(&column.name.as_str())
        })
        .find_map(|column| {
            let per_group = column.present() as f64 / column.distinct().max(1) as f64;
            let whole = column.present() as f64 > 0.99 * sample.rows as f64;
            let fits =
                column.can_be_key() && whole && per_group > 1.05 && owner.is_none_or(|owner| belongs(column, owner));
            fits.then(|| {
                guess(column.name.clone(), format!("of its name, and it holds {per_group:.1} rows on average"))
            })
        })
}

/// Whether each value of a column comes with one value of another.
fn belongs(column: &Column, owner: &Column) -> bool {
    let mut owners: HashMap<u32, u32> = HashMap::new();
    column
        .keys
        .ids
        .iter()
        .zip(&owner.keys.ids)
        .all(|(&id, &owner)| id == MISSING || *owners.entry(id).or_insert(owner) == owner)
}

/// How often an event's item was met before in its sequence, among the events that have any before them.
pub fn repeats(sample: &Sample, key: Option<&str>, item: &str) -> f64 {
    let (mut later, mut again) = (0, 0);
    let mut seen: HashMap<u32, HashSet<u32>> = HashMap::new();
    let Some(items) = sample.column(item) else { return 0.0 };
    let keys = key.and_then(|key| sample.column(key));
    for (row, &item) in items.keys.ids.iter().enumerate() {
        let seen = seen.entry(keys.map_or(0, |keys| keys.keys.ids[row])).or_default();
        later += usize::from(!seen.is_empty());
        again += usize::from(!seen.insert(item));
    }
    // Too few to tell: as if they did.
    if later < 20 { 1.0 } else { again as f64 / later as f64 }
}

/// A further field that is worth having, or why a column is none.
pub enum FieldGuess {
    /// A category.
    Category(String),
    /// A number.
    Number(String),
    /// A text.
    Text(String),
    /// A vector.
    Vector(String),
    /// Left out, because.
    None(String),
}

/// Whether a value is made of at least four words.
fn is_prose(value: &str) -> bool {
    value.split_whitespace().nth(3).is_some()
}

/// How many numbers each value of a column is, where nearly all values are lists of as many. Two numbers with but a comma between
/// them are one: "12,50".
fn vector_size(column: &Column) -> Option<usize> {
    let list = |value: &str| {
        let size = vectors::parse(value)?.len();
        let is_list = size > 2 || (size == 2 && value.contains([' ', ';', '[', '(']));
        is_list.then_some(size)
    };
    let mut sizes = column.keys.names.iter().filter_map(list);
    let size = sizes.next()?;
    let is_one = sizes.all(|other| other == size) && column.share(|value| list(value).is_some()) > NEARLY_ALL;
    (is_one && size <= MOST_NUMBERS).then_some(size)
}

/// What the remaining columns are good for.
pub fn field(column: &Column) -> FieldGuess {
    let distinct = column.distinct();
    if distinct < 2 {
        FieldGuess::None("it holds a single value".into())
    } else if column.is_called(NUMBER) && column.is_numeric() {
        FieldGuess::Number("of its name, and its values are numbers".into())
    } else if column.is_called(CATEGORY) && distinct <= 50 {
        FieldGuess::Category(format!("of its name and its {distinct} different values"))
    } else if let Some(size) = vector_size(column) {
        FieldGuess::Vector(format!("its values are lists of {size} numbers"))
    } else if distinct > 50 && 2 * distinct > column.present() && column.share(is_prose) > 0.5 {
        FieldGuess::Text(format!("most of its {distinct} different values are several words"))
    } else if column.is_numeric() && distinct > 12 {
        FieldGuess::None("its name does not say that this number matters (kind = \"number\")".into())
    } else if distinct <= 50 {
        FieldGuess::None(format!("its name does not say that its {distinct} values matter (kind = \"category\")"))
    } else {
        FieldGuess::None(format!("its {distinct} different values are too many for a field"))
    }
}
