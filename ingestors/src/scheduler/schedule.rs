//! When a source runs: standard 5-field cron in a time zone.
//!
//! Fields are minute, hour, day of month, month and day of week, with lists, ranges, steps and English names; 0 and 7
//! are Sunday. As in Vixie cron, a date matches when either day field does if both are restricted, and a field that
//! begins with `*` counts as unrestricted.
//!
//! The expression is evaluated on civil time by the `cron` crate, which takes seconds first, numbers Sunday 1 and
//! always wants both day fields to match; the translation stands here. Civil times become moments in this way: a time
//! that a change of the clocks skips runs at the end of the gap, and of a repeated hour only the first counts.

mod field;

use std::str::FromStr as _;

use bailiwick_schema::Timestamp;
use chrono::{Datelike as _, NaiveDate, Timelike as _};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use field::{DAY_OF_MONTH, DAY_OF_WEEK, Field, HOUR, MINUTE, MONTH};

/// Longest cron expression, in bytes.
pub const CRON_BYTES_MAX: usize = 256;

/// Most civil times that are tried for one moment; a repeated hour has 60, the longest known gap 1,440.
const CANDIDATES_MAX: usize = 4_096;

/// A cron expression in a time zone.
#[derive(Debug, Clone)]
pub struct Schedule {
    expression: String,
    zone_name: String,
    zone: TimeZone,
    /// One, or two of which either may match.
    rules: Vec<cron::Schedule>,
}

/// Why an expression or a time zone is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error("schedule is longer than {CRON_BYTES_MAX} bytes (cron_bytes_max)")]
    TooLong,
    #[error("schedule `{expression}` has {count} fields; it needs 5: minute, hour, day of month, month, day of week")]
    FieldCount { expression: String, count: usize },
    #[error("{name} `{text}` of schedule: {problem}")]
    Field {
        name: &'static str,
        text: String,
        problem: String,
    },
    #[error("schedule `{0}` is unknown; write @hourly, @daily, @weekly, @monthly, @yearly or five fields{1}")]
    UnknownName(String, &'static str),
    #[error("schedule `{0}` never comes: no month that it names has such a day")]
    Never(String),
    #[error("time zone `{0}` is unknown; write a name such as Europe/Berlin or UTC")]
    UnknownZone(String),
}

impl Schedule {
    /// Reads an expression such as `*/10 * * * *` or `@hourly`, and the name of a time zone (IANA).
    pub fn parse(expression: &str, time_zone: &str) -> Result<Self, ScheduleError> {
        let expression = expression.trim();
        if expression.len() > CRON_BYTES_MAX {
            return Err(ScheduleError::TooLong);
        }
        let zone =
            TimeZone::get(time_zone).map_err(|_| ScheduleError::UnknownZone(time_zone.escape_default().to_string()))?;
        let rules = translate(expand_name(expression)?)?;
        let schedule = Self {
            expression: expression.to_owned(),
            zone_name: time_zone.to_owned(),
            zone,
            rules,
        };
        let far_back = NaiveDate::from_ymd_opt(2000, 1, 1)
            .expect("a valid date")
            .and_time(chrono::NaiveTime::MIN);
        if schedule.civil_after(far_back).is_none() {
            return Err(ScheduleError::Never(expression.to_owned()));
        }
        Ok(schedule)
    }

    pub fn expression(&self) -> &str {
        &self.expression
    }

    pub fn time_zone(&self) -> &str {
        &self.zone_name
    }

    /// The first moment after `after` at which the schedule comes due; nothing once the calendar of the `cron` crate
    /// ends (with the year 2100).
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let moment = jiff::Timestamp::from_microsecond(after.micros()).ok()?;
        let local = self.zone.to_datetime(moment);
        // One second earlier, since a search begins strictly after its start. What lies further back in civil time
        // never maps to a later moment.
        let mut civil = to_chrono(local)?.checked_sub_signed(chrono::TimeDelta::seconds(1))?;
        for _ in 0..CANDIDATES_MAX {
            civil = self.civil_after(civil)?;
            let due = self.moment_of(civil)?;
            if due > after {
                return Some(due);
            }
        }
        None
    }

    fn civil_after(&self, civil: chrono::NaiveDateTime) -> Option<chrono::NaiveDateTime> {
        // Civil time is passed as UTC, which has no gaps of its own.
        let start = civil.and_utc();
        self.rules
            .iter()
            .filter_map(|rule| rule.after(&start).next())
            .min()
            .map(|due| due.naive_utc())
    }

    fn moment_of(&self, civil: chrono::NaiveDateTime) -> Option<Timestamp> {
        let civil = from_chrono(civil)?;
        let moment = match self.zone.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(civil).ok()?,
            // The first of the two.
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(civil).ok()?,
            AmbiguousOffset::Gap { after, .. } => {
                // Read with the later offset, a time in the gap lies before the change of the clocks.
                let before_change = after.to_timestamp(civil).ok()?;
                self.zone.following(before_change).next()?.timestamp()
            }
        };
        Some(Timestamp::from_micros(moment.as_microsecond()))
    }
}

fn expand_name(expression: &str) -> Result<&str, ScheduleError> {
    if !expression.starts_with('@') {
        return Ok(expression);
    }
    match expression.to_ascii_lowercase().as_str() {
        "@hourly" => Ok("0 * * * *"),
        "@daily" | "@midnight" => Ok("0 0 * * *"),
        "@weekly" => Ok("0 0 * * 0"),
        "@monthly" => Ok("0 0 1 * *"),
        "@yearly" | "@annually" => Ok("0 0 1 1 *"),
        "@reboot" => Err(ScheduleError::UnknownName(
            expression.to_owned(),
            " (every source runs once when the server starts anyway)",
        )),
        _ => Err(ScheduleError::UnknownName(expression.escape_default().to_string(), "")),
    }
}

fn translate(expression: &str) -> Result<Vec<cron::Schedule>, ScheduleError> {
    let texts: Vec<&str> = expression.split_ascii_whitespace().collect();
    let [minute, hour, day_of_month, month, day_of_week] = texts[..] else {
        let expression = expression.escape_default().to_string();
        return Err(ScheduleError::FieldCount {
            expression,
            count: texts.len(),
        });
    };
    let minute = Field::parse(minute, &MINUTE)?;
    let hour = Field::parse(hour, &HOUR)?;
    let day_of_month = Field::parse(day_of_month, &DAY_OF_MONTH)?;
    let month = Field::parse(month, &MONTH)?;
    let day_of_week = Field::parse(day_of_week, &DAY_OF_WEEK)?;
    let rule = |day_of_month: &str, day_of_week: &str| {
        let translated = format!("0 {minute} {hour} {day_of_month} {month} {day_of_week}");
        cron::Schedule::from_str(&translated).map_err(|error| ScheduleError::Field {
            name: "expression",
            text: expression.escape_default().to_string(),
            problem: error.to_string(),
        })
    };
    let either = day_of_month.restricted && day_of_week.restricted;
    if either {
        Ok(vec![
            rule(&day_of_month.to_string(), "*")?,
            rule("*", &day_of_week.sunday_as_one())?,
        ])
    } else {
        Ok(vec![rule(&day_of_month.to_string(), &day_of_week.sunday_as_one())?])
    }
}

fn to_chrono(civil: DateTime) -> Option<chrono::NaiveDateTime> {
    let part = |n: i8| u32::try_from(n).ok();
    let date = NaiveDate::from_ymd_opt(i32::from(civil.year()), part(civil.month())?, part(civil.day())?)?;
    date.and_hms_opt(part(civil.hour())?, part(civil.minute())?, part(civil.second())?)
}

fn from_chrono(civil: chrono::NaiveDateTime) -> Option<DateTime> {
    let part = |n: u32| i8::try_from(n).ok();
    DateTime::new(
        i16::try_from(civil.year()).ok()?,
        part(civil.month())?,
        part(civil.day())?,
        part(civil.hour())?,
        part(civil.minute())?,
        part(civil.second())?,
        0,
    )
    .ok()
}

#[cfg(test)]
mod tests;
