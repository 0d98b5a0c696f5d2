//! A longer log does not need more memory, but for what each sequence takes.
#![cfg(feature = "companion")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use foreclick::companion::config::Config;
use foreclick::companion::data;
use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller keeps alloc's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps dealloc's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes allocated at once while a log of so many events is read, in sequences of 200.
fn most(events: u64) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let mut log = BufWriter::new(File::create(folder.path().join("log.csv")).unwrap());
    writeln!(log, "session,item,time").unwrap();
    for event in 0..events {
        // Two hundred times through all sessions, so that their rows lie far apart.
        let session = event % (events / 200);
        writeln!(log, "{session},{},{}", event * event % 997, 1_600_000_000 + event).unwrap();
    }
    log.flush().unwrap();
    let toml = "[log]\npath = \"log.csv\"\n[sequence]\nkey = \"session\"\ntime = \"time\"\n[item]\ncolumn = \"item\"\n";
    let config = Config::parse(toml, folder.path()).unwrap();
    let before = NOW.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let (dataset, report) = data::load(&config).unwrap();
    assert_eq!((report.rows_kept, dataset.sequences.len() as u64), (events, events / 200));
    MOST.load(Ordering::Relaxed) - before
}

#[test]
fn more_events_take_a_few_bytes_each() {
    // Both are longer than what is cleaned at once.
    let (short, long) = (2_400_000, 4_800_000);
    let (some, more) = (most(short), most(long));
    let growth = more.saturating_sub(some) as f64 / (long - short) as f64;
    // A column of the events would take 4 bytes more.
    println!("{some} and {more} bytes: {growth:.1} more for each event");
    assert!(growth < 4.0, "{some} and {more} bytes: {growth:.1} more for each event, expected less than 4");
}
