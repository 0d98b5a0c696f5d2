//! f64 values as text: their bytes, the lowest first, in Base64 (RFC 4648, section 4). JSON would take twice as many bytes
//! for as many digits.

use anyhow::{Context, Result, ensure};

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Values as text.
pub fn encode(values: &[f64]) -> String {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// Text as `count` finite values.
///
/// # Errors
/// When it is no Base64, or of another number of values.
pub fn decode(text: &str, count: usize) -> Result<Vec<f64>> {
    let letters = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(letters.len() * 3 / 4);
    for chunk in letters.chunks(4) {
        let mut bits = 0u32;
        for letter in chunk {
            let value =
                LETTERS.iter().position(|other| other == letter).context("a letter that Base64 does not have")?;
            bits = bits << 6 | value as u32;
        }
        bits <<= 6 * (4 - chunk.len());
        bytes.extend_from_slice(&bits.to_be_bytes()[1..chunk.len()]);
    }
    ensure!(bytes.len() == 8 * count, "{} bytes, expected {count} values of 8", bytes.len());
    let (values, _) = bytes.as_chunks::<8>();
    let values: Vec<f64> = values.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect();
    ensure!(values.iter().all(|value| value.is_finite()), "a value that is not finite");
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_standard_and_reads_back() {
        assert_eq!(encode(&[1.0]), "AAAAAAAA8D8=");
        for count in 0..7 {
            let values: Vec<f64> = (0..count).map(|value| f64::from(value) / 3.0 - 1.0).collect();
            assert_eq!(decode(&encode(&values), values.len()).unwrap(), values);
        }
        for (text, what) in [
            ("AAAAAAAA8D8=", "expected 2 values"),
            ("AAAA AAA8D8=", "does not have"),
            ("A", "0 bytes"),
            ("", "0 bytes"),
        ] {
            assert!(decode(text, 2).unwrap_err().to_string().contains(what), "{text}");
        }
        assert!(decode(&encode(&[f64::NAN]), 1).is_err());
    }
}
