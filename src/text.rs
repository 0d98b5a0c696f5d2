//! Texts as rows of a hashed table, by the same rules natively and in a page.
//!
//! Words, pairs of neighbouring words and parts of words are hashed (Weinberger et al. 2009, arXiv 0902.2206; parts as in
//! Bojanowski et al. 2017, arXiv 1607.04606). What a letter is and which its small form is are told by ranges of code points:
//! Unicode's own tables would cost every page kilobytes, and differ between a compiler's version and a browser's.

/// The most rows that a table of texts may have.
pub const MOST_BUCKETS: usize = 1 << 16;

/// Of a longer text the first characters are read.
pub const MOST_CHARACTERS: usize = 4096;

/// A character that comes more often in a row counts so often: "soooooo" is "sooo".
const MOST_REPEATS: usize = 3;

/// What stands at both edges of a word, and between two: no word has it.
const EDGE: u32 = 0x20;

/// Where the hashes of words and pairs begin: FNV-1a's own offset.
const WORD: u32 = 0x811c_9dc5;
/// Where those of parts begin, so that the part "he" is not the word "he".
const PART: u32 = 0x811c_9dc6;

/// What a character is to its neighbours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It separates words.
    Space,
    /// It is left out: joiners, variation selectors, skin tones.
    Nothing,
    /// Letters, digits and marks of scripts that put spaces between words.
    Letter,
    /// Those of scripts that do not: Chinese, Japanese, Thai, Lao, Khmer, Burmese, Tibetan.
    Unspaced,
    /// Neighbours make up one token, such as ":-)" or "!!!".
    Punctuation,
    /// A token of its own, such as an emoji.
    Symbol,
}

/// Appends a text's codes to `out`: how many rows it has, then the rows, below `buckets`.
pub fn codes(text: &str, buckets: usize, out: &mut Vec<f32>) {
    let count = out.len();
    out.push(0.0);
    rows(text, buckets, &mut |row| out.push(row as f32));
    out[count] = (out.len() - count - 1) as f32;
}

/// Tells `take` the rows of a text among `buckets`: one for each occurrence of a word, of a pair of words, and of a part of a
/// word. Blanks alone have none.
pub fn rows(text: &str, buckets: usize, take: &mut dyn FnMut(usize)) {
    let take: &mut dyn FnMut(u32) = &mut |hash| take(((u64::from(mixed(hash)) * buckets as u64) >> 32) as usize);
    let characters = characters(text);
    let mut before = None;
    for token in characters.chunk_by(|(_, a), (_, b)| a == b && *a != Kind::Symbol) {
        let kind = token[0].1;
        if kind == Kind::Space {
            continue;
        }
        let letters: Vec<u32> = token.iter().map(|(letter, _)| *letter).collect();
        let (edge, [shortest, longest]) = match kind {
            Kind::Letter => (Some(EDGE), [4, 5]),
            Kind::Unspaced => (None, [1, 3]),
            _ => (None, [1, 1]),
        };
        let mut edged: Vec<u32> = edge.into_iter().collect();
        edged.extend_from_slice(&letters);
        edged.extend(edge);
        for length in shortest..longest + 1 {
            // The whole of a word is no part.
            if length < edged.len() || kind == Kind::Unspaced {
                edged.windows(length).for_each(|part| take(hash(PART, part)));
            }
        }
        if kind == Kind::Unspaced {
            before = None;
            continue;
        }
        let word = hash(WORD, &letters);
        take(word);
        if let Some(before) = before {
            take(hash(before, &letters));
        }
        before = Some(hash(word, &[EDGE]));
    }
}

/// The characters that count, in small letters.
fn characters(text: &str) -> Vec<(u32, Kind)> {
    let mut all: Vec<(u32, Kind)> = Vec::new();
    let (mut last, mut repeats) = (0, 0);
    for letter in text.chars().take(MOST_CHARACTERS) {
        let small = small(u32::from(letter));
        let kind = kind(small);
        if kind == Kind::Nothing {
            continue;
        }
        repeats = if small == last { repeats + 1 } else { 1 };
        last = small;
        if repeats <= MOST_REPEATS {
            all.push((small, kind));
        }
    }
    all
}

/// FNV-1a (Fowler, Noll and Vo) over code points instead of bytes.
#[inline(never)]
fn hash(begin: u32, letters: &[u32]) -> u32 {
    letters.iter().fold(begin, |hash, letter| (hash ^ letter).wrapping_mul(0x0100_0193))
}

/// Spreads a hash over all its bits, of which the highest choose the row: the finaliser of MurmurHash3.
fn mixed(mut hash: u32) -> u32 {
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

/// The small form of a Latin, Greek, Cyrillic or Armenian letter; what is as wide as a Chinese one is made ASCII first.
fn small(code: u32) -> u32 {
    let code = if let 0xff01..=0xff5e = code { code - 0xfee0 } else { code };
    match code {
        0x41..=0x5a | 0xc0..=0xd6 | 0xd8..=0xde | 0x391..=0x3a1 | 0x3a3..=0x3ab | 0x410..=0x42f => code + 32,
        // The Turkish dotted I, Ÿ, Greek letters with accents, the sigma at a word's end, the palochka.
        0x130 => 0x69,
        0x178 => 0xff,
        0x386 => 0x3ac,
        0x388..=0x38a => code + 37,
        0x38c => 0x3cc,
        0x38e..=0x38f => code + 63,
        0x3c2 => 0x3c3,
        0x4c0 => 0x4cf,
        0x400..=0x40f => code + 80,
        0x531..=0x556 => code + 48,
        // Pairs that begin with an odd code, then those that begin with an even one.
        0x139..=0x148 | 0x179..=0x17e | 0x4c1..=0x4ce => code + code % 2,
        0x100..=0x12f | 0x132..=0x137 | 0x14a..=0x177 | 0x460..=0x481 | 0x48a..=0x4bf | 0x4d0..=0x52f => code | 1,
        0x1e00..=0x1e95 | 0x1ea0..=0x1eff => code | 1,
        _ => code,
    }
}

/// By the blocks of Unicode 16; what is in none of these is a letter.
fn kind(code: u32) -> Kind {
    match code {
        0x30..=0x39 | 0x61..=0x7a | 0xaa | 0xb5 | 0xba => Kind::Letter,
        0..=0x20 | 0x7f..=0xa0 | 0x1680 | 0x2000..=0x200b | 0x2028..=0x202f | 0x205f | 0x3000 => Kind::Space,
        0xad | 0x200c..=0x200f | 0x2060..=0x206f | 0xfe00..=0xfe0f | 0xfeff | 0x1f3fb..=0x1f3ff | 0xe0000..=0xe0fff => {
            Kind::Nothing
        }
        0x21..=0xbf | 0xd7 | 0xf7 | 0x2010..=0x205e | 0x3001..=0x3004 | 0x3008..=0x3020 | 0x3030 | 0x303d => {
            Kind::Punctuation
        }
        0x2190..=0x2bff | 0x1f000..=0x1fbff | 0xfffd => Kind::Symbol,
        0xe00..=0x109f | 0x1780..=0x17ff | 0x2e80..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x3ffff => Kind::Unspaced,
        _ => Kind::Letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn all(text: &str) -> Vec<usize> {
        let mut all = Vec::new();
        rows(text, MOST_BUCKETS, &mut |row| all.push(row));
        all
    }

    fn shared(a: &str, b: &str) -> usize {
        let [a, b] = [a, b].map(|text| all(text).into_iter().collect::<BTreeSet<_>>());
        a.intersection(&b).count()
    }

    /// Files hold rows by these hashes: they never change.
    #[test]
    fn rows_are_those_that_files_were_trained_with() {
        assert_eq!(all("a"), [6784]);
        assert_eq!(all("Hi :)"), [1483, 17941, 15692, 52550, 17473]);
        assert_eq!(all("绿茶"), [36022, 35935, 49542]);
    }

    #[test]
    fn words_pairs_and_parts_are_told() {
        // Two words, one pair, " tea", "tea ", " jam" and "jam ".
        assert_eq!(all("tea jam").len(), 2 + 1 + 2 * 2);
        assert_eq!((all("I").len(), all(":-)").len()), (1, 1 + 3));
        assert_eq!((shared("wonderful", "wonderfully"), shared("tea", "jam")), (8 + 7 - 2, 0));
        assert_eq!(shared("good morning", "morning good"), shared("good", "good") + shared("morning", "morning"));
        for empty in ["", "  ", "\n\t\u{a0}\u{3000}", "\u{200d}\u{fe0f}"] {
            assert!(all(empty).is_empty(), "{empty:?}");
        }
    }

    #[test]
    fn scripts_without_spaces_share_characters() {
        // 绿茶 (green tea) and 红茶 (black tea) share the character of tea; 很好喝 ends in "tastes good".
        assert_eq!((shared("绿茶", "红茶"), all("绿茶").len()), (1, 3));
        assert_eq!(shared("这茶很好喝", "很好喝"), 3 + 2 + 1);
        assert_eq!(shared("iPhone15手机", "手机壳"), 3);
        assert!(shared("ขอบคุณมาก", "ขอบคุณ") >= 12);
        assert!(shared("すごく良い", "良い") >= 3);
    }

    #[test]
    fn moods_are_kept() {
        assert_eq!(all("😀").len(), 1);
        assert_eq!(shared("❤️", "❤"), 1, "with and without a variation selector");
        assert_eq!(all("👍🏽"), all("👍"), "whatever the skin's tone");
        assert!(shared("fine :)", "fine :(") < all("fine :)").len());
        assert_eq!((all("soooooooo good"), all("wow!!!!!!")), (all("sooo good"), all("wow!!!")));
        assert_ne!(all("so good"), all("sooo good"));
    }

    #[test]
    fn case_and_width_do_not_matter() {
        for (a, b) in [
            ("Äpfel ÉTÉ", "äpfel été"),
            ("ŁÓDŹ ŸČŽ", "łódź ÿčž"),
            ("ΚΑΛΗΜΈΡΑ ΣΟΦΟΣ", "καλημέρα σοφος"),
            ("ПРИВЕТ ЁЖ", "привет ёж"),
            ("ԲԱՐԵՒ", "բարեւ"),
            ("VIỆT NAM", "việt nam"),
            ("ＡＢＣ１２！", "abc12!"),
        ] {
            assert_eq!(all(a), all(b), "{a}");
        }
        assert_eq!(all("σοφός"), all("σοφόσ"), "the sigma at a word's end");
    }

    /// Wherever a letter is made small at all, it is the one that Unicode says.
    #[test]
    fn small_letters_are_unicodes() {
        let mut checked = 0;
        for letter in '\0'..=char::MAX {
            let code = u32::from(letter);
            let made = small(code);
            assert_eq!(small(made), made, "{letter}");
            if made == code || matches!(code, 0x130 | 0x3c2 | 0xff01..=0xff5e) {
                continue;
            }
            let lower: Vec<u32> = letter.to_lowercase().map(u32::from).collect();
            assert_eq!(lower, [made], "U+{code:04X} {letter}");
            checked += 1;
        }
        let missed = ('\0'..='\u{1eff}').filter(|&letter| {
            let lower: Vec<u32> = letter.to_lowercase().map(u32::from).collect();
            let code = u32::from(letter);
            let cased = matches!(code, 0..=0x17f | 0x370..=0x3ce | 0x400..=0x52f | 0x531..=0x556 | 0x1e00..=0x1e95);
            cased && lower != [small(code)] && !matches!(code, 0x130 | 0x3c2)
        });
        assert_eq!(missed.collect::<String>(), "ͰͲͶͿ", "archaic Greek");
        assert!(checked > 450, "{checked}");
    }

    #[test]
    fn huge_texts_are_cut_at_the_same_place() {
        for piece in ["a", "word ", "字", "😀", "! ", " ", "\u{200d}"] {
            let long = piece.repeat(1 << 20);
            let cut: String = long.chars().take(MOST_CHARACTERS).collect();
            assert_eq!(all(&long), all(&cut), "{piece:?}");
            assert!(all(&long).len() <= 4 * MOST_CHARACTERS, "{piece:?}");
        }
    }

    #[test]
    fn rows_spread_evenly() {
        let mut counts = vec![0_usize; 64];
        (0..6400).for_each(|word| rows(&format!("{word}"), 64, &mut |row| counts[row] += 1));
        let mean = counts.iter().sum::<usize>() / 64;
        assert!(counts.iter().all(|&count| count > mean / 2 && count < mean * 2), "{counts:?}");
    }

    proptest! {
        #[test]
        fn any_text_has_codes_that_say_how_many_they_are(text in any::<String>(), buckets in 1..=MOST_BUCKETS) {
            let mut codes = vec![7.0];
            super::codes(&text, buckets, &mut codes);
            prop_assert_eq!(codes[1] as usize, codes.len() - 2);
            prop_assert!(codes[2..].iter().all(|&row| row >= 0.0 && (row as usize) < buckets));
        }

        #[test]
        fn blanks_around_and_between_words_do_not_matter(text in any::<String>()) {
            prop_assume!(text.chars().count() < MOST_CHARACTERS / 4);
            prop_assert_eq!(all(&format!("\n {text} ")), all(&text));
            prop_assert_eq!(all(&text.replace(' ', "  ")), all(&text));
        }
    }
}
