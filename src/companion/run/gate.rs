//! Whether an exported model is good enough to be written, and what to do where it is not.

use crate::companion::evaluate::change;
use std::fmt;
use std::path::Path;

/// How good the exported model is beside the trained one, on the validation part.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// Bits of a weight in the file.
    pub bits: u8,
    /// What both are judged by: "ndcg@10", or "score" with tasks.
    pub measure: &'static str,
    /// That of the trained model.
    pub trained: f64,
    /// That of the exported one.
    pub exported: f64,
    /// The share of it that is lost, negative when it is gained; `None` when there was none to lose.
    pub loss: Option<f64>,
    /// The most that may be lost.
    pub max_loss: f64,
    /// The mean share of common items in both top 10.
    pub overlap: f64,
    /// The exported file's size.
    pub bytes: usize,
    /// Whether the model is private: then the file is written whatever it loses, since that depends on the log.
    pub is_private: bool,
}

impl Gate {
    /// Whether the file is written.
    pub fn passed(&self) -> bool {
        self.is_private || !(self.loses_too_much() || self.differs_too_much())
    }

    /// The next larger number of bits.
    pub fn more_bits(&self) -> Option<u8> {
        match self.bits {
            4 => Some(8),
            8 => Some(16),
            _ => None,
        }
    }

    /// What helps a refused file of this run.
    pub fn fix(&self, run: &Path) -> String {
        let (bits, run) = (self.bits, run.display());
        let more = self.more_bits().map(|bits| format!("`foreclick export {run} --bits {bits}` takes more bits"));
        // A larger loss does not relax the other limit.
        let larger = (!self.differs_too_much())
            .then(|| format!("`foreclick export {run} --bits {bits} --max-loss SHARE` allows a larger loss"));
        let fixes: Vec<String> = more.into_iter().chain(larger).collect();
        if fixes.is_empty() { "no bits are enough: train longer or on more events".into() } else { fixes.join("; ") }
    }

    fn loses_too_much(&self) -> bool {
        self.loss.is_some_and(|loss| loss > self.max_loss)
    }

    fn differs_too_much(&self) -> bool {
        self.overlap < self.least_overlap()
    }

    /// The least that `overlap` may be. int4 changes places among near equals, which costs no accuracy that NDCG would
    /// not show.
    fn least_overlap(&self) -> f64 {
        if self.bits == 4 { 0.85 } else { 0.95 }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bits, measure, trained, exported, loss, max_loss, overlap, bytes, is_private } = self;
        let verdict = match (self.loses_too_much(), self.differs_too_much()) {
            _ if *is_private => "written, as a private model is whatever it loses",
            (false, false) => "written",
            (true, false) => "REFUSED for its loss",
            (false, true) => "REFUSED for its top-10 overlap",
            (true, true) => "REFUSED for its loss and its top-10 overlap",
        };
        write!(
            f,
            "export {verdict}: {bits} bits, {bytes} bytes; validation {measure} {trained:.5} -> {exported:.5} ({}, may \
             lose {:.2}%), top-10 overlap {:.1}% (at least {:.0}%)",
            change(*loss),
            100.0 * max_loss,
            100.0 * overlap,
            100.0 * self.least_overlap()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(bits: u8, loss: f64, overlap: f64) -> Gate {
        Gate {
            bits,
            measure: "ndcg@10",
            trained: 0.1,
            exported: 0.1,
            loss: Some(loss),
            max_loss: 0.01,
            overlap,
            bytes: 1000,
            is_private: false,
        }
    }

    #[test]
    fn the_limit_that_failed_is_named_and_what_helps() {
        let run = Path::new("runs/shop");
        let (loss, overlap) = (gate(8, 0.02, 0.99), gate(8, 0.0, 0.94));
        assert!(loss.to_string().contains("REFUSED for its loss: 8 bits"), "{loss}");
        assert!(loss.fix(run).contains("export runs/shop --bits 16`"), "{}", loss.fix(run));
        assert!(loss.fix(run).contains("--bits 8 --max-loss SHARE`"), "{}", loss.fix(run));
        assert!(overlap.to_string().contains("REFUSED for its top-10 overlap: 8 bits"), "{overlap}");
        assert!(overlap.fix(run).contains("--bits 16") && !overlap.fix(run).contains("--max-loss"));
        assert!(gate(8, 0.02, 0.94).to_string().contains("its loss and its top-10 overlap"));
        assert!(!gate(16, 0.02, 0.99).fix(run).contains("more bits"));
        assert!(gate(16, 0.0, 0.94).fix(run).contains("train longer"));
    }

    #[test]
    fn a_private_file_is_written_whatever_it_loses() {
        let private = Gate { is_private: true, ..gate(8, 0.5, 0.1) };
        assert!(private.passed() && private.to_string().contains("export written, as a private"), "{private}");
    }

    #[test]
    fn int4_may_change_more_places() {
        assert!(gate(4, 0.01, 0.86).passed() && !gate(4, 0.01, 0.84).passed() && !gate(8, 0.01, 0.94).passed());
        assert!(Gate { loss: None, ..gate(8, 0.0, 1.0) }.passed(), "nothing to lose");
        assert_eq!([4, 8, 16].map(|bits| gate(bits, 0.0, 1.0).more_bits()), [Some(8), Some(16), None]);
        let nothing = Gate { max_loss: 0.0, ..gate(8, 0.0, 1.0) };
        assert!(nothing.to_string().contains("(+0.00%, may lose 0.00%)"), "{nothing}");
    }
}
