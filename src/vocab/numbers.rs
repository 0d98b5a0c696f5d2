//! Short ASCII keys as rising numbers.
//!
//! A key's places are digits of a number in a mixed radix: each place has as many digits as letters occur there, and
//! one more where some keys have ended before. Numbers are in the order of the keys' bytes. A file has them in two
//! parts (Elias and Fano's code, with whole bytes): the low bytes as they are, and for the high part of each number a
//! one bit at place `high + rank`. Random keys of ten letters and digits take 5.2 bytes each, runs of digits a
//! quarter of a byte.

/// What a file has of such keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed {
    /// The length of the shortest key, then the number of letters of each place.
    pub sizes: Vec<u16>,
    /// Each place's letters, ascending.
    pub letters: Vec<u8>,
    /// The low bytes of each number, the lowest first.
    pub low: Vec<u8>,
    /// A one bit for each number, the lowest bit of a byte first.
    pub high: Vec<u8>,
}

/// What a place of a key can be.
#[derive(Debug, Clone, PartialEq)]
struct Place {
    letters: Vec<u8>,
    /// 1 where digit 0 means that the key has ended; else 0.
    ended: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Numbers {
    places: Vec<Place>,
    /// Strictly ascending.
    values: Vec<u64>,
}

impl Place {
    fn radix(&self) -> u64 {
        self.letters.len() as u64 + self.ended
    }
}

impl Numbers {
    /// Takes sorted keys without repeats; `None` when there is none, one is not ASCII, or their numbers exceed 64 bits.
    pub fn from_sorted(keys: &[String]) -> Option<Self> {
        let shortest = keys.iter().map(String::len).min()?;
        let longest = keys.iter().map(String::len).max()?;
        if longest > usize::from(u8::MAX) || !keys.iter().all(|key| key.is_ascii()) {
            return None;
        }
        let mut numbers = Self { places: Vec::new(), values: Vec::new() };
        for place in 0..longest {
            let mut occurs = [false; 128];
            keys.iter()
                .filter_map(|key| key.as_bytes().get(place))
                .for_each(|&letter| occurs[usize::from(letter)] = true);
            let letters = (0..128).filter(|&letter| occurs[usize::from(letter)]).collect();
            numbers.places.push(Place { letters, ended: u64::from(place >= shortest) });
            numbers.range()?;
        }
        numbers.values = keys.iter().map(|key| numbers.number(key.as_bytes())).collect::<Option<_>>()?;
        Some(numbers)
    }

    /// How many keys such places can tell apart; `None` beyond 64 bits.
    fn range(&self) -> Option<u64> {
        self.places.iter().try_fold(1u64, |product, place| product.checked_mul(place.radix()))
    }

    fn number(&self, key: &[u8]) -> Option<u64> {
        if key.len() > self.places.len() {
            return None;
        }
        let mut number = 0;
        for (index, place) in self.places.iter().enumerate() {
            let digit = match key.get(index) {
                Some(letter) => place.letters.binary_search(letter).ok()? as u64 + place.ended,
                None if place.ended == 1 => 0,
                None => return None,
            };
            number = number * place.radix() + digit;
        }
        Some(number)
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn find(&self, key: &[u8]) -> Option<usize> {
        self.values.binary_search(&self.number(key)?).ok()
    }

    pub fn key(&self, id: usize) -> Vec<u8> {
        let mut rest = self.values[id];
        let mut key = Vec::new();
        for place in self.places.iter().rev() {
            let digit = rest % place.radix();
            rest /= place.radix();
            if digit >= place.ended {
                key.push(place.letters[(digit - place.ended) as usize]);
            }
        }
        key.reverse();
        key
    }

    pub fn pack(&self) -> Packed {
        let shortest = self.places.iter().take_while(|place| place.ended == 0).count();
        let sizes = self.places.iter().map(|place| place.letters.len());
        let range = self.range().unwrap_or_default();
        let width = low_bytes(range, self.values.len());
        let last = self.values.last().copied().unwrap_or(0);
        let mut high = vec![0; (high_part(last, width) as usize + self.values.len()).div_ceil(8)];
        for (rank, &value) in self.values.iter().enumerate() {
            let bit = high_part(value, width) as usize + rank;
            high[bit / 8] |= 1 << (bit % 8);
        }
        Packed {
            sizes: std::iter::once(shortest).chain(sizes).map(|size| size as u16).collect(),
            letters: self.places.iter().flat_map(|place| place.letters.iter().copied()).collect(),
            low: self.values.iter().flat_map(|value| value.to_le_bytes().into_iter().take(width)).collect(),
            high,
        }
    }

    pub fn unpack(packed: &Packed, items: usize) -> Result<Self, &'static str> {
        let Packed { sizes, letters, low, high } = packed;
        let (shortest, sizes) = sizes.split_first().ok_or("no sizes")?;
        let mut letters = letters.as_slice();
        let mut places = Vec::new();
        for (index, &size) in sizes.iter().enumerate() {
            let (own, others) = letters.split_at_checked(size.into()).ok_or("letters are missing")?;
            if own.is_empty() || !own.is_ascii() || own.windows(2).any(|pair| pair[0] >= pair[1]) {
                return Err("letters are not ascending ASCII");
            }
            places.push(Place { letters: own.to_vec(), ended: u64::from(index >= usize::from(*shortest)) });
            letters = others;
        }
        if !letters.is_empty() || high.last() == Some(&0) {
            return Err("there is more than was asked for");
        }
        let mut numbers = Self { places, values: Vec::new() };
        let range = numbers.range().ok_or("keys are too long")?;
        let width = low_bytes(range, items);
        if low.len() != items * width {
            return Err("numbers are missing");
        }
        numbers.values.try_reserve_exact(items.min(8 * high.len())).map_err(|_| "there is no memory for them")?;
        for bit in (0..8 * high.len()).filter(|bit| high[bit / 8] >> (bit % 8) & 1 == 1) {
            let rank = numbers.values.len();
            let low = low.get(rank * width..(rank + 1) * width).ok_or("there are too many")?;
            let low = low.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
            let above = (bit - rank) as u64;
            let value = above << (8 * width) | low;
            // Of a larger part bits would be lost.
            if above > high_part(range, width)
                || value >= range
                || numbers.values.last().is_some_and(|&last| last >= value)
            {
                return Err("numbers are not ascending");
            }
            numbers.values.push(value);
        }
        if numbers.values.len() == items { Ok(numbers) } else { Err("numbers are missing") }
    }
}

/// How many low bytes cost the fewest bits in all.
fn low_bytes(range: u64, items: usize) -> usize {
    let share = range / (items as u64).max(1);
    (0..8).min_by_key(|&width| 8 * width as u64 + high_part(share, width)).unwrap_or(0)
}

fn high_part(value: u64, width: usize) -> u64 {
    value >> (8 * width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(keys: &[&str]) -> Numbers {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        Numbers::from_sorted(&keys).unwrap()
    }

    #[test]
    fn keys_take_few_bytes() {
        let size = |keys: &[String]| {
            let Packed { sizes, letters, low, high } = Numbers::from_sorted(keys).unwrap().pack();
            2 * sizes.len() + letters.len() + low.len() + high.len()
        };
        let digits: Vec<String> = (0..100_000).map(|item| format!("{item:07}")).collect();
        assert!(size(&digits) < 26_000, "{}", size(&digits));
        let mut seed = 1u64;
        let mut letter = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[(seed >> 33) as usize % 36])
        };
        let mut codes: Vec<String> = (0..100_000).map(|_| (0..10).map(|_| letter()).collect()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert!(size(&codes) < 526_000, "{}", size(&codes));
    }

    #[test]
    fn damaged_numbers_are_refused() {
        let packed = numbers(&["a0512", "a7341", "b", "b3007"]).pack();
        assert!(Numbers::unpack(&packed, 4).is_ok());
        for items in [0, 3, 5, 1 << 30] {
            assert!(Numbers::unpack(&packed, items).is_err(), "{items}");
        }
        let changes: [fn(&mut Packed); 12] = [
            |packed| packed.sizes.clear(),
            |packed| packed.sizes[1] = 0,
            |packed| packed.sizes[1] = 200,
            |packed| packed.sizes = vec![u16::MAX; 300],
            |packed| packed.letters[0] = 200,
            |packed| packed.letters.swap(0, 1),
            |packed| packed.low.push(0),
            |packed| packed.low.fill(0),
            |packed| packed.high.push(1),
            |packed| packed.high.fill(0xff),
            |packed| packed.high.push(0),
            |packed| packed.letters.push(b'z'),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut packed = packed.clone();
            change(&mut packed);
            assert!(Numbers::unpack(&packed, 4).is_err(), "change {number}");
        }
    }
}
