//! Which parts of an event's time the encoder is told.

use crate::companion::config::Calendar;
use crate::engine::input::{hour, weekday};
use crate::event::NO_TIME;

/// The hour and the weekday, each or not. "auto" takes what can tell the training events apart: the hour where they have
/// times of day, the weekday where there is more than one.
pub fn parts(choice: Calendar, times: impl Iterator<Item = i64>) -> (bool, bool) {
    match choice {
        Calendar::None => (false, false),
        Calendar::Hour => (true, false),
        Calendar::Weekday => (false, true),
        Calendar::Both => (true, true),
        Calendar::Auto => {
            let (mut hours, mut weekdays) = ([false; 24], [false; 7]);
            for time in times.filter(|&time| time != NO_TIME) {
                hours[hour(time)] = true;
                weekdays[weekday(time)] = true;
            }
            let count = |there: &[bool]| there.iter().filter(|&&there| there).count();
            // Dates of a zone with summer time begin at two hours of UTC.
            (count(&hours) > 2, count(&weekdays) > 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    fn auto(times: &[i64]) -> (bool, bool) {
        parts(Calendar::Auto, times.iter().copied())
    }

    #[test]
    fn auto_takes_what_tells_events_apart() {
        assert_eq!(auto(&[0, HOUR, 26 * HOUR]), (true, true));
        assert_eq!(auto(&[0, HOUR, 2 * HOUR]), (true, false));
        assert_eq!(auto(&[0, 5 * DAY, 400 * DAY]), (false, true));
        assert_eq!(auto(&[0, 7 * DAY]), (false, false));
        assert_eq!(auto(&[NO_TIME, NO_TIME]), (false, false));
    }

    #[test]
    fn dates_of_a_zone_with_summer_time_have_no_times_of_day() {
        let local_midnights: Vec<i64> = (1..300).map(|day| day * DAY - HOUR * (1 + i64::from(day > 150))).collect();
        assert_eq!(auto(&local_midnights), (false, true));
    }

    #[test]
    fn what_is_asked_for_is_told() {
        let choices = [Calendar::None, Calendar::Hour, Calendar::Weekday, Calendar::Both];
        let told = choices.map(|choice| parts(choice, [0].into_iter()));
        assert_eq!(told, [(false, false), (true, false), (false, true), (true, true)]);
    }
}
