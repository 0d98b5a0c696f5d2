//! An object whose keys are not known before.

use super::{FromJson, Json};
use crate::error::Result;
use serde::{Serialize, Serializer};

/// How many there may be: each is compared with all others.
pub(super) const MAX_MEMBERS: usize = 1000;

/// An object's members in their order: a page keeps few of them, and a tree of them costs it 2.6 KB with gzip.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Members<T>(Vec<(String, T)>);

impl<T> Members<T> {
    /// The member of a name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// Gives the member of a name this value.
    pub fn insert(&mut self, name: &str, value: T) {
        match self.0.iter_mut().find(|(other, _)| other == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }
}

impl<T> FromIterator<(String, T)> for Members<T> {
    fn from_iter<I: IntoIterator<Item = (String, T)>>(members: I) -> Self {
        Self(members.into_iter().collect())
    }
}

impl<T: Serialize> Serialize for Members<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<T: FromJson> FromJson for Members<T> {
    fn from_json(json: &mut Json<'_>) -> Result<Self> {
        let mut members: Vec<(String, T)> = Vec::new();
        json.object(&mut |json, key| {
            if members.iter().any(|(other, _)| other == key) {
                return Err(json.repeated(key));
            }
            if members.len() == MAX_MEMBERS {
                return Err(json.expected("fewer members"));
            }
            members.push((key.to_owned(), T::from_json(json)?));
            Ok(())
        })?;
        Ok(Self(members))
    }
}
