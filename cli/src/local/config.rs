//! `bailiwick config`: check, schema, show.

use std::path::{Path, PathBuf};

use bailiwick_config::{Config, Flag, Input, Problem, Problems};
use serde_json::json;

use crate::args::{ConfigArgs, ConfigCommand, ConfigSource};
use crate::composition;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::local::kinds::KindsError;
use crate::output::{Rows, cell, print_text, printable};

pub(crate) fn run(args: &ConfigArgs, context: &Context) -> Result<Exit, Failure> {
    match &args.command {
        ConfigCommand::Schema => {
            let schema = bailiwick_config::schema::json_schema();
            print_text(&(serde_json::to_string_pretty(schema).unwrap_or_default() + "\n"))?;
            Ok(Exit::Ok)
        }
        ConfigCommand::Check(source) => check(source, context),
        ConfigCommand::Show(source) => show(source, context),
    }
}

/// The configuration that `--config`, the environment and flags give.
pub(crate) fn load(source: &ConfigSource, listen: Option<&str>, context: &Context) -> Result<Config, Problems> {
    let mut flags = Vec::new();
    if let Some(data_dir) = &source.data_dir {
        flags.push(Flag {
            name: "--data-dir",
            path: "store.data_dir",
            value: data_dir.display().to_string(),
        });
    }
    if let Some(listen) = listen {
        flags.push(Flag {
            name: "--listen",
            path: "server.listen",
            value: listen.to_owned(),
        });
    }
    Config::load(&Input {
        file: source.config.as_deref(),
        working_dir: &context.working_dir,
        env: &context.env,
        flags: &flags,
    })
}

/// Problems of a configuration that a command cannot go on with.
pub(crate) fn refused(problems: &Problems) -> Failure {
    let count = problems.0.len();
    let lines: Vec<String> = problems.0.iter().map(|problem| format!("  {problem}")).collect();
    let noun = if count == 1 { "a problem" } else { "problems" };
    Failure::usage(format!("the configuration has {noun}:\n{}", lines.join("\n"))).hint(
        "correct it; `bailiwick config check` says whether more is wrong, config/bailiwick.yaml explains every key",
    )
}

pub(crate) fn kind_problems(config: &Config, error: KindsError) -> Vec<Problem> {
    match error {
        KindsError::Unreadable { path, message } => {
            vec![config.problem("kinds.paths", format!("`{}` cannot be read: {message}", path.display()))]
        }
        KindsError::Problems(found) => found
            .into_iter()
            .map(|found| Problem {
                path: found.problem.path,
                file: found.file,
                line: Some(found.problem.line),
                column: Some(found.problem.column),
                message: format!("{} ({})", found.problem.message, found.problem.code),
            })
            .collect(),
    }
}

fn check(source: &ConfigSource, context: &Context) -> Result<Exit, Failure> {
    let problems = match load(source, None, context) {
        Ok(config) => composition::parts(&config).err().unwrap_or_default(),
        Err(Problems(problems)) => problems,
    };
    let name = name_of(source.config.as_deref());
    context.print(&json!(problems), |style| {
        if problems.is_empty() {
            return format!("{} {name} is valid\n", style.green("ok"));
        }
        problems
            .iter()
            .map(|problem| format!("{}\n", printable(&problem.to_string())))
            .collect()
    })?;
    Ok(if problems.is_empty() { Exit::Ok } else { Exit::No })
}

fn name_of(file: Option<&Path>) -> String {
    file.map_or_else(|| PathBuf::from(bailiwick_config::EMBEDDED_NAME), Path::to_owned)
        .display()
        .to_string()
}

fn show(source: &ConfigSource, context: &Context) -> Result<Exit, Failure> {
    let config = load(source, None, context).map_err(|problems| refused(&problems))?;
    let shown = config.shown();
    context.print(&json!({ "values": shown, "effective": config.effective() }), |style| {
        let mut rows = Rows::new(&["KEY", "VALUE", "FROM"]);
        for one in &shown {
            rows.add([one.path.clone(), cell(&one.value), one.from.clone()]);
        }
        rows.render(style)
    })?;
    Ok(Exit::Ok)
}
