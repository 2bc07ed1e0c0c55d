//! Scalars of the YAML 1.2 core schema, and JavaScript's way of writing a number.
//!
//! Source: YAML 1.2.2, chapter 10.3.2 (tag resolution), and the tests that the npm package `yaml` 2.9 applies.

use serde_json::Number;

use super::NodeValue;

/// Largest integer below which every integer has its own double.
const SAFE_INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// Resolves a plain scalar without a tag.
pub(super) fn resolve_plain(text: &str) -> Resolved {
    let Some(first) = text.bytes().next() else {
        return Resolved::Null;
    };
    match first {
        b'~' | b'n' | b'N' if is_null(text) => Resolved::Null,
        b't' | b'T' | b'f' | b'F' => match bool_of(text) {
            Some(value) => Resolved::Bool(value),
            None => Resolved::String,
        },
        b'+' | b'-' | b'.' | b'0'..=b'9' => match number_of(text) {
            Some(value) => Resolved::Number(value),
            None => Resolved::String,
        },
        _ => Resolved::String,
    }
}

/// What a scalar stands for; `String` is the text itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Resolved {
    Null,
    Bool(bool),
    Number(f64),
    String,
}

pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

pub(super) fn bool_of(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// The value of an integer or float of the core schema. `1_000`, `0b1` and `1:30` are none.
pub(super) fn number_of(text: &str) -> Option<f64> {
    int_of(text).or_else(|| float_of(text))
}

pub(super) fn int_of(text: &str) -> Option<f64> {
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse::<f64>().ok()
}

fn radix(digits: &str, radix: u32) -> Option<f64> {
    if digits.is_empty() {
        return None;
    }
    let mut value = 0.0f64;
    for digit in digits.chars() {
        value = value * f64::from(radix) + f64::from(digit.to_digit(radix)?);
    }
    Some(value)
}

pub(super) fn float_of(text: &str) -> Option<f64> {
    let (negative, body) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    match body {
        ".inf" | ".Inf" | ".INF" => return Some(if negative { f64::NEG_INFINITY } else { f64::INFINITY }),
        ".nan" | ".NaN" | ".NAN" if body.len() == text.len() => return Some(f64::NAN),
        _ => {}
    }
    let (mantissa, exponent) = match body.find(['e', 'E']) {
        Some(at) => (&body[..at], Some(&body[at + 1..])),
        None => (body, None),
    };
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
    }
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !fraction.is_none_or(all_digits) {
        return None;
    }
    let fraction_digits = fraction.map_or(0, str::len);
    if whole.is_empty() && fraction_digits == 0 || fraction.is_none() && exponent.is_none() {
        return None;
    }
    text.parse::<f64>().ok()
}

/// A number as JSON writes it: integers without a point as far as doubles are exact, null for what JSON has not.
pub(super) fn number_value(value: f64) -> NodeValue {
    if value.fract() == 0.0 && value.abs() <= SAFE_INTEGER_MAX {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "checked above: a whole number that i64 holds"
        )]
        return NodeValue::Number(Number::from(value as i64));
    }
    Number::from_f64(value).map_or(NodeValue::Null, NodeValue::Number)
}

/// `String(value)` of JavaScript, which is what a numeric key becomes (ECMAScript, Number::toString).
pub(super) fn number_key(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{:e}", value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = mantissa.replace('.', "");
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if value < 0.0 { "-" } else { "" };
    let length = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let point = exponent + 1;
    if (length..=21).contains(&point) {
        let zeros = usize::try_from(point - length).unwrap_or(0);
        return format!("{sign}{digits}{}", "0".repeat(zeros));
    }
    if (1..=21).contains(&point) {
        let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
        return format!("{sign}{whole}.{fraction}");
    }
    if (-5..=0).contains(&point) {
        return format!("{sign}0.{}{digits}", "0".repeat(usize::try_from(-point).unwrap_or(0)));
    }
    let (first, rest) = digits.split_at(1);
    let fraction = if rest.is_empty() {
        String::new()
    } else {
        format!(".{rest}")
    };
    format!(
        "{sign}{first}{fraction}e{}{}",
        if exponent < 0 { '-' } else { '+' },
        exponent.abs()
    )
}
