//! The report of `bailiwick verify`, whoever made it.

use serde_json::Value;

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::{cell, printable};

/// Differences that the table names; JSON has them all.
const SHOWN_MAX: usize = 20;

/// Shows a report; the exit code says whether everything agrees.
pub(crate) fn print_verify(report: &Value, context: &Context) -> Result<Exit, Failure> {
    let agrees = report.get("agrees").and_then(Value::as_bool).unwrap_or(false);
    let differences = report
        .get("differences")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    context.print(report, |style| {
        let mut text = String::new();
        for (name, value) in report
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| *name != "differences")
        {
            text.push_str(&format!("{:<16} {}\n", name, printable(&cell(value))));
        }
        for difference in differences.iter().take(SHOWN_MAX) {
            text.push_str(&format!("{} {}\n", style.red("differs"), printable(&cell(difference))));
        }
        match agrees {
            true => text.push_str(&format!("{} what is rebuilt equals what is held\n", style.green("ok"))),
            false => text.push_str(&format!(
                "{} what is rebuilt differs from what is held\n",
                style.red("not ok")
            )),
        }
        text
    })?;
    Ok(if agrees { Exit::Ok } else { Exit::No })
}
