//! Reads the JSON of model files and of what is known beside them.
//!
//! Our own, because it ships to every page: serde's visitors, its error texts and the exact parsing of floats would
//! take a third of the browser's size budget. It reads straight into types, so that a hostile file can't make it
//! allocate more than the file is long, and it refuses unknown keys, like the rest of the file format. Writing is
//! serde's.

mod members;
mod numbers;

use crate::error::{Error, Result};
pub use members::Members;

/// How deep objects and lists may lie in each other.
const MAX_DEPTH: u32 = 16;

/// How many bytes before and after a place are shown of its line.
const NEAR: usize = 30;

/// A text being read.
pub struct Json<'a> {
    /// What it is, for errors.
    what: &'static str,
    text: &'a str,
    at: usize,
    depth: u32,
    /// Makes the error that something else was expected here.
    wrong: fn(&Json<'_>, &str) -> Error,
}

/// What can be read from JSON.
pub trait FromJson: Sized {
    /// Reads one value.
    ///
    /// # Errors
    /// [`Error::Format`] says where and what was expected.
    fn from_json(json: &mut Json<'_>) -> Result<Self>;
}

/// Where one of an object's members goes.
pub trait Place {
    /// Reads the value of this key.
    ///
    /// # Errors
    /// [`Error::Format`] for one that was there before.
    fn read(&mut self, json: &mut Json<'_>, key: &str) -> Result<()>;
}

impl<T: FromJson> Place for Option<T> {
    fn read(&mut self, json: &mut Json<'_>, key: &str) -> Result<()> {
        if self.is_some() {
            return Err(json.repeated(key));
        }
        *self = Some(T::from_json(json)?);
        Ok(())
    }
}

/// Reads a whole text as one value; `what` names it in errors.
///
/// # Errors
/// [`Error::Format`] says where and what was expected.
pub fn read<T: FromJson>(text: &[u8], what: &'static str) -> Result<T> {
    read_with(text, what, T::from_json)
}

/// Reads a whole text by a function.
///
/// # Errors
/// [`Error::Format`] says where and what was expected.
pub fn read_with<T>(text: &[u8], what: &'static str, by: impl FnOnce(&mut Json<'_>) -> Result<T>) -> Result<T> {
    let text = std::str::from_utf8(text)
        .map_err(|_| Error::Format(format!("{what}: not UTF-8; this is no model file, or it is damaged")))?;
    read_text(Json { what, text, at: 0, depth: 0, wrong: damaged }, by)
}

/// Reads a whole text that people write by a function; `wrong` makes the errors.
///
/// # Errors
/// Those that `wrong` and `by` make.
pub fn read_written<T>(
    text: &str,
    wrong: fn(&Json<'_>, &str) -> Error,
    by: impl FnOnce(&mut Json<'_>) -> Result<T>,
) -> Result<T> {
    read_text(Json { what: "", text, at: 0, depth: 0, wrong }, by)
}

fn read_text<T>(mut json: Json<'_>, by: impl FnOnce(&mut Json<'_>) -> Result<T>) -> Result<T> {
    let value = by(&mut json)?;
    json.skip_space();
    if json.at < json.text.len() { Err(json.expected("the end")) } else { Ok(value) }
}

/// A file that a program wrote and that no one is to correct.
fn damaged(json: &Json<'_>, expected: &str) -> Error {
    Error::Format(format!("{}, byte {}: expected {expected}; export the model again", json.what, json.at))
}

impl Json<'_> {
    /// Reads an object: `member` is given each key and reads its value.
    ///
    /// # Errors
    /// [`Error::Format`], or what `member` says.
    pub fn object(&mut self, member: &mut dyn FnMut(&mut Self, &str) -> Result<()>) -> Result<()> {
        self.series(b'{', b'}', &mut |json| {
            let key = String::from_json(json)?;
            if !json.eat(b':') {
                return Err(json.expected("':'"));
            }
            member(json, &key)
        })
    }

    /// Reads a list: `element` reads each value.
    ///
    /// # Errors
    /// [`Error::Format`], or what `element` says.
    pub fn list(&mut self, element: &mut dyn FnMut(&mut Self) -> Result<()>) -> Result<()> {
        self.series(b'[', b']', element)
    }

    /// Reads a number; NaN for `null`.
    ///
    /// # Errors
    /// As [`FromJson::from_json`].
    pub fn number(&mut self) -> Result<f32> {
        self.skip_space();
        if self.eat_word("null") { Ok(f32::NAN) } else { f32::from_json(self) }
    }

    fn series(&mut self, open: u8, close: u8, element: &mut dyn FnMut(&mut Self) -> Result<()>) -> Result<()> {
        if !self.eat(open) {
            return Err(self.expected(if open == b'{' { "an object" } else { "a list" }));
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.expected("fewer levels"));
        }
        if !self.eat(close) {
            loop {
                element(self)?;
                if self.eat(close) {
                    break;
                }
                if !self.eat(b',') {
                    return Err(self.expected("',' or an end"));
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// The error that something else was expected here.
    pub fn expected(&self, expected: &str) -> Error {
        (self.wrong)(self, expected)
    }

    /// The line that is being read, the first being 1, and what stands around this place in it.
    pub fn place(&self) -> (usize, &str) {
        let bytes = self.text.as_bytes();
        let (mut line, mut start) = (1, self.at.saturating_sub(NEAR));
        for (place, &byte) in bytes.iter().enumerate().take(self.at) {
            if byte == b'\n' {
                line += 1;
                start = start.max(place + 1);
            }
        }
        let mut end = start.max(self.at);
        while end < bytes.len().min(self.at + NEAR) && bytes[end] != b'\n' {
            end += 1;
        }
        // No character is split.
        while !self.text.is_char_boundary(start) {
            start += 1;
        }
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        (line, self.text.get(start..end).unwrap_or_default().trim_ascii())
    }

    /// Reads an object's members into their places.
    ///
    /// # Errors
    /// [`Error::Format`] for a key that has no place or comes again.
    pub fn members(&mut self, places: &mut [(&str, &mut dyn Place)]) -> Result<()> {
        self.object(&mut |json, key| match places.iter_mut().find(|(name, _)| *name == key) {
            Some((_, place)) => place.read(json, key),
            None => Err(json.expected(&format!("no key \"{key}\""))),
        })
    }

    fn repeated(&self, key: &str) -> Error {
        self.expected(&format!("key \"{key}\" once"))
    }

    /// The error of a key that is not there.
    pub fn missing(&self, key: &str) -> Error {
        self.expected(&format!("a key \"{key}\" before"))
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over space, then over this byte if it comes next.
    fn eat(&mut self, byte: u8) -> bool {
        self.skip_space();
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Passes over this word if it comes next.
    fn eat_word(&mut self, word: &str) -> bool {
        let there = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += if there { word.len() } else { 0 };
        there
    }

    fn escape(&mut self) -> Result<char> {
        let escaped = self.peek();
        self.at += 1;
        Ok(match escaped {
            Some(same @ (b'"' | b'\\' | b'/')) => char::from(same),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.hex()?;
                // Characters beyond the first 65,536 come as two halves.
                let code = if (0xd800..0xdc00).contains(&first) && self.eat_word("\\u") {
                    match self.hex()? {
                        second @ 0xdc00..0xe000 => 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                        // Half a character is none.
                        _ => first,
                    }
                } else {
                    first
                };
                char::from_u32(code).ok_or_else(|| self.expected("a character"))?
            }
            _ => return Err(self.expected("an escape")),
        })
    }

    fn hex(&mut self) -> Result<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.expected("four hexadecimal digits"))?;
            self.at += 1;
        }
        Ok(code)
    }
}

impl FromJson for bool {
    fn from_json(json: &mut Json<'_>) -> Result<Self> {
        json.skip_space();
        let value = json.eat_word("true");
        if value || json.eat_word("false") { Ok(value) } else { Err(json.expected("true or false")) }
    }
}

impl FromJson for String {
    fn from_json(json: &mut Json<'_>) -> Result<Self> {
        if !json.eat(b'"') {
            return Err(json.expected("a text"));
        }
        let mut text = Self::new();
        loop {
            let start = json.at;
            while json.peek().is_some_and(|byte| byte != b'"' && byte != b'\\' && byte >= b' ') {
                json.at += 1;
            }
            // Both ends lie beside ASCII, so no character is split.
            text.push_str(json.text.get(start..json.at).unwrap_or_default());
            let end = json.peek();
            json.at += 1;
            match end {
                Some(b'"') => return Ok(text),
                Some(b'\\') => text.push(json.escape()?),
                _ => return Err(json.expected("'\"'")),
            }
        }
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(json: &mut Json<'_>) -> Result<Self> {
        let mut values = Self::new();
        json.list(&mut |json| {
            values.push(T::from_json(json)?);
            Ok(())
        })?;
        Ok(values)
    }
}

/// Reads a struct from an object with just its fields.
macro_rules! read_object {
    ($name:ident { $($field:ident),* $(,)? } $(or { $($optional:ident: $default:expr),* })?) => {
        impl crate::json::FromJson for $name {
            fn from_json(json: &mut crate::json::Json<'_>) -> crate::error::Result<Self> {
                $(let mut $field = None;)*
                $($(let mut $optional = None;)*)?
                json.members(&mut [
                    $((stringify!($field), &mut $field),)*
                    $($((stringify!($optional), &mut $optional),)*)?
                ])?;
                $(let Some($field) = $field else { return Err(json.missing(stringify!($field))) };)*
                $($(let $optional = $optional.unwrap_or($default);)*)?
                Ok(Self { $($field,)* $($($optional,)*)? })
            }
        }
    };
}

/// Reads an enum without contents from its name.
macro_rules! read_name {
    ($name:ident { $($text:literal => $variant:ident),* $(,)? }) => {
        impl crate::json::FromJson for $name {
            fn from_json(json: &mut crate::json::Json<'_>) -> crate::error::Result<Self> {
                match String::from_json(json)?.as_str() {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(json.expected(concat!("one of", $(" ", $text),*))),
                }
            }
        }
    };
}

pub(crate) use {read_name, read_object};

#[cfg(test)]
mod tests;
