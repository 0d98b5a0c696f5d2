//! A made-up shop's knowledge.

use super::common::Random;
use std::collections::BTreeMap;

/// An item's key.
pub fn key(item: usize) -> String {
    format!("{item:07}")
}

/// Items in a tree of ten shelves in two halls, every seventh out of stock, at a price of their number; rules of each kind.
pub fn shop(items: usize) -> String {
    let facts: Vec<String> = (0..items)
        .map(|item| {
            let (stock, shelf, tag) = (item % 7, item % 10, if item % 4 == 1 { "\"new\"" } else { "" });
            let (key, unknown) = (key(item), key(items + item));
            format!(
                "\"{key}\": {{\"stock\": {stock}, \"price\": {item}, \"category\": \"shelf {shelf}\", \"tags\": [{tag}]}},\n\
                 \"{unknown}\": {{\"stock\": 0}}"
            )
        })
        .collect();
    let tree: Vec<String> = (0..10).map(|shelf| format!("\"shelf {shelf}\": \"hall {}\"", shelf % 2)).collect();
    let random = &mut Random(7);
    let together: Vec<String> = (0..items)
        .map(|item| {
            let others: BTreeMap<usize, f32> = (0..3).map(|_| (random.below(items), 2.0 * random.signed())).collect();
            let others: Vec<String> = others.iter().map(|(other, by)| format!("\"{}\": {by}", key(*other))).collect();
            format!("\"{}\": {{{}}}", key(item), others.join(", "))
        })
        .collect();
    let rules = [
        "{\"name\": \"new things\", \"tags\": [\"new\"], \"boost\": 0.75}".to_owned(),
        "{\"name\": \"no shelf 3\", \"categories\": [\"shelf 3\"], \"never\": true}".to_owned(),
        "{\"name\": \"hall 1 goes on\", \"categories\": [\"hall 1\"], \"boost\": 1.5, \"when\": {\"categories\": [\"hall 1\"], \
         \"within\": \"session\"}}"
            .to_owned(),
        format!(
            "{{\"name\": \"not beside 0 to 4\", \"categories\": [\"shelf 8\"], \"items\": [\"{}\"], \"never\": true, \
             \"when\": {{\"items\": [{}]}}}}",
            key(21),
            (0..5).map(|item| format!("\"{}\"", key(item))).collect::<Vec<_>>().join(", ")
        ),
    ];
    format!(
        "{{\"version\": 1,\n\"items\": {{{}}},\n\"categories\": {{{}}},\n\"together\": {{{}}},\n\"rules\": [{}]}}",
        facts.join(",\n"),
        tree.join(",\n"),
        together.join(",\n"),
        rules.join(",\n")
    )
}
