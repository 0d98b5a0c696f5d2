//! How good answers to tasks are: pairs of a score or a class and what was true.

/// The area under the ROC curve: the share of pairs of a yes and a no in which the yes has the higher score, equal scores being
/// half a pair (Mann and Whitney 1947). One half where either is missing.
pub fn auroc(scored: &[(impl Copy + Into<f64>, bool)]) -> f64 {
    let sorted = by_falling_score(scored);
    let (mut yes, mut no, mut pairs) = (0.0, 0.0, 0.0);
    for same in sorted.chunk_by(|a, b| a.0 == b.0) {
        let here = same.iter().filter(|pair| pair.1).count() as f64;
        let others = same.len() as f64 - here;
        pairs += others * (yes + here / 2.0);
        yes += here;
        no += others;
    }
    if yes > 0.0 && no > 0.0 { pairs / (yes * no) } else { 0.5 }
}

/// The area under the curve of precision over recall, as average precision: the sum of the steps of recall times the precision
/// there. 0 where there is no yes.
pub fn average_precision(scored: &[(impl Copy + Into<f64>, bool)]) -> f64 {
    let all = scored.iter().filter(|pair| pair.1).count() as f64;
    let (mut yes, mut met, mut area) = (0.0, 0.0, 0.0);
    for same in by_falling_score(scored).chunk_by(|a, b| a.0 == b.0) {
        let here = same.iter().filter(|pair| pair.1).count() as f64;
        yes += here;
        met += same.len() as f64;
        area += here * yes / met;
    }
    if all > 0.0 { area / all } else { 0.0 }
}

fn by_falling_score(scored: &[(impl Copy + Into<f64>, bool)]) -> Vec<(f64, bool)> {
    let mut sorted: Vec<(f64, bool)> = scored.iter().map(|&(score, truth)| (score.into(), truth)).collect();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    sorted
}

/// The mean, over the classes that are true or answered somewhere, of the harmonic mean of precision and recall. Pairs are
/// `(answer, truth)`, each below `classes`.
pub fn macro_f1(pairs: &[(usize, usize)], classes: usize) -> f64 {
    let (mut answered, mut there, mut right) = (vec![0_u32; classes], vec![0_u32; classes], vec![0_u32; classes]);
    for &(answer, truth) in pairs {
        answered[answer] += 1;
        there[truth] += 1;
        right[truth] += u32::from(answer == truth);
    }
    let met = (0..classes).filter(|&class| answered[class] + there[class] > 0);
    let scores: Vec<f64> =
        met.map(|class| 2.0 * f64::from(right[class]) / f64::from(answered[class] + there[class])).collect();
    scores.iter().sum::<f64>() / scores.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_equal_their_definitions() {
        let scored = [(0.9, true), (0.8, false), (0.7, true), (0.7, false), (0.1, false)];
        // Pairs won: .9 beats three; .7 beats one and ties one.
        assert!((auroc(&scored) - 4.5 / 6.0).abs() < 1e-12);
        // Recall rises by a half at precision 1 and by a half at 2 of 4.
        assert!((average_precision(&scored) - (1.0 + 0.5) / 2.0).abs() < 1e-12);
        assert_eq!((auroc(&[(0.3, true)]), average_precision(&[(0.3, false)])), (0.5, 0.0));
        let constant: Vec<_> = (0..8).map(|n| (0.5, n < 2)).collect();
        assert_eq!((auroc(&constant), average_precision(&constant)), (0.5, 0.25));
    }

    #[test]
    fn f1_is_a_mean_over_classes() {
        // Class 0: 2 right of 3 answered and 2 true; class 1: none right of 0 and 1; class 2 never comes.
        let f1 = macro_f1(&[(0, 0), (0, 0), (0, 1)], 3);
        assert!((f1 - (4.0 / 5.0 + 0.0) / 2.0).abs() < 1e-12);
        assert_eq!(macro_f1(&[], 2), 0.0);
    }
}
