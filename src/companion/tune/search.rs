//! Goes through the rungs.

use super::halving::{Rung, survivors};
use super::trials::{Score, Trial, Trials};
use anyhow::Result;

/// The training that comes next.
#[derive(Debug, Clone, Copy)]
pub struct Next<'a> {
    /// Its trial.
    pub trial: &'a Trial,
    /// train.epochs.
    pub epochs: usize,
    /// The rung, from 0, and the trial's place in it.
    pub place: (usize, usize),
    /// About how long all that is left takes, once something was measured.
    pub seconds_left: Option<f64>,
}

/// Trains what has no result yet; `learn` gives a result, or `None` when it was stopped. `save` keeps each result. False
/// when it was stopped.
///
/// # Errors
/// What `learn` and `save` say.
pub fn search(
    trials: &mut Trials,
    rungs: &[Rung],
    mut learn: impl FnMut(Next<'_>) -> Result<Option<Score>>,
    mut save: impl FnMut(&Trials) -> Result<()>,
) -> Result<bool> {
    for (number, rung) in rungs.iter().enumerate() {
        for (order, place) in survivors(&trials.trials, rungs, number).into_iter().enumerate() {
            let seconds_left = seconds_left(trials, rungs);
            let trial = &trials.trials[place];
            if trial.results.len() > number {
                continue;
            }
            let next = Next { trial, epochs: rung.epochs, place: (number, order), seconds_left };
            let score = learn(next)?;
            let stopped = score.is_none();
            trials.trials[place].results.extend(score);
            save(trials)?;
            if stopped {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// By what an epoch has cost so far, the ones saved by early stopping included.
fn seconds_left(trials: &Trials, rungs: &[Rung]) -> Option<f64> {
    let results = || trials.trials.iter().flat_map(|trial| &trial.results);
    let done: usize = results().map(|score| score.epochs).sum();
    let all: usize = rungs.iter().map(|rung| rung.trials * rung.epochs).sum();
    let seconds: f64 = results().map(|score| score.seconds).sum();
    (done > 0).then(|| seconds / done as f64 * all.saturating_sub(done) as f64)
}

#[cfg(test)]
mod tests {
    use super::super::halving::rungs;
    use super::*;
    use crate::companion::config::TuneConfig;

    fn trials() -> Trials {
        Trials::draw(&TuneConfig { trials: 9, ..TuneConfig::default() }, "log".into()).unwrap()
    }

    /// The higher its number the better a trial, but the last one diverges, and more epochs spoil number 8.
    fn score(next: Next<'_>) -> Score {
        let number = next.trial.number;
        let ndcg =
            (number < 9).then_some(0.01 * number as f64 - if number == 8 { 0.001 * next.epochs as f64 } else { 0.0 });
        Score { epochs: next.epochs, ndcg, best_epoch: 1, seconds: next.epochs as f64 }
    }

    #[test]
    fn the_best_of_a_rung_go_on_and_the_best_of_all_results_wins() {
        let (mut trials, rungs) = (trials(), rungs(9, 1, 3, 100));
        let mut order = Vec::new();
        let mut left = Vec::new();
        let done = search(
            &mut trials,
            &rungs,
            |next| {
                order.push((next.trial.number, next.epochs, next.place));
                left.push(next.seconds_left);
                Ok(Some(score(next)))
            },
            |_| Ok(()),
        );
        assert!(done.unwrap());
        let numbers: Vec<usize> = order.iter().map(|&(number, ..)| number).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7, 6, 8]);
        assert_eq!(order[9..], [(8, 3, (1, 0)), (7, 3, (1, 1)), (6, 3, (1, 2)), (8, 9, (2, 0))]);
        // 27 epochs at a second each.
        assert_eq!((left[0], left[1], left[12]), (None, Some(26.0), Some(9.0)));
        let best = trials.best().unwrap();
        assert_eq!((best.trial.number, best.score.epochs, best.score.ndcg), (8, 1, Some(0.079)));
        let ranked: Vec<usize> = trials.ranked().iter().map(|best| best.trial.number).collect();
        assert_eq!(ranked, [8, 7, 6, 5, 4, 3, 2, 1, 9]);
        assert!(best.keys().starts_with("[train]\nepochs = 1\nblocks = "), "{}", best.keys());
        let table = trials.table(&Default::default()).unwrap();
        assert!(table.lines().nth(8).unwrap().contains("0.01000"), "{table}");
        assert!(table.lines().last().unwrap().contains("diverged"), "{table}");
    }

    #[test]
    fn a_search_that_goes_on_repeats_nothing() {
        let rungs = rungs(9, 1, 3, 100);
        let mut whole = trials();
        search(&mut whole, &rungs, |next| Ok(Some(score(next))), |_| Ok(())).unwrap();
        let (mut parts, mut kept, mut learned) = (trials(), None, 0);
        for stop_after in [0, 4, 6] {
            let mut now = 0;
            let done = search(
                &mut parts,
                &rungs,
                |next| {
                    now += 1;
                    learned += usize::from(now <= stop_after);
                    Ok((now <= stop_after).then(|| score(next)))
                },
                |trials| {
                    kept = Some(trials.clone());
                    Ok(())
                },
            );
            assert!(!done.unwrap());
            parts = kept.take().unwrap();
        }
        assert!(
            search(
                &mut parts,
                &rungs,
                |next| {
                    learned += 1;
                    Ok(Some(score(next)))
                },
                |_| Ok(())
            )
            .unwrap()
        );
        assert_eq!((learned, parts), (13, whole));
    }
}
