//! Names to numbers, by a table of hashes: the standard library's would cost a page kilobytes.

use super::NONE;

/// Names by their numbers, in the order in which they came first.
#[derive(Default)]
pub struct Names {
    names: Vec<String>,
    /// At the name's hash, or the next free place after it, its number; [`NONE`] elsewhere. A power of two, at most half full.
    slots: Vec<u32>,
}

impl Names {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// The name of a number.
    pub fn name(&self, number: usize) -> &str {
        &self.names[number]
    }

    /// A name's number.
    pub fn number(&mut self, name: &str) -> u32 {
        if self.slots.len() <= 2 * self.names.len() {
            self.slots = vec![NONE; (4 * self.names.len()).next_power_of_two().max(16)];
            for number in 0..self.names.len() {
                let slot = self.slot(&self.names[number]);
                self.slots[slot] = number as u32;
            }
        }
        let slot = self.slot(name);
        if self.slots[slot] == NONE {
            self.slots[slot] = self.names.len() as u32;
            self.names.push(name.to_owned());
        }
        self.slots[slot]
    }

    /// Where the name is, or would be.
    fn slot(&self, name: &str) -> usize {
        // FNV-1a.
        let mut hash = 0x811c_9dc5u32;
        for byte in name.bytes() {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
        let mut slot = hash as usize;
        loop {
            slot %= self.slots.len();
            let number = self.slots[slot];
            if number == NONE || self.names[number as usize] == name {
                return slot;
            }
            slot += 1;
        }
    }
}
