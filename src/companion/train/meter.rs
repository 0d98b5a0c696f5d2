//! Tells people how training goes: a bar on a terminal, else plain lines that a log file can keep.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};

/// How often a plain line says where training stands.
const LINE: Duration = Duration::from_secs(30);
/// How often the bar's message is renewed.
const MESSAGE: Duration = Duration::from_secs(1);

/// A run's progress on stderr.
pub struct Meter {
    /// Hidden where stderr is no terminal.
    bar: ProgressBar,
    /// What an epoch is called.
    epoch: &'static str,
    /// How often `step` tells.
    every: Duration,
    /// The most steps that the run takes.
    steps: u64,
    /// When this process began to train, and the steps that an earlier one had done.
    started: (Instant, u64),
    /// When `step` told last, and the loss and examples since then.
    told: Instant,
    loss: f64,
    examples: usize,
}

impl Meter {
    /// A run of at most `steps`, of which `done` are done; `epoch` is what an epoch of it is called.
    pub fn new(epoch: &'static str, steps: u64, done: u64) -> Self {
        let bar = ProgressBar::new(steps).with_position(done);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} steps  {msg}") {
            bar.set_style(style);
        }
        let every = if bar.is_hidden() { LINE } else { MESSAGE };
        let now = Instant::now();
        Self { bar, epoch, every, steps, started: (now, done), told: now, loss: 0.0, examples: 0 }
    }

    /// A line that stays.
    pub fn say(&self, line: &str) {
        if self.bar.is_hidden() {
            eprintln!("{line}");
        } else {
            self.bar.println(line);
        }
    }

    /// Counts a step; `step` are done now. `loss` is summed over the step's examples.
    pub fn step(&mut self, epoch: u64, step: u64, loss: f64, examples: usize) {
        self.bar.set_position(step);
        self.loss += loss;
        self.examples += examples;
        let Some(state) = self.tell(step, Instant::now()) else { return };
        if self.bar.is_hidden() {
            eprintln!("{} {epoch}, step {step} of at most {}: {state}", self.epoch, self.steps);
        } else {
            self.bar.set_message(format!("{} {epoch}, {state}", self.epoch));
        }
    }

    /// Where training stands, when it is time to say so again.
    fn tell(&mut self, step: u64, now: Instant) -> Option<String> {
        let since = now - self.told;
        if since < self.every {
            return None;
        }
        let loss = self.loss / self.examples.max(1) as f64;
        let rate = self.examples as f64 / since.as_secs_f64();
        let (began, done) = self.started;
        let pace = (now - began).as_secs_f64() / (step - done).max(1) as f64;
        let left = duration(pace * self.steps.saturating_sub(step) as f64);
        (self.told, self.loss, self.examples) = (now, 0.0, 0);
        Some(format!("loss {loss:.4}, {rate:.0} examples/s, at most {left} left"))
    }

    /// The end.
    pub fn finish(&self, message: &str) {
        self.bar.abandon_with_message(message.to_owned());
        if self.bar.is_hidden() {
            eprintln!("{message}");
        }
    }
}

/// A time for people.
pub fn duration(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match minutes {
        0..=1 => format!("{seconds:.0} s"),
        2..=99 => format!("{minutes} min"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_come_every_thirty_seconds_with_loss_speed_and_time_left() {
        let mut meter = Meter::new("epoch", 1000, 400);
        meter.every = LINE;
        let (began, _) = meter.started;
        let after = |seconds| began + Duration::from_secs(seconds);
        (meter.loss, meter.examples) = (6000.0, 3000);
        assert_eq!(meter.tell(410, after(29)), None);
        // 20 steps of this process in 30 s: 580 more take 870 s, about 15 minutes.
        let line = meter.tell(420, after(30)).unwrap();
        assert_eq!(line, "loss 2.0000, 100 examples/s, at most 15 min left");
        assert_eq!(meter.tell(430, after(59)), None);
        // Nothing was learned from since then; 100 steps in 60 s.
        let line = meter.tell(500, after(60)).unwrap();
        assert_eq!(line, "loss 0.0000, 0 examples/s, at most 5 min left");
    }

    #[test]
    fn times_are_readable() {
        assert_eq!([0.4, 61.0, 125.0, 7500.0].map(duration), ["0 s", "61 s", "2 min", "2 h 5 min"]);
    }
}
