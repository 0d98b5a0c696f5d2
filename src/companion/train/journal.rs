//! What a run writes down while it goes: JSON Lines and TensorBoard events.

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The two logs of a run; a resumed run appends.
pub struct Journal {
    lines: File,
    events: File,
}

impl Journal {
    /// Opens `metrics.jsonl` and a new TensorBoard file in a run's folder.
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn open(folder: &Path) -> Result<Self> {
        let open = |name: &str| {
            let path = folder.join(name);
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(&path)
                .with_context(|| format!("can't write {}", path.display()))
        };
        let lines = open("metrics.jsonl")?;
        let now = now();
        let mut events = open(&format!("events.out.tfevents.{:.0}.foreclick", now))?;
        write_record(&mut events, &event(now, None, &[], Some("brain.Event:2")))?;
        Ok(Self { lines, events })
    }

    /// Writes the numbers of one step: an object that may hold one level of objects, whose keys are joined by `/`.
    ///
    /// # Errors
    /// When `fields` is no object; when the disk is full or gone.
    pub fn write(&mut self, step: u64, fields: Value) -> Result<()> {
        let mut line = match fields {
            Value::Object(line) => line,
            other => bail!("a line of the journal is {other}, expected an object"),
        };
        let numbers = numbers(&line);
        line.insert("step".into(), step.into());
        writeln!(self.lines, "{}", Value::Object(line)).context("can't write metrics.jsonl")?;
        write_record(&mut self.events, &event(now(), Some(step), &numbers, None))
            .context("can't write TensorBoard events")
    }
}

/// The numbers by their names.
fn numbers(fields: &Map<String, Value>) -> Vec<(String, f64)> {
    let mut numbers = Vec::new();
    for (name, value) in fields {
        match value {
            Value::Object(inner) => {
                numbers
                    .extend(inner.iter().filter_map(|(key, value)| Some((format!("{name}/{key}"), value.as_f64()?))));
            }
            value => numbers.extend(value.as_f64().map(|number| (name.clone(), number))),
        }
    }
    numbers
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// A TFRecord: length, its checksum, data, its checksum.
fn write_record(file: &mut File, data: &[u8]) -> std::io::Result<()> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(data.len() + 16);
    record.extend_from_slice(&length);
    record.extend_from_slice(&masked_crc(&length).to_le_bytes());
    record.extend_from_slice(data);
    record.extend_from_slice(&masked_crc(data).to_le_bytes());
    file.write_all(&record)
}

/// tensorflow.Event as protocol buffers: wall_time = 1, step = 2, file_version = 3, summary = 5.
fn event(time: f64, step: Option<u64>, numbers: &[(String, f64)], version: Option<&str>) -> Vec<u8> {
    let mut out = vec![0x09];
    out.extend_from_slice(&time.to_le_bytes());
    if let Some(step) = step {
        out.push(0x10);
        varint(&mut out, step);
    }
    if let Some(version) = version {
        bytes(&mut out, 0x1a, version.as_bytes());
    }
    if !numbers.is_empty() {
        let mut summary = Vec::new();
        for (name, number) in numbers {
            // Summary.Value: tag = 1, simple_value = 2.
            let mut value = Vec::new();
            bytes(&mut value, 0x0a, name.as_bytes());
            value.push(0x15);
            value.extend_from_slice(&(*number as f32).to_le_bytes());
            bytes(&mut summary, 0x0a, &value);
        }
        bytes(&mut out, 0x2a, &summary);
    }
    out
}

fn bytes(out: &mut Vec<u8>, tag: u8, data: &[u8]) {
    out.push(tag);
    varint(out, data.len() as u64);
    out.extend_from_slice(data);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// CRC-32C, rotated and shifted as TFRecord wants it.
fn masked_crc(data: &[u8]) -> u32 {
    let mut crc = !0u32;
    for &byte in data {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    (!crc).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc32c() {
        // RFC 3720, B.4: 32 bytes of zeros give 8a9136aa.
        assert_eq!(masked_crc(&[0; 32]), 0x8a91_36aau32.rotate_right(15).wrapping_add(0xa282_ead8));
    }

    #[test]
    fn both_logs_hold_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path()).unwrap();
        let fields = serde_json::json!({"loss": 2.5, "validation": {"ndcg@10": 0.25}});
        journal.write(300, fields).unwrap();
        assert!(journal.write(600, 2.5.into()).is_err());
        let lines = std::fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
        assert_eq!(lines, "{\"loss\":2.5,\"step\":300,\"validation\":{\"ndcg@10\":0.25}}\n");
        let events = std::fs::read_dir(folder.path()).unwrap().filter_map(|entry| {
            let path = entry.unwrap().path();
            path.to_string_lossy().contains("tfevents").then(|| std::fs::read(path).unwrap())
        });
        let bytes = events.last().unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("brain.Event:2") && text.contains("loss") && text.contains("validation/ndcg@10"));
    }
}
