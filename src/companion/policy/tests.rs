//! Estimators against what can be computed by hand and against a world whose truth is known; the bandit's bounds.

use super::estimate::{Estimator, Row, estimate, mean_reward};
use super::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SETTINGS: Settings = Settings { rank: 16, switch: 10.0, seed: 1 };
/// The mean reward of each action; the target takes the second in nine of ten cases.
const MEANS: [f64; 3] = [0.2, 0.5, 0.8];
const LOGGED: [f64; 3] = [0.5, 0.3, 0.2];
const ASKED: [f64; 3] = [0.05, 0.9, 0.05];
/// What the target earns: 0.05 * 0.2 + 0.9 * 0.5 + 0.05 * 0.8.
const TRUTH: f64 = 0.5;

fn row(cluster: u32, weight: f64, reward: f64, predicted: f64, value: f64) -> Row {
    Row { cluster, weight, reward, predicted, value }
}

/// A log of a policy that takes action `a` with probability `LOGGED[a]`; rewards are 0 and 1.
fn log(rows: usize, seed: u64) -> Decisions {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut log = Decisions { actions: ["a", "b", "c"].map(str::to_owned).to_vec(), ..Decisions::default() };
    for row in 0..rows {
        let number: f64 = random.random();
        let action = if number < LOGGED[0] { 0 } else { 1 + usize::from(number >= LOGGED[0] + LOGGED[1]) };
        log.action.push(action as u32);
        log.position.push(0);
        log.propensity.push(LOGGED[action]);
        log.reward.push(f64::from(u8::from(random.random::<f64>() < MEANS[action])));
        log.cluster.push(row as u32);
    }
    log
}

fn target() -> Target {
    Target::Table(vec![ASKED.to_vec()])
}

fn of(evaluation: &Evaluation, wanted: Estimator) -> estimate::Interval {
    evaluation.estimates.iter().find(|e| e.estimator == wanted).unwrap().interval
}

#[test]
fn estimates_are_what_the_formulas_say() {
    let rows = [row(0, 2.0, 1.0, 0.5, 0.4), row(1, 0.5, 0.0, 0.5, 0.6), row(2, 0.0, 1.0, 0.25, 0.2)];
    let estimates = estimate(&rows, 1.0, 1).map(|interval| interval.estimate);
    // IPS (2 + 0 + 0) / 3; SNIPS 2 / 2.5; DM 1.2 / 3; DR (1.2 + 2 * 0.5 - 0.5 * 0.5) / 3; Switch-DR without the first row's.
    let expected = [2.0 / 3.0, 0.8, 0.4, 1.95 / 3.0, 0.95 / 3.0];
    for (estimator, (got, expected)) in Estimator::ALL.iter().zip(estimates.iter().zip(expected)) {
        assert!((got - expected).abs() < 1e-12, "{} {got}", estimator.name());
    }
    let mean = mean_reward([(0, 1.0), (1, 0.0), (2, 2.0)].into_iter(), 1);
    assert!((mean.estimate - 1.0).abs() < 1e-12 && mean.low < mean.estimate && mean.high > mean.estimate);
}

#[test]
fn estimators_are_unbiased_and_the_model_lowers_their_spread() {
    let runs: Vec<Evaluation> = (0..60).map(|seed| evaluate(&log(1500, seed), &target(), SETTINGS).unwrap()).collect();
    let spread = |estimator: Estimator| {
        let values: Vec<f64> = runs.iter().map(|run| of(run, estimator).estimate).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64;
        let error = (variance / values.len() as f64).sqrt();
        assert!((mean - TRUTH).abs() < 3.5 * error, "{}: {mean} ± {error}", estimator.name());
        variance
    };
    let [ips, snips, _, dr, switch] = Estimator::ALL.map(spread);
    assert!(dr < 0.8 * ips && snips < ips && switch < ips, "IPS {ips}, SNIPS {snips}, DR {dr}, Switch-DR {switch}");
    assert!(runs.iter().all(|run| (run.mean_weight - 1.0).abs() < 0.2));
    // E[w²] = Σ asked² / logged = 2.7175, and effective rows are rows / E[w²].
    let effective = runs.iter().map(|run| run.effective_rows).sum::<f64>() / 60.0;
    assert!((effective - 1500.0 / 2.7175).abs() < 15.0, "{effective}");
}

#[test]
fn intervals_hold_the_truth_about_as_often_as_they_say() {
    let runs: Vec<Evaluation> =
        (0..100).map(|seed| evaluate(&log(600, 100 + seed), &target(), SETTINGS).unwrap()).collect();
    // 95 of 100, give or take three standard errors of 2.2 and what a bootstrap of 600 rows lacks.
    for estimator in [Estimator::Ips, Estimator::Snips, Estimator::Dr] {
        let holds = |run: &&Evaluation| (of(run, estimator).low..=of(run, estimator).high).contains(&TRUTH);
        let held = runs.iter().filter(holds).count();
        assert!((86..=100).contains(&held), "{}: {held}", estimator.name());
    }
}

#[test]
fn rows_of_one_cluster_are_one() {
    let rows: Vec<Row> = (0..400).map(|at| row(at, 1.0, f64::from(at % 2), 0.0, 0.0)).collect();
    let together: Vec<Row> =
        rows.iter().map(|row| Row { cluster: row.cluster % 2 * 10 + row.cluster / 40, ..*row }).collect();
    let width = |rows: &[Row]| {
        let interval = estimate(rows, 1.0, 1)[0];
        interval.high - interval.low
    };
    assert!((width(&rows) - 0.098).abs() < 0.02);
    assert!(width(&together) > 3.0 * width(&rows));
    // A part of a log, whose clusters keep their numbers.
    let part: Vec<Row> = rows.iter().map(|row| Row { cluster: row.cluster + 5000, ..*row }).collect();
    assert_eq!(width(&part), width(&rows));
}

#[test]
fn what_speaks_against_the_estimates_is_said() {
    let said = |log: &Decisions, target: &Target| evaluate(log, target, SETTINGS).unwrap().warnings.join("\n");
    assert_eq!(said(&log(1500, 1), &target()), "");
    let mut wrong = log(1500, 1);
    wrong.propensity.iter_mut().for_each(|propensity| *propensity *= 0.5);
    assert!(said(&wrong, &target()).contains("the target's probabilities are wrong"), "{}", said(&wrong, &target()));
    assert!(said(&log(60, 1), &target()).contains("rows would, expected 100"));
    let mut rare = log(1500, 1);
    rare.reward.iter_mut().skip(40).for_each(|reward| *reward = 0.0);
    assert!(said(&rare, &target()).contains("have a reward other than 0"));
    let mut never = log(1500, 1);
    never.actions.push("d".into());
    let unseen = Target::Table(vec![vec![0.3, 0.3, 0.2, 0.2]]);
    assert!(said(&never, &unseen).contains("20.0% of the target's probability"));
    let mut blind = log(10, 1);
    blind.propensity.clear();
    assert!(evaluate(&blind, &target(), SETTINGS).unwrap_err().to_string().contains("--propensity"));
}

#[test]
fn targets_are_taken_by_position() {
    let mut log = log(4, 1);
    log.positions = ["1", "2"].map(str::to_owned).to_vec();
    log.position = vec![0, 1, 0, 1];
    let mut other = Decisions { actions: vec!["b".into(), "new".into()], ..Decisions::default() };
    other.positions = log.positions.clone();
    (other.action, other.position) = (vec![0, 0, 1, 1, 1], vec![0, 0, 0, 1, 1]);
    other.reward = vec![0.0; 5];
    let target = Target::frequencies(&mut log, &other).unwrap();
    let mut probabilities = vec![0.0; 4];
    target.probabilities(&log, 0, &mut probabilities).unwrap();
    assert_eq!(probabilities, [0.0, 2.0 / 3.0, 0.0, 1.0 / 3.0]);
    target.probabilities(&log, 1, &mut probabilities).unwrap();
    assert_eq!((probabilities, log.actions[3].as_str()), (vec![0.0, 0.0, 0.0, 1.0], "new"));
    other.position = vec![0; 5];
    assert!(Target::frequencies(&mut log, &other).unwrap_err().to_string().contains("no row of position 2"));

    let cell = |action: &str, position: Option<&str>, probability| {
        (action.to_owned(), position.map(str::to_owned), probability)
    };
    let refused = |rows: &[Probability]| Target::table(&mut super::tests::log(4, 1), rows).unwrap_err().to_string();
    assert!(refused(&[cell("a", None, 0.5), cell("b", None, 0.2)]).contains("have the sum 0.7000, expected 1"));
    assert!(refused(&[cell("a", None, -0.5)]).contains("is -0.5, expected 0 to 1"));
    assert!(Target::table(&mut log, &[cell("a", None, 0.25), cell("b", None, 0.75)]).is_ok());
}

#[test]
fn exploration_keeps_to_its_bounds() {
    let candidates: Vec<usize> = (0..6).collect();
    for kind in [Kind::Thompson, Kind::LinUcb, Kind::Greedy] {
        for (floor, ceiling) in [(0.0, 0.3), (0.02, 0.3), (0.05, 0.25), (0.0, 0.0), (0.0, 1.0)] {
            let exploration = Exploration { kind, scale: 0.5, floor, ceiling };
            let mut learner = Learner::new(exploration, 1.0, vec![Prior::ridge(1, 1.0); 6]).unwrap();
            (0..6).for_each(|action| learner.learn(action, &[1.0], 0.1 * action as f64).unwrap());
            let mut random = ChaCha8Rng::seed_from_u64(7);
            let (mut others, mut counts) = (0, [0usize; 6]);
            for _ in 0..2000 {
                let slate = learner.choose(&[1.0], &candidates, 2, &mut || random.random());
                assert!(slate.len() == 2 && slate[0].action != slate[1].action);
                for Choice { probability, .. } in &slate {
                    assert!(*probability >= floor - 1e-12 && *probability <= 1.0, "{kind:?} {probability}");
                }
                counts[slate[0].action] += 1;
                // The last has the highest mean.
                others += usize::from(slate[0].action != 5);
            }
            let (share, least) = (f64::from(others as u32) / 2000.0, 5.0 * floor);
            assert!(share < ceiling.max(least) + 0.035 && share > least - 0.03, "{kind:?} {floor} {ceiling}: {share}");
            assert!(floor == 0.0 || counts.iter().all(|&count| count as f64 > 2000.0 * floor * 0.5), "{counts:?}");
        }
    }
}

#[test]
fn probabilities_are_how_often_actions_are_picked() {
    let exploration = Exploration { kind: Kind::Thompson, scale: 0.5, floor: 0.05, ceiling: 0.8 };
    let mut learner = Learner::new(exploration, 1.0, vec![Prior::ridge(2, 1.0); 3]).unwrap();
    (0..3).for_each(|action| learner.learn(action, &[1.0, action as f64], 0.3).unwrap());
    let mut random = ChaCha8Rng::seed_from_u64(3);
    // The mean of 1 / probability over picks is the number of actions, as IPS needs.
    let picks = 20_000;
    let mut inverse = 0.0;
    for _ in 0..picks {
        inverse += 1.0 / learner.choose(&[1.0, 0.5], &[0, 1, 2], 1, &mut || random.random())[0].probability;
    }
    assert!((inverse / f64::from(picks) - 3.0).abs() < 0.1, "{}", inverse / f64::from(picks));
}

#[test]
fn forgetting_follows_change() {
    let exploration = Exploration { kind: Kind::Thompson, scale: 0.5, floor: 0.0, ceiling: 1.0 };
    let after = |keep: f64| {
        let mut learner = Learner::new(exploration, keep, vec![Prior::ridge(1, 1.0)]).unwrap();
        for round in 0..200 {
            learner.learn(0, &[1.0], f64::from(u8::from(round < 100))).unwrap();
        }
        (learner.belief(0).expected(&[1.0]), learner.belief(0).deviation(&[1.0]))
    };
    assert!((after(1.0).0 - 100.0 / 201.0).abs() < 1e-9);
    let (mean, deviation) = after(0.95);
    // Twenty rewards are left, and never is it less sure than at the beginning.
    assert!(mean < 0.01 && (deviation - (1.0 / 21.0f64).sqrt()).abs() < 1e-3, "{mean} {deviation}");
}

#[test]
fn regret_grows_slower_than_that_of_epsilon_greedy() {
    for delay in [0, 50] {
        let world = World { actions: 5, dimension: 4, delay, scale: 0.5, ceiling: 0.3 };
        let [thompson, ucb, greedy, random] = &world.regrets(1500, 4).unwrap()[..] else { panic!("four strategies") };
        let last = |regret: &Regret| regret.late.iter().sum::<f64>();
        for bandit in [thompson, ucb] {
            assert!(bandit.exponent() < greedy.exponent() - 0.02, "{bandit:?}\n{greedy:?}");
            assert!(last(bandit) < last(greedy), "{bandit:?}\n{greedy:?}");
        }
        assert!((random.exponent() - 1.0).abs() < 0.02, "{random:?}");
    }
}

#[test]
fn a_replay_earns_what_it_would_have_earned() {
    // Whatever the context, "c" is the best; the log hardly takes it.
    let replayed = replay(&log(20_000, 5), 16, 0.5, 1.0, 3).unwrap();
    let mean = |place: usize| replayed[place].reward.iter().sum::<f64>() / 3.0;
    assert!(mean(0) > 0.77 && mean(1) > 0.77, "{replayed:?}");
    // By chance, each action alike, although the log did not: rows of likely actions are left out.
    assert!((mean(3) - 0.5).abs() < 0.02, "{replayed:?}");
    assert!(replayed[3].rows.iter().all(|&rows| (rows as f64 - 20_000.0 * 0.2 / 1.0).abs() < 250.0), "{replayed:?}");
}

#[test]
fn a_trained_policy_knows_what_the_log_tells() {
    let mut log = log(3000, 9);
    // With the context's second half, "a" earns most instead.
    log.columns = vec!["x".into()];
    log.context = (0..3000).map(|row| f64::from(u8::from(row % 2 == 0))).collect();
    for row in (0..3000).filter(|row| row % 2 == 1 && log.action[*row] == 0) {
        log.reward[row] = 1.0;
    }
    let policy = train(&log, 16, 50.0).unwrap();
    let ranking = policy.ranking().unwrap();
    let best = |x: f64| policy.actions[ranking.best(&[x]).unwrap()[0]].id.clone();
    assert_eq!((best(1.0).as_str(), best(0.0).as_str()), ("c", "a"));
    // As sure as after 50 rewards and the ridge, whatever the log's length.
    let prior = &policy.priors().unwrap()[0];
    assert!((prior.precision.values[0] - 50.0 - policy.ridge).abs() < 1e-9, "{}", prior.precision.values[0]);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.json");
    let read = |text: String| {
        std::fs::write(&path, text).unwrap();
        PolicyFile::read(&path)
    };
    let text = serde_json::to_string(&policy).unwrap();
    assert_eq!(read(text.clone()).unwrap(), policy);
    for (from, to, what) in [
        ("\"version\":1", "\"version\":9", "version 9, expected 1"),
        ("\"policy\"", "\"bandit\"", "expected \"policy\""),
        ("\"rank\":1", "\"rank\":2", "at most 1"),
        ("\"mean\":\"", "\"mean\":\"AAAA", "action \"a\""),
        ("{", "[", "policy train"),
    ] {
        let error = format!("{:#}", read(text.replacen(from, to, 1)).unwrap_err());
        assert!(error.contains(what) && error.contains("policy.json"), "{error}");
    }
    let mut other = super::tests::log(10, 1);
    assert!(Target::trained(&mut other, &policy).unwrap_err().to_string().contains("--context the same"));
}
