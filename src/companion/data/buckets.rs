//! A table cut into buckets of whole sequences, small enough to be cleaned and sorted in memory one after the other.

use super::column::{Column, Store};
use super::names::MISSING;
use super::table::{FieldColumn, Table};
use anyhow::Result;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use std::ops::Range;

/// A table whose sequences lie together by bucket.
#[derive(Debug)]
pub struct Bucketed {
    /// The rows; within a bucket in the log's order.
    pub table: Table,
    /// What orders rows of one time: `[rows]`.
    pub ties: Column<u32>,
    /// Where each sequence's key stands among all in byte order: `[sequence keys]`.
    pub sequence_ranks: Vec<u32>,
    /// The same of groups: `[groups]`, nothing without groups.
    pub group_ranks: Vec<u32>,
    /// By their sequences' keys.
    pub buckets: Vec<Bucket>,
}

/// A stretch of a table.
#[derive(Debug)]
pub struct Bucket {
    /// Its rows.
    pub rows: Range<usize>,
    /// The ranks of its sequences' keys.
    pub ranks: Range<u32>,
}

impl Bucketed {
    /// Cuts a table. Rows without a sequence are in the first bucket. `apart` draws each sequence's ties by itself.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn of(mut table: Table, seed: u64, apart: bool, store: &Store) -> Result<Self> {
        let sequence_ranks = table.sequences.names.ranks();
        let group_ranks = table.groups.as_ref().map_or(vec![], |groups| groups.names.ranks());
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut ties = if apart {
            ties_apart(&table, seed, store)?
        } else {
            Column::collect(store, (0..table.rows).map(|_| random.next_u32()))?
        };

        let buckets = cut(&table, &sequence_ranks, store.bucket);
        if buckets.len() > 1 {
            let place = |&id: &u32| match id {
                MISSING => 0,
                id => buckets.partition_point(|bucket| bucket.ranks.start <= sequence_ranks[id as usize]) as u32 - 1,
            };
            let places = Column::collect(store, table.sequences.ids.iter().map(place))?;
            let starts: Vec<usize> = buckets.iter().map(|bucket| bucket.rows.start).collect();
            ties = ties.put_together(store, &places, &starts)?;
            table.put_together(store, &places, &starts)?;
        }
        Ok(Self { table, ties, sequence_ranks, group_ranks, buckets })
    }
}

/// Numbers that depend on a sequence's key, its own rows and the seed alone: what is promised of one sequence more or less holds
/// only where the others stay as they are. One generator draws faster, but each sequence's numbers after those before it.
fn ties_apart(table: &Table, seed: u64, store: &Store) -> Result<Column<u32>> {
    let mut met = vec![0_u64; table.sequences.names.len()];
    let tie = |&id: &u32| {
        if id == MISSING {
            return 0;
        }
        let met = &mut met[id as usize];
        *met += 1;
        let key = table.sequences.names.get(id);
        let hash =
            Sha256::new().chain_update(seed.to_le_bytes()).chain_update(met.to_le_bytes()).chain_update(key).finalize();
        hash.iter().take(4).fold(0, |number, &byte| number << 8 | u32::from(byte))
    };
    Column::collect(store, table.sequences.ids.iter().map(tie))
}

/// Buckets of at most so many rows, unless one sequence has more.
fn cut(table: &Table, ranks: &[u32], most: usize) -> Vec<Bucket> {
    let mut counts = vec![0_u32; ranks.len()];
    let mut without = 0;
    for &id in &table.sequences.ids {
        match id {
            MISSING => without += 1,
            id => counts[ranks[id as usize] as usize] += 1,
        }
    }
    let mut buckets = vec![Bucket { rows: 0..without, ranks: 0..0 }];
    for (rank, count) in (0..).zip(counts) {
        let count = count as usize;
        let (place, last) = (buckets.len() - 1, &buckets[buckets.len() - 1]);
        if last.rows.len() + count > most && !last.ranks.is_empty() {
            let end = last.rows.end;
            buckets.push(Bucket { rows: end..end + count, ranks: rank..rank + 1 });
        } else {
            buckets[place].rows.end += count;
            buckets[place].ranks.end = rank + 1;
        }
    }
    buckets
}

impl Table {
    /// See [`Column::put_together`].
    fn put_together(&mut self, store: &Store, places: &[u32], starts: &[usize]) -> Result<()> {
        let keys = |ids: &mut Column<u32>| -> Result<()> {
            *ids = ids.put_together(store, places, starts)?;
            Ok(())
        };
        keys(&mut self.sequences.ids)?;
        keys(&mut self.items.ids)?;
        self.groups.iter_mut().try_for_each(|groups| keys(&mut groups.ids))?;
        if let Some(times) = &mut self.times {
            *times = times.put_together(store, places, starts)?;
        }
        for column in self.fields.iter_mut().chain(self.labels.iter_mut().flatten()) {
            match column {
                FieldColumn::Category(field) => keys(&mut field.ids)?,
                FieldColumn::Number { values, .. } => *values = values.put_together(store, places, starts)?,
            }
        }
        Ok(())
    }
}
