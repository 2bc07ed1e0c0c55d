//! One field of a cron expression: the values that it names.

use std::collections::BTreeSet;
use std::fmt;

use super::ScheduleError;

/// What a field may hold.
pub(super) struct FieldKind {
    name: &'static str,
    min: u32,
    max: u32,
    /// Names of the values from `min` on; empty where there are none.
    names: &'static [&'static str],
}

pub(super) const MINUTE: FieldKind = FieldKind {
    name: "minute",
    min: 0,
    max: 59,
    names: &[],
};
pub(super) const HOUR: FieldKind = FieldKind {
    name: "hour",
    min: 0,
    max: 23,
    names: &[],
};
pub(super) const DAY_OF_MONTH: FieldKind = FieldKind {
    name: "day of month",
    min: 1,
    max: 31,
    names: &[],
};
pub(super) const MONTH: FieldKind = FieldKind {
    name: "month",
    min: 1,
    max: 12,
    names: &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
};
/// 7 is Sunday too.
pub(super) const DAY_OF_WEEK: FieldKind = FieldKind {
    name: "day of week",
    min: 0,
    max: 7,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

/// The values that a field names, in its own numbers.
pub(super) struct Field {
    values: BTreeSet<u32>,
    /// It does not begin with `*`.
    pub(super) restricted: bool,
}

impl Field {
    pub(super) fn parse(text: &str, kind: &FieldKind) -> Result<Self, ScheduleError> {
        let mut values = BTreeSet::new();
        for item in text.split(',') {
            let (first, last, step) = kind.range(item).map_err(|problem| ScheduleError::Field {
                name: kind.name,
                text: text.escape_default().to_string(),
                problem,
            })?;
            values.extend((first..=last).step_by(step));
        }
        Ok(Self {
            values,
            restricted: !text.starts_with('*'),
        })
    }

    /// Days of the week as the `cron` crate numbers them: 1 is Sunday.
    pub(super) fn sunday_as_one(&self) -> String {
        let days: BTreeSet<u32> = self.values.iter().map(|day| day % 7 + 1).collect();
        if days.len() == 7 { "*".to_owned() } else { list(&days) }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&list(&self.values))
    }
}

fn list(values: &BTreeSet<u32>) -> String {
    let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    texts.join(",")
}

impl FieldKind {
    /// Reads one item of a list: `*`, `5`, `1-5`, `*/10`, `0-30/10`.
    fn range(&self, item: &str) -> Result<(u32, u32, usize), String> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (item, None),
        };
        let (first, last) = if range == "*" {
            (self.min, self.max)
        } else if let Some((first, last)) = range.split_once('-') {
            (self.value(first)?, self.value(last)?)
        } else if step.is_some() {
            return Err(format!(
                "a step needs a range before it; write {range}-{}/… or */…",
                self.max
            ));
        } else {
            let value = self.value(range)?;
            (value, value)
        };
        // `fri-sun`, where Sunday is meant as the last day.
        let last = if self.max == 7 && last == 0 && first > 0 {
            7
        } else {
            last
        };
        if first > last {
            return Err(format!("the range {range} runs backwards; split it in two"));
        }
        let Some(step) = step else { return Ok((first, last, 1)) };
        match number(step) {
            Some(step) if (1..=self.max).contains(&step) => Ok((first, last, step as usize)),
            _ => Err(format!("the step `{step}` must be 1 to {}", self.max)),
        }
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let by_name = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        if let Some(index) = by_name.and_then(|index| u32::try_from(index).ok()) {
            return Ok(self.min + index);
        }
        match number(text) {
            Some(value) if (self.min..=self.max).contains(&value) => Ok(value),
            _ if self.names.is_empty() => Err(format!("`{text}` must be {} to {}", self.min, self.max)),
            _ => Err(format!(
                "`{text}` must be {} to {} or a name such as {}",
                self.min, self.max, self.names[1]
            )),
        }
    }
}

/// Digits only: no sign, no space.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}
