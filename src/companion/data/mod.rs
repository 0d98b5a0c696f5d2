//! From a site's log to sequences of events.

mod dataset;

pub use dataset::{Dataset, ItemTable, Part, Sequences};
