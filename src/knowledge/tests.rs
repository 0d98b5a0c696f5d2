//! What a file comes to, and what is wrong with one.

use super::*;
use crate::error::Error;
use crate::vocab::Vocab;
use proptest::prelude::*;
use std::sync::Arc;

const KEYS: [&str; 6] = ["beer", "bread", "honey", "milk", "tea", "wine"];
const BEER: ItemId = 0;
const BREAD: ItemId = 1;
const HONEY: ItemId = 2;
const MILK: ItemId = 3;
const TEA: ItemId = 4;
const WINE: ItemId = 5;

const SHOP: &str = r#"{
  "version": 1,
  "maxPrice": 20,
  "items": {
    "beer": { "category": "ale", "price": 2.5, "stock": 7 },
    "bread": { "category": "food", "price": 3, "stock": 0 },
    "honey": { "category": "food", "price": 8, "tags": ["organic", "sweet", "organic"] },
    "tea": { "category": "drinks", "stock": null, "price": null },
    "wine": { "category": "wines", "price": 30, "tags": ["organic"] },
    "caviar": { "price": 900 }
  },
  "categories": { "ale": "alcohol", "wines": "alcohol", "alcohol": "drinks" },
  "together": { "tea": { "honey": 1.5, "milk": 0.5, "lemon": 1 }, "bread": { "honey": 0.25 }, "lemon": { "tea": 1 } },
  "rules": [
    { "name": "organic week", "tags": ["organic"], "boost": 0.5 },
    { "name": "no alcohol with milk", "categories": ["alcohol"], "never": true, "when": { "items": ["milk"] } },
    { "categories": ["drinks"], "items": ["beer"], "boost": -1, "when": { "categories": ["alcohol"], "within": "session" } },
    { "name": "for nobody", "tags": ["unheard of"], "boost": 1 },
    { "name": "never caused", "items": ["tea"], "boost": 1, "when": { "items": ["caviar"] } }
  ]
}"#;

fn vocab() -> Vocab {
    Vocab::from_keys(KEYS).unwrap()
}

fn read(text: &str) -> Result<Arc<Knowledge>, Error> {
    Knowledge::read(text, &vocab()).map(|(knowledge, _)| Arc::new(knowledge))
}

fn follow(acting: &mut Acting, met: &[ItemId], beside: &[ItemId]) -> bool {
    acting.begin();
    met.iter().for_each(|&item| acting.meet(item));
    beside.iter().for_each(|&item| acting.come_beside(item));
    acting.has_changed()
}

fn priors(acting: &mut Acting, met: &[ItemId], beside: &[ItemId]) -> Vec<f32> {
    follow(acting, met, beside);
    let mut priors = vec![9.0; 2];
    acting.write(&mut priors);
    priors
}

fn reasons(acting: &Acting, item: ItemId) -> Vec<(String, f32)> {
    let vocab = vocab();
    let named = |Reason { rule, effect }: Reason| (acting.knowledge().name(rule, &vocab), effect);
    acting.reasons(item).into_iter().map(named).collect()
}

#[test]
fn what_always_acts_is_added_up() {
    let mut acting = Acting::new(read(SHOP).unwrap());
    // Bread is out of stock, wine too dear; honey is organic once, however often it says so.
    assert_eq!(priors(&mut acting, &[], &[]), [0.0, OUT, 0.5, 0.0, 0.0, OUT]);
    assert_eq!(reasons(&acting, BREAD), [("out of stock".to_owned(), OUT)]);
    assert_eq!(reasons(&acting, HONEY), [("organic week".to_owned(), 0.5)]);
    assert_eq!(reasons(&acting, MILK), []);
}

#[test]
fn a_rule_acts_while_its_cause_is_there() {
    let mut acting = Acting::new(read(SHOP).unwrap());
    assert_eq!(priors(&mut acting, &[MILK], &[MILK]), [OUT, OUT, 0.5, 0.0, 0.0, OUT]);
    assert_eq!(reasons(&acting, BEER), [("no alcohol with milk".to_owned(), OUT)]);
    // The basket with the milk is closed.
    assert_eq!(priors(&mut acting, &[MILK], &[]), [0.0, OUT, 0.5, 0.0, 0.0, OUT]);
    // Whatever is below a category causes and is concerned; beer is concerned twice and counts once.
    assert_eq!(priors(&mut acting, &[BEER], &[]), [-1.0, OUT, 0.5, 0.0, -1.0, OUT]);
    assert_eq!(reasons(&acting, TEA), [("rule 3".to_owned(), -1.0)]);
    assert_eq!(priors(&mut acting, &[], &[]), [0.0, OUT, 0.5, 0.0, 0.0, OUT]);
}

#[test]
fn priors_are_written_only_when_something_changes() {
    let mut acting = Acting::new(read(SHOP).unwrap());
    let follow = |acting: &mut Acting, met: &[ItemId]| follow(acting, met, &[]);
    assert!(follow(&mut acting, &[]));
    assert!(!follow(&mut acting, &[TEA]), "no rule begins to act");
    assert!(follow(&mut acting, &[TEA, BEER]));
    assert!(!follow(&mut acting, &[TEA, BEER, WINE]));
    acting.limit(Limits::default());
    assert!(!follow(&mut acting, &[BEER]), "the file's own limits");
    acting.limit(Limits { max: 5.0, ..Limits::default() });
    assert!(follow(&mut acting, &[BEER]));
    assert!(follow(&mut acting, &[]));
}

#[test]
fn a_call_may_set_other_limits_and_unknown_prices_break_none() {
    let mut acting = Acting::new(read(SHOP).unwrap());
    acting.limit(Limits { max: f32::INFINITY, ..Limits::default() });
    assert_eq!(priors(&mut acting, &[], &[]), [0.0, OUT, 0.5, 0.0, 0.0, 0.5]);
    acting.limit(Limits { min: 3.0, ..Limits::default() });
    assert_eq!(priors(&mut acting, &[], &[]), [OUT, OUT, 0.5, 0.0, 0.0, OUT]);
    assert_eq!(reasons(&acting, BEER), [("price below minPrice".to_owned(), OUT)]);
    let wine = [("organic week".to_owned(), 0.5), ("price above maxPrice".to_owned(), OUT)];
    assert_eq!(reasons(&acting, WINE), wine);
}

#[test]
fn relations_are_those_of_known_items() {
    let knowledge = read(SHOP).unwrap();
    assert_eq!(knowledge.together(TEA).collect::<Vec<_>>(), [(HONEY, 1.5), (MILK, 0.5)]);
    assert_eq!(knowledge.together(BREAD).collect::<Vec<_>>(), [(HONEY, 0.25)]);
    assert_eq!(knowledge.together(WINE).count(), 0);
}

#[test]
fn the_summary_counts_what_can_have_no_effect() {
    let expected = Summary {
        items: 5,
        unknown_items: 4,
        first_unknown_item: Some("caviar".into()),
        rules: 5,
        idle_rules: 2,
        first_idle_rule: Some("for nobody".into()),
        relations: 3,
    };
    let (knowledge, summary) = Knowledge::read(SHOP, &vocab()).unwrap();
    assert_eq!(summary, expected);
    assert!(knowledge.has_prices());
    assert_eq!(Knowledge::from_words(knowledge.words()), knowledge);
    let (none, summary) = Knowledge::read(r#"{"version":1}"#, &vocab()).unwrap();
    assert_eq!(summary, Summary::default());
    assert!(!none.has_prices());
    let none = Arc::new(none);
    assert_eq!(priors(&mut Acting::new(none), &[TEA], &[TEA]), [0.0; 6]);
}

/// The sums of the priors are those of the reasons, whatever the file says.
#[test]
fn reasons_add_up_to_the_priors() {
    let mut acting = Acting::new(read(SHOP).unwrap());
    for session in 0..1 << KEYS.len() {
        let met: Vec<ItemId> = (0..6).filter(|item| session >> item & 1 == 1).collect();
        let beside = &met[met.len() / 2..];
        let priors = priors(&mut acting, &met, beside);
        for item in 0..6 {
            let sum: f32 = reasons(&acting, item).iter().map(|(_, effect)| effect).sum();
            assert_eq!(sum, priors[item as usize], "{item} in {met:?}");
        }
    }
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (text, expected) in [
        ("", "line 1, at ``: expected an object; correct it"),
        ("{\n\"version\": 2}", "line 2, at `\"version\": 2}`: expected \"version\": 1, or a newer foreclick"),
        ("{}", "\"version\": 1"),
        ("{\"version\":1,\n\"item\": {}}", "line 2, at `\"item\": {}}`: expected version, items, categories"),
        (
            "{\"items\":{\n\"tea\":{\"prise\":3}}}",
            "line 2, at `\"tea\":{\"prise\":3}}}`: expected stock, price, category or tags",
        ),
        ("{\"items\":{\"tea\":{\"price\":\n\"cheap\"}}}", "line 2, at `\"cheap\"}}}`: expected a number"),
        ("{\"items\":{\"tea\":{\"stock\":-1}}}", "expected 0 or more"),
        ("{\"items\":{\"tea\":{},\"tea\":{}}}", "each item once"),
        ("{\"items\":[]}", "an object"),
        ("{\"categories\":{\"a\":\"b\",\"a\":\"c\"}}", "one category above each"),
        (
            "{\"version\":1,\"categories\":{\"a\":\"b\",\"b\":\"a\"}}",
            "\" has more than 32 above it, or is above itself",
        ),
        ("{\"together\":{\"tea\":{\"milk\":51}}}", "-50 to 50 logits"),
        ("{\"together\":{\"tea\":{\"milk\":1e999}}}", "-50 to 50 logits"),
        ("{\"rules\":[{\"items\":[\"tea\"]}]}", "either a boost or \"never\": true"),
        ("{\"rules\":[{\"items\":[\"tea\"],\"boost\":1,\"never\":true}]}", "either a boost or \"never\": true"),
        ("{\"rules\":[{\"items\":[\"tea\"],\"boost\":-60}]}", "-50 to 50 logits"),
        ("{\"rules\":[{\"boost\":1}]}", "some items, categories or tags"),
        ("{\"rules\":[{\"items\":[\"tea\"],\"boost\":1,\"when\":{}}]}", "some items, categories or tags"),
        ("{\"rules\":[{\"items\":[\"tea\"],\"boost\":1,\"when\":{\"within\":\"day\"}}]}", "session or group"),
        ("{\"version\":1} x", "the end"),
    ] {
        let error = read(text).unwrap_err();
        assert_eq!(error.code(), "knowledge", "{text}");
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_large_file_has_limits() {
    let rules = |count: usize| {
        let rules = vec![r#"{"items":["tea"],"boost":0.25}"#; count].join(",");
        read(&format!(r#"{{"version":1,"rules":[{rules}]}}"#))
    };
    assert!(rules(1001).unwrap_err().to_string().contains("at most 1000 rules"));
    assert_eq!(priors(&mut Acting::new(rules(1000).unwrap()), &[], &[])[TEA as usize], 250.0);

    let chain = |levels: usize| {
        let tree: Vec<String> = (0..levels).map(|level| format!("\"{level}\":\"{}\"", level + 1)).collect();
        let rule = format!(r#"{{"categories":["{levels}"],"boost":1}}"#);
        let items = r#"{"tea":{"category":"0"}}"#;
        read(&format!(r#"{{"version":1,"items":{items},"categories":{{{}}},"rules":[{rule}]}}"#, tree.join(",")))
    };
    assert_eq!(priors(&mut Acting::new(chain(32).unwrap()), &[], &[])[TEA as usize], 1.0);
    assert!(chain(33).is_err());
    let deep = format!(r#"{{"items":{}"#, r#"{"tea":"#.repeat(1 << 20));
    assert_eq!(read(&deep).unwrap_err().code(), "knowledge");
}

#[test]
fn many_names_are_told_apart() {
    let keys: Vec<String> = (0..3000).map(|item| format!("{item:04}")).collect();
    let vocab = Vocab::from_keys(&keys).unwrap();
    let items: Vec<String> =
        keys.iter().map(|key| format!(r#""{key}":{{"category":"{key}","tags":["{key}"]}}"#)).collect();
    let rules = r#"{"tags":["0007"],"boost":1},{"categories":["0008"],"boost":2},{"items":["0008","0009"],"boost":4}"#;
    let text = format!(r#"{{"version":1,"rules":[{rules}],"items":{{{}}}}}"#, items.join(","));
    let priors = priors(&mut Acting::new(Arc::new(Knowledge::read(&text, &vocab).unwrap().0)), &[], &[]);
    assert_eq!(priors[7..10], [1.0, 6.0, 4.0]);
    assert_eq!(priors.iter().sum::<f32>(), 11.0);
}

proptest! {
    /// Whatever is done to a good file, there is knowledge or an error, and no panic.
    #[test]
    fn damage_gives_an_error_and_no_panic(at in 0..SHOP.len(), cut in 0usize..40, put in "[\\[\\]{}:,\"0-9.eE\\-a-u\n é]{0,6}") {
        let end = SHOP.len().min(at + cut);
        let damaged = [&SHOP[..at], &put, &SHOP[end..]].concat();
        if let Ok(knowledge) = read(&damaged) {
            let mut acting = Acting::new(knowledge);
            prop_assert!(priors(&mut acting, &[0, 1, 2], &[3, 4, 5]).iter().all(|prior| !prior.is_nan() && *prior < f32::INFINITY));
        }
    }
}
