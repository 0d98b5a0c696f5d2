//! What is learned from teachers: gradients against finite differences, the loss against the engine's own answers.

use super::heads::{windows, with_tasks};
use super::*;
use crate::companion::evaluate::{EnsembleScorer, Scorer, answer, predictions};
use crate::companion::train::distill::{Distill, DistillConfig};
use crate::companion::train::head::Teachers;
use crate::companion::train::heads::factors;
use crate::schema::HeadKind;

fn distill_config(temperature: f32, weight: f32) -> DistillConfig {
    DistillConfig { teachers: Vec::new(), temperature, weight }
}

/// Another encoder than the student's, and one of another size; both far from it and from each other.
pub fn teachers(dataset: &Dataset) -> Vec<Arc<Model>> {
    let configs = [
        TrainConfig { encoder: EncoderKind::Gru, ..config(0) },
        TrainConfig { hidden: 12, feed_forward: 8, ..config(0) },
    ];
    let teacher = |config: &TrainConfig| Arc::new(model(dataset, config, weights(dataset, config)));
    configs.iter().map(teacher).collect()
}

fn taught(dataset: &Dataset, config: &TrainConfig, weights: &Weights, distill: &Distill<'_>) -> Worker {
    worker(dataset, config, weights).taught_by(Some(Teachers::new(distill, &Device::flex())))
}

#[test]
fn gradients_with_teachers_equal_finite_differences() {
    let dataset = dataset(true, FilterSeen::Group);
    for (temperature, weight, config) in
        [(1.0, 0.5, config(0)), (2.5, 0.8, config(0)), (2.0, 1.0, TrainConfig { label_smoothing: 0.2, ..config(1000) })]
    {
        let how = distill_config(temperature, weight);
        let distill = Distill { config: &how, teachers: teachers(&dataset) };
        let new = |weights: &Weights| taught(&dataset, &config, weights, &distill);
        assert!(dense_gradients(&dataset, &config, &whole_sequences(&dataset), &[], new) >= 10);
        item_gradients(&config, new);
    }
}

#[test]
fn gradients_of_taught_tasks_equal_finite_differences() {
    for next_item in [false, true] {
        let (dataset, config) = (with_tasks(next_item), config(1000));
        let tasks = factors(&dataset, &[1.0, 0.5, 2.0]);
        let how = distill_config(2.0, 0.6);
        let distill = Distill { config: &how, teachers: teachers(&dataset) };
        let new = |weights: &Weights| taught(&dataset, &config, weights, &distill);
        assert!(dense_gradients(&dataset, &config, &windows(&dataset), &tasks, new) >= 10);
    }
}

/// With every item a candidate the teachers say what their ensemble's file would, and the student follows that.
#[test]
fn what_teachers_say_is_what_their_ensemble_ships() {
    for filter_seen in [FilterSeen::Group, FilterSeen::None] {
        let (dataset, config) = (dataset(true, filter_seen), config(1000));
        let weights = weights(&dataset, &config);
        let how = distill_config(1.0, 1.0);
        let distill = Distill { config: &how, teachers: teachers(&dataset) };
        let held_out = HeldOut::same(weights.neighbours.clone());
        let popularity = Popularity::of(&dataset, &config);
        let plan = plan(&dataset, &config, &popularity, &held_out);
        let windows = whole_sequences(&dataset);
        let mut worker = taught(&dataset, &config, &weights, &distill);
        worker.gather(&plan, &windows, 0, 0);
        worker.learn(&plan, &weights, &windows);

        let student = [Arc::new(model(&dataset, &config, weights))];
        let mut scorers = [&distill.teachers[..], &student].map(|models| EnsembleScorer::new(models).unwrap());
        let (mut shipped, mut scores) = (0.0, [vec![0.0; ITEMS], vec![0.0; ITEMS]]);
        for sequence in 0..dataset.sequences.len() {
            scorers.iter_mut().for_each(|scorer| scorer.reset().unwrap());
            for place in dataset.sequences.range(sequence) {
                let event = dataset.sequences.event(place);
                for (scorer, scores) in scorers.iter_mut().zip(&mut scores) {
                    scorer.scores(Upcoming { group: event.group }, scores).unwrap();
                    scorer.observe(event).unwrap();
                }
                let [told, own] = &scores;
                let log_sum = own.iter().map(|&score| f64::from(score).exp()).sum::<f64>().ln();
                let candidates = told.iter().zip(own).filter(|(_, own)| own.is_finite());
                shipped +=
                    candidates.map(|(told, own)| f64::from(*told).exp() * (log_sum - f64::from(*own))).sum::<f64>();
            }
        }
        let trained = worker.loss;
        assert!((shipped - trained).abs() < 1e-4 * shipped, "{filter_seen:?}: engine {shipped}, training {trained}");
    }
}

#[test]
fn what_teachers_answer_to_tasks_is_the_mean_of_what_they_ship() {
    let (dataset, config) = (with_tasks(false), config(1000));
    let weights = weights(&dataset, &config);
    let how = distill_config(1.0, 1.0);
    let distill = Distill { config: &how, teachers: teachers(&dataset) };
    let held_out = HeldOut::same(weights.neighbours.clone());
    let popularity = Popularity::of(&dataset, &config);
    let plan = Plan { tasks: &[1.0; 3], ..plan(&dataset, &config, &popularity, &held_out) };
    let windows = windows(&dataset);
    let mut worker = taught(&dataset, &config, &weights, &distill);
    worker.gather(&plan, &windows, 0, 0);
    worker.learn(&plan, &weights, &windows);

    let places: Vec<usize> = (0..dataset.sequences.items.len()).collect();
    let answers = |model: &Arc<Model>| answer(&dataset, &places, model).unwrap();
    let told: Vec<_> = distill.teachers.iter().map(answers).collect();
    let own = answers(&Arc::new(model(&dataset, &config, weights)));
    let mut shipped = 0.0;
    for (place, head) in dataset.schema.heads.iter().enumerate() {
        let predicted = |answered: &[crate::companion::evaluate::Answered]| predictions(head, &answered[place].outputs);
        let (own, told) = (predicted(&own), told.iter().map(|told| predicted(told)).collect::<Vec<_>>());
        for (number, own) in own.iter().enumerate() {
            let mean = told.iter().map(|told| told[number]).sum::<f32>() / told.len() as f32;
            shipped += f64::from(match head.kind {
                HeadKind::Binary { .. } => -mean * own.ln() - (1.0 - mean) * (1.0 - own).ln(),
                HeadKind::Classes { .. } => -mean * own.ln(),
                HeadKind::Number { std, .. } => ((own - mean) / std).powi(2) / 2.0,
            });
        }
    }
    let trained = worker.loss;
    assert!((shipped - trained).abs() < 1e-4 * shipped, "engine {shipped}, training {trained}");
}
