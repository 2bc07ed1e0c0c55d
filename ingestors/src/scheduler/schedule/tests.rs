use std::time::Duration;

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap_or_else(|| panic!("{text} is a time"))
}

/// The moments due from `from` (not included) on, in UTC.
fn due(expression: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
    let schedule = Schedule::parse(expression, zone).unwrap();
    let mut after = at(from);
    let mut moments = Vec::new();
    for _ in 0..count {
        after = schedule.next_after(after).unwrap();
        moments.push(after.to_string());
    }
    moments
}

fn refused(expression: &str) -> String {
    Schedule::parse(expression, "UTC").unwrap_err().to_string()
}

#[test]
fn a_time_that_the_clocks_skip_runs_at_the_end_of_the_gap() {
    // Berlin: 02:00 CET becomes 03:00 CEST at 01:00 UTC, on 2026-03-29 and 2027-03-28.
    for (day, before, after) in [
        ("2026-03-29", "2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"),
        ("2027-03-28", "2027-03-27T01:30:00Z", "2027-03-29T00:30:00Z"),
    ] {
        assert_eq!(
            due(
                "30 2 * * *",
                "Europe/Berlin",
                &format!("{}T00:00:00Z", &before[..10]),
                3
            ),
            [before.to_owned(), format!("{day}T01:00:00Z"), after.to_owned()]
        );
        // Everything in the gap and the hour at its end are one moment.
        assert_eq!(
            due("*/20 * * * *", "Europe/Berlin", &format!("{day}T00:30:00Z"), 3),
            [
                format!("{day}T00:40:00Z"),
                format!("{day}T01:00:00Z"),
                format!("{day}T01:20:00Z")
            ]
        );
    }
}

#[test]
fn a_repeated_hour_runs_once() {
    // Berlin: 03:00 CEST becomes 02:00 CET at 01:00 UTC, on 2026-10-25 and 2027-10-31.
    for (day, next) in [("2026-10-25", "2026-10-26"), ("2027-10-31", "2027-11-01")] {
        assert_eq!(
            due("30 2 * * *", "Europe/Berlin", &format!("{day}T00:00:00Z"), 2),
            [format!("{day}T00:30:00Z"), format!("{next}T01:30:00Z")]
        );
        assert_eq!(
            due("30 2 * * *", "Europe/Berlin", &format!("{day}T01:10:00Z"), 1),
            [format!("{next}T01:30:00Z")],
            "asked within the repetition, it has run already"
        );
        assert_eq!(
            due("*/30 * * * *", "Europe/Berlin", &format!("{day}T00:00:00Z"), 3),
            [
                format!("{day}T00:30:00Z"),
                format!("{day}T02:00:00Z"),
                format!("{day}T02:30:00Z")
            ]
        );
    }
}

#[test]
fn days_of_both_changes_have_their_other_runs_at_the_usual_civil_time() {
    let noon = due("0 12 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 2);
    assert_eq!(noon, ["2026-03-28T11:00:00Z", "2026-03-29T10:00:00Z"]);
    let noon = due("0 12 * * *", "Europe/Berlin", "2027-10-30T00:00:00Z", 2);
    assert_eq!(noon, ["2027-10-30T10:00:00Z", "2027-10-31T11:00:00Z"]);
}

#[test]
fn every_ten_minutes_is_every_ten_minutes() {
    assert_eq!(
        due("*/10 * * * *", "Europe/Berlin", "2026-11-21T12:50:00Z", 3),
        ["2026-11-21T13:00:00Z", "2026-11-21T13:10:00Z", "2026-11-21T13:20:00Z"]
    );
    assert_eq!(
        due("*/10 * * * *", "UTC", "2026-11-21T12:49:59.999999Z", 1),
        ["2026-11-21T12:50:00Z"]
    );
}

#[test]
fn a_leap_day_comes_every_four_years() {
    assert_eq!(
        due("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 2),
        ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]
    );
}

#[test]
fn sunday_is_0_and_7() {
    for sunday in ["0", "7", "sun", "SUN"] {
        let first = due(&format!("0 9 * * {sunday}"), "UTC", "2026-11-21T00:00:00Z", 1);
        assert_eq!(first, ["2026-11-22T09:00:00Z"], "{sunday}");
    }
    let weekend = due("0 0 * * sat-sun", "UTC", "2026-11-20T12:00:00Z", 3);
    assert_eq!(
        weekend,
        ["2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", "2026-11-28T00:00:00Z"]
    );
    let weekdays = due("0 0 * * 1-5", "UTC", "2026-11-20T12:00:00Z", 1);
    assert_eq!(weekdays, ["2026-11-23T00:00:00Z"]);
}

#[test]
fn either_day_field_matches_when_both_are_restricted() {
    assert_eq!(
        due("0 0 13 * fri", "UTC", "2026-11-11T00:00:00Z", 4),
        [
            "2026-11-13T00:00:00Z",
            "2026-11-20T00:00:00Z",
            "2026-11-27T00:00:00Z",
            "2026-12-04T00:00:00Z"
        ]
    );
    assert_eq!(
        due("0 0 1 * mon", "UTC", "2026-11-30T00:00:00Z", 2),
        ["2026-12-01T00:00:00Z", "2026-12-07T00:00:00Z"]
    );
    // A field that begins with a star restricts, but does not make an alternative.
    assert_eq!(
        due("0 0 */31 * mon", "UTC", "2026-11-03T00:00:00Z", 1),
        ["2027-02-01T00:00:00Z"]
    );
}

#[test]
fn lists_ranges_steps_and_names_are_understood() {
    assert_eq!(
        due("5,50-59/5 8-9 1 Jan,jun *", "UTC", "2026-01-02T00:00:00Z", 4),
        [
            "2026-06-01T08:05:00Z",
            "2026-06-01T08:50:00Z",
            "2026-06-01T08:55:00Z",
            "2026-06-01T09:05:00Z"
        ]
    );
    for (name, next) in [
        ("@hourly", "2026-11-21T13:00:00Z"),
        ("@daily", "2026-11-22T00:00:00Z"),
        ("@midnight", "2026-11-22T00:00:00Z"),
        ("@weekly", "2026-11-22T00:00:00Z"),
        ("@Monthly", "2026-12-01T00:00:00Z"),
        ("@yearly", "2027-01-01T00:00:00Z"),
        ("@annually", "2027-01-01T00:00:00Z"),
    ] {
        assert_eq!(due(name, "UTC", "2026-11-21T12:30:00Z", 1), [next], "{name}");
    }
}

#[test]
fn impossible_dates_are_refused() {
    for expression in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31 2 *"] {
        assert_eq!(
            refused(expression),
            format!("schedule `{expression}` never comes: no month that it names has such a day")
        );
    }
}

#[test]
fn malformed_expressions_are_refused_with_what_is_wrong() {
    assert!(refused("* * * *").contains("has 4 fields"));
    assert!(refused("0 * * * * *").contains("has 6 fields"));
    assert!(refused("").contains("has 0 fields"));
    assert_eq!(refused("60 * * * *"), "minute `60` of schedule: `60` must be 0 to 59");
    assert_eq!(refused("0 24 * * *"), "hour `24` of schedule: `24` must be 0 to 23");
    assert!(refused("0 0 0 * *").starts_with("day of month"));
    assert!(refused("0 0 * 13 *").contains("or a name such as feb"));
    assert!(refused("0 0 * * 8").starts_with("day of week"));
    assert!(refused("*/0 * * * *").contains("the step `0` must be 1 to 59"));
    assert!(refused("*/99 * * * *").contains("the step"));
    assert!(refused("5/15 * * * *").contains("write 5-59/… or */…"));
    assert!(refused("30-10 * * * *").contains("runs backwards"));
    assert!(refused("@reboot").contains("when the server starts"));
    assert!(refused("@every 5m").contains("unknown"));
    for junk in [
        "? * * * *",
        "0 0 L * *",
        "0 0 * * 5#2",
        "-1 * * * *",
        "1- * * * *",
        ", * * * *",
        "* * * * \0",
        "１ * * * *",
    ] {
        refused(junk);
    }
    assert_eq!(
        refused(&"1,".repeat(400)),
        "schedule is longer than 256 bytes (cron_bytes_max)"
    );
    assert!(matches!(
        Schedule::parse("@daily", "Mars/Olympus"),
        Err(ScheduleError::UnknownZone(_))
    ));
}

#[test]
fn moments_rise_strictly_through_both_changes_of_a_year() {
    for zone in [
        "Europe/Berlin",
        "America/St_Johns",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "UTC",
    ] {
        let schedule = Schedule::parse("*/15 * * * *", zone).unwrap();
        let mut now = at("2026-01-01T00:00:00Z");
        let end = at("2027-01-01T00:00:00Z");
        while now < end {
            let next = schedule.next_after(now).unwrap();
            assert!(next > now);
            assert!(
                next.since(now) <= Duration::from_secs(75 * 60),
                "{zone}: {now} to {next}"
            );
            now = next;
        }
    }
}

#[test]
fn a_schedule_ends_with_the_calendar() {
    let schedule = Schedule::parse("@yearly", "UTC").unwrap();
    assert_eq!(schedule.next_after(at("2100-06-01T00:00:00Z")), None);
    assert_eq!(schedule.next_after(Timestamp::from_micros(i64::MAX)), None);
}
