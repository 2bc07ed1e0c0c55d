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
            .filter(|(name, _)| !matches!(name.as_str(), "differences" | "parts"))
        {
            text.push_str(&format!("{:<16} {}\n", name, printable(&cell(value))));
        }
        for part in report.get("parts").and_then(Value::as_array).into_iter().flatten() {
            let count = |name: &str| part.get(name).and_then(Value::as_u64).unwrap_or(0);
            let name = part.get("part").and_then(Value::as_str).unwrap_or_default();
            text.push_str(&format!(
                "{name:<16} {} compared, {} differ\n",
                count("checked"),
                count("differing")
            ));
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
