//! Rows of different lengths in one piece of memory.

/// For each number below a count a list of values.
#[derive(Debug, Default)]
pub struct Lists<T> {
    /// Where each row starts in `values`, and the end: `[rows + 1]`.
    offsets: Vec<u32>,
    values: Vec<T>,
}

impl<T: Copy> Lists<T> {
    /// Sorts values by their rows, which are below `rows`; those of a row stay in their order.
    pub fn of(rows: usize, pairs: &[(u32, T)]) -> Self {
        let mut offsets = vec![0; rows + 1];
        for &(row, _) in pairs {
            offsets[row as usize + 1] += 1;
        }
        for row in 0..rows {
            offsets[row + 1] += offsets[row];
        }
        let mut next = offsets.clone();
        // Every place is written below.
        let mut values: Vec<T> = pairs.iter().map(|&(_, value)| value).collect();
        for &(row, value) in pairs {
            let place = &mut next[row as usize];
            values[*place as usize] = value;
            *place += 1;
        }
        Self { offsets, values }
    }

    /// The values of a row.
    pub fn row(&self, row: u32) -> &[T] {
        &self.values[self.offsets[row as usize] as usize..self.offsets[row as usize + 1] as usize]
    }
}
