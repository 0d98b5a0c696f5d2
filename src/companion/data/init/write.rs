//! The guesses as a commented foreclick.toml.

use super::Guesses;
use super::choose::{FieldGuess, Guess};
use crate::schema::FilterSeen;

impl Guesses {
    /// The whole file.
    pub fn to_toml(&self) -> String {
        let Self {
            path,
            events,
            first_is_key,
            key,
            time,
            group,
            idle_gap,
            item,
            min_count,
            fields,
            split,
            filter_seen,
        } = self;
        let mut out = String::from(
            "# What foreclick knows of this log. `foreclick init` guessed it from the first 20,000 rows;\n\
             # each guess says why: correct what is wrong. Then: foreclick check, foreclick train.\n\
             # `foreclick init --help` shows every key there is, with its default.\n\n[log]\n",
        );
        entry(&mut out, "path", quoted(path), "");
        if let Some(events) = events {
            entry(&mut out, "events", quoted(events), "because each line is a session with this array of events");
        }
        if *first_is_key {
            entry(&mut out, "first_is_key", "true".into(), "because the first words of the lines are all different");
        }

        out.push_str("\n[sequence]\n");
        match key {
            Some(Guess { value, because }) => entry(&mut out, "key", quoted(value), &format!("because {because}")),
            None => out
                .push_str("# key: left out, because no column's name and values fit; the whole log is one sequence.\n"),
        }
        match time {
            Some(Guess { value: (column, unit), because }) => {
                entry(&mut out, "time", quoted(column), &format!("because {because}"));
                entry(&mut out, "time_unit", quoted(&unit.to_string()), "");
            }
            None => out.push_str("# time: left out, because no column holds times; the log's order counts.\n"),
        }
        match group {
            Some(Guess { value, because }) => entry(&mut out, "group", quoted(value), &format!("because {because}")),
            None => out.push_str("# group: left out, because no column is a basket or an order.\n"),
        }
        if let Some(Guess { value: (), because }) = idle_gap {
            entry(
                &mut out,
                "idle_gap",
                quoted("30m"),
                &format!("because {because}; a pause of half an hour ends a visit"),
            );
        }

        out.push_str("\n[item]\n");
        entry(&mut out, "column", quoted(&item.value), &format!("because {}", item.because));
        entry(&mut out, "min_count", min_count.value.to_string(), &format!("because {}", min_count.because));

        for (name, guess) in fields {
            match guess {
                FieldGuess::Category(because) => field(&mut out, name, "category", because),
                FieldGuess::Number(because) => field(&mut out, name, "number", because),
                FieldGuess::Text(because) => field(&mut out, name, "text", because),
                FieldGuess::Vector(because) => field(&mut out, name, "vector", because),
                FieldGuess::None(because) => {
                    out.push_str(&format!("\n# No [[field]] {}, because {because}.\n", quoted(name)))
                }
            }
        }

        out.push_str("\n[split]\n");
        let because = format!("because {}", split.because);
        match split.value {
            Some((validation, test)) => {
                entry(&mut out, "kind", quoted("time"), &because);
                entry(&mut out, "validation_from", quoted(&validation.to_string()), "");
                entry(&mut out, "test_from", quoted(&test.to_string()), "");
            }
            None => entry(&mut out, "kind", quoted("leave_one_out"), &because),
        }

        out.push_str("\n[evaluate]\n");
        let value = match filter_seen.value {
            FilterSeen::None => "none",
            FilterSeen::Group => "group",
            FilterSeen::All => "all",
        };
        entry(&mut out, "filter_seen", quoted(value), &format!("because {}", filter_seen.because));
        out
    }
}

fn field(out: &mut String, name: &str, kind: &str, because: &str) {
    out.push_str(&format!("\n# The page sends it with each event. A field because {because}.\n[[field]]\n"));
    entry(out, "name", quoted(name), "");
    entry(out, "kind", quoted(kind), "");
}

fn entry(out: &mut String, key: &str, value: String, comment: &str) {
    if !comment.is_empty() {
        out.push_str(&format!("# {key}: {comment}.\n"));
    }
    out.push_str(&format!("{key} = {value}\n"));
}

/// A text in quotes on one line, which may stand in a comment too: JSON's escapes are TOML's, but for one.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}
