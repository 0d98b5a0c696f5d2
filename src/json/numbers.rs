//! Numbers, near enough to the nearest that exists: reading all of them exactly takes tables.

use super::{FromJson, Json};
use crate::error::Result;

impl Json<'_> {
    /// The digits from here on, appended to `number`.
    fn digits(&mut self, number: &mut Decimal, after_point: bool) -> Result<()> {
        let start = self.at;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number.push(digit - b'0', after_point);
            self.at += 1;
        }
        if self.at == start { Err(self.expected("a number")) } else { Ok(()) }
    }
}

/// `digits * 10^exponent`.
#[derive(Default)]
struct Decimal {
    digits: u64,
    exponent: i32,
}

impl Decimal {
    fn push(&mut self, digit: u8, after_point: bool) {
        // More digits than a float holds only move the point.
        let full = self.digits >= 1_000_000_000_000_000_000;
        if !full {
            self.digits = self.digits * 10 + u64::from(digit);
        }
        self.exponent = self.exponent.saturating_add(i32::from(full) - i32::from(after_point));
    }

    /// Exact for up to 15 digits and exponents up to 22 either way, as one exact operand meets another;
    /// otherwise the last bits may be off, and what is below 1e-285 may be 0.
    fn value(&self) -> f64 {
        let power = 10f64.powi(self.exponent.saturating_abs().min(400));
        if self.exponent < 0 { self.digits as f64 / power } else { self.digits as f64 * power }
    }
}

impl FromJson for f64 {
    fn from_json(json: &mut Json<'_>) -> Result<Self> {
        let negative = json.eat(b'-');
        let mut number = Decimal::default();
        json.digits(&mut number, false)?;
        if json.peek() == Some(b'.') {
            json.at += 1;
            json.digits(&mut number, true)?;
        }
        if matches!(json.peek(), Some(b'e' | b'E')) {
            json.at += 1;
            let down = json.peek() == Some(b'-');
            json.at += usize::from(down || json.peek() == Some(b'+'));
            let mut exponent = Decimal::default();
            json.digits(&mut exponent, false)?;
            let exponent = exponent.digits.min(1000) as i32;
            number.exponent = number.exponent.saturating_add(if down { -exponent } else { exponent });
        }
        let value = number.value();
        Ok(if negative { -value } else { value })
    }
}

impl FromJson for f32 {
    fn from_json(json: &mut Json<'_>) -> Result<Self> {
        f64::from_json(json).map(|value| value as f32)
    }
}

impl FromJson for usize {
    fn from_json(json: &mut Json<'_>) -> Result<Self> {
        // Where it is too large for us, the largest there is: no size in a file can be that.
        let value = f64::from_json(json)?;
        if value >= 0.0 && value.trunc() == value { Ok(value as usize) } else { Err(json.expected("a whole number")) }
    }
}

impl FromJson for u32 {
    fn from_json(json: &mut Json<'_>) -> Result<Self> {
        usize::from_json(json).map(|value| u32::try_from(value).unwrap_or(u32::MAX))
    }
}
