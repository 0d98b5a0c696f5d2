//! How long the GPU is waited for. A visitor must not pay for a GPU that hangs or is busy with something else.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// The GPU is late when it takes so many times what the trial measured: other work on it may double its time, or
/// make it four times as long; more than that is no longer the GPU that was chosen.
const FACTOR: f64 = 20.0;
/// But never before a visitor could notice (milliseconds).
const SHORTEST: f64 = 100.0;
/// And always by then: more than this nobody waits, whatever a restored session has left to catch up.
const LONGEST: f64 = 1000.0;
/// Late answers in a row that end its use.
pub const MAX_LATE: usize = 3;

/// How long a prediction may take that comes after so many `events`, when one of each took `milliseconds`.
pub fn patience(milliseconds: f64, events: usize) -> Duration {
    Duration::from_millis((FACTOR * milliseconds * events.max(1) as f64).clamp(SHORTEST, LONGEST) as u64)
}

/// What `work` gives, or `None` if `late` ends before; the work is dropped then.
pub async fn race<T>(work: impl Future<Output = T>, late: impl Future) -> Option<T> {
    let (mut work, mut late) = (pin!(work), pin!(late));
    poll_fn(|task| match work.as_mut().poll(task) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => late.as_mut().poll(task).map(|_| None),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_with_what_was_measured_and_what_waits() {
        let milliseconds = |measured, events| patience(measured, events).as_millis();
        assert_eq!((milliseconds(0.5, 1), milliseconds(-1.0, 0), milliseconds(f64::NAN, 1)), (100, 100, 0));
        assert_eq!((milliseconds(8.0, 0), milliseconds(8.0, 1), milliseconds(8.0, 3)), (160, 160, 480));
        assert_eq!((milliseconds(0.5, 10_000), milliseconds(f64::INFINITY, 1)), (1000, 1000));
    }
}
