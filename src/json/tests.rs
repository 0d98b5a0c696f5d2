//! What serde writes is read; what is damaged is refused.

use super::members::MAX_MEMBERS;
use super::*;
use proptest::prelude::*;
use serde_json::to_vec;

fn again<T: FromJson>(value: &impl serde::Serialize) -> Result<T> {
    read(&to_vec(value).unwrap(), "test")
}

proptest! {
    #[test]
    fn reads_what_serde_writes(text in ".*", number: f32, count in 0u32.., list in prop::collection::vec("[a-z\"\\\\\u{1}é🦀]*", 0..9)) {
        prop_assume!(number.is_finite());
        prop_assert_eq!(again::<String>(&text).unwrap(), text);
        prop_assert_eq!(again::<f32>(&number).unwrap(), number);
        prop_assert_eq!(again::<u32>(&count).unwrap(), count);
        prop_assert_eq!(again::<Vec<String>>(&list).unwrap(), list);
    }

    #[test]
    fn numbers_are_off_by_bits_at_most(number: f64) {
        prop_assume!(number.is_finite());
        let got: f64 = again(&number).unwrap();
        prop_assert!((got - number).abs() <= number.abs() * 1e-15 || number.abs() < 1e-285);
    }

    #[test]
    fn damage_gives_an_error_and_no_panic(text in "[\\[\\]{}:,\"0-9.eE+\\-\\\\utrfalse é]*") {
        let _ = read::<Members<Vec<f64>>>(text.as_bytes(), "test");
        let _ = read::<String>(text.as_bytes(), "test");
    }
}

#[test]
fn escapes_are_understood() {
    let text: String = read(br#" "a\"\\\/\b\f\n\r\t\u00e9\ud83e\udd80" "#, "test").unwrap();
    assert_eq!(text, "a\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{1f980}");
    for broken in [r#""\ud83e""#, r#""\ud83e  \udd80""#, r#""\ud83e\u0041""#, r#""\ud83e\ud83e""#, r#""\udd80""#] {
        assert!(read::<String>(broken.as_bytes(), "test").is_err(), "{broken}");
    }
}

struct Pair {
    first: bool,
    second: bool,
}

read_object!(Pair { first, second });

#[test]
fn a_key_comes_once() {
    let pair = |text: &str| read::<Pair>(text.as_bytes(), "test");
    let Pair { first, second } = pair(r#"{"second": true, "first": false}"#).unwrap();
    assert!(second && !first);
    let again = pair(r#"{"first":true,"second":true,"first":true}"#).err().unwrap().to_string();
    assert!(again.contains(r#"key "first" once"#), "{again}");
    let again = read::<Members<u32>>(br#"{"a":1,"a":1}"#, "test").unwrap_err().to_string();
    assert!(again.contains(r#"key "a" once"#), "{again}");
}

#[test]
fn what_is_wrong_is_said() {
    let error = |text: &str| read::<Members<usize>>(text.as_bytes(), "header").unwrap_err().to_string();
    assert!(error(r#"{"a":1} x"#).contains("header, byte 8: expected the end"));
    assert!(error(r#"{"a":1.5}"#).contains("a whole number"));
    assert!(error(r#"{"a" 1}"#).contains("':'"));
    assert!(error(r#"{"a":1"#).contains("',' or an end"));
    assert!(error("").contains("an object"));
    assert_eq!(read::<usize>(b"1152921504606846976", "test").unwrap(), 1 << 60);
}

#[test]
fn members_keep_their_order_and_are_limited() {
    let text = r#"{"b":1,"a":2}"#;
    let mut members: Members<u32> = read(text.as_bytes(), "test").unwrap();
    assert_eq!(serde_json::to_string(&members).unwrap(), text);
    members.insert("a", 3);
    members.insert("c", 4);
    assert_eq!(serde_json::to_string(&members).unwrap(), r#"{"b":1,"a":3,"c":4}"#);
    let many = |count: usize| {
        let members: Vec<String> = (0..count).map(|number| format!("\"{number}\":0")).collect();
        read::<Members<u32>>(format!("{{{}}}", members.join(",")).as_bytes(), "test")
    };
    assert!(many(MAX_MEMBERS).is_ok());
    assert!(many(MAX_MEMBERS + 1).unwrap_err().to_string().contains("fewer members"));
}

#[test]
fn depth_is_limited() {
    let deep = "[".repeat(1 << 20);
    let mut levels = 0;
    fn nested(json: &mut Json<'_>, levels: &mut u32) -> Result<()> {
        *levels += 1;
        json.series(b'[', b']', &mut |json| nested(json, levels))
    }
    let error = read_with(deep.as_bytes(), "test", |json| nested(json, &mut levels)).unwrap_err();
    assert!(error.to_string().contains("fewer levels"));
    assert_eq!(levels, MAX_DEPTH + 1);
}
