//! How many trials train for how many epochs.

use super::trials::Trial;
use serde::Serialize;

/// One round of training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rung {
    /// At most so many trials take part.
    pub trials: usize,
    /// Epochs of each.
    pub epochs: usize,
}

/// The rungs: from each to the next one in `factor` trials, `factor` times the epochs, up to `most_epochs` or one trial.
pub fn rungs(trials: usize, first_epochs: usize, factor: usize, most_epochs: usize) -> Vec<Rung> {
    let mut rungs = vec![Rung { trials, epochs: first_epochs.min(most_epochs) }];
    while let Some(&Rung { trials, epochs }) = rungs.last().filter(|rung| rung.trials > 1 && rung.epochs < most_epochs)
    {
        rungs.push(Rung { trials: (trials / factor).max(1), epochs: (epochs * factor).min(most_epochs) });
    }
    rungs
}

/// The trials that take part in a rung, by their places, best first: all in the first, then the best of the one before.
pub fn survivors(trials: &[Trial], rungs: &[Rung], rung: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..trials.len()).collect();
    if let Some(before) = rung.checked_sub(1) {
        let score = |place: usize| trials[place].results.get(before).and_then(|result| result.ndcg);
        places.retain(|&place| score(place).is_some());
        // Stable: of equal ones the earlier.
        places.sort_by(|&a, &b| score(b).unwrap_or_default().total_cmp(&score(a).unwrap_or_default()));
    }
    places.truncate(rungs[rung].trials);
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_end_with_one_trial_or_with_all_epochs() {
        let shape = |trials, first, factor, most| {
            rungs(trials, first, factor, most).iter().map(|rung| (rung.trials, rung.epochs)).collect::<Vec<_>>()
        };
        assert_eq!(shape(16, 2, 3, 20), [(16, 2), (5, 6), (1, 18)]);
        assert_eq!(shape(27, 1, 3, 1000), [(27, 1), (9, 3), (3, 9), (1, 27)]);
        assert_eq!(shape(16, 2, 4, 5), [(16, 2), (4, 5)]);
        assert_eq!(shape(2, 3, 3, 20), [(2, 3), (1, 9)]);
        assert_eq!(shape(1, 2, 3, 20), [(1, 2)]);
        assert_eq!(shape(9, 50, 3, 20), [(9, 20)]);
    }
}
