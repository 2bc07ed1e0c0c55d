//! The generated parts of `docs/benchmarks.md`.

use std::fmt::Write as _;

use super::goals::{WORKS, peak_anonymous};
use super::mb;
use super::table::{Table, number};
use crate::args::{Common, RunArgs, SoakArgs};
use crate::limits::Limits;
use crate::questions::Operation;
use crate::stages::soak::{Mix, Soaked};
use crate::stages::{Asked, Counted, Counts, Figures};

const COMMAND: &str = "cargo run --release --locked -p bailiwick-bench --";
/// The size that the goals are for.
const GOAL_ENTITIES: usize = 100_000;
/// The size of a large company.
const LARGE_ENTITIES: usize = 1_000_000;

type Machine = [(&'static str, String)];

/// The part of `bench run`. `small` are counts of small catalogs, one for each engine or none.
pub(crate) fn run(args: &RunArgs, machine: &Machine, all: &[Figures], small: &[Counted]) -> String {
    let mut text = String::new();
    let mut command = format!("{COMMAND} run --entities {}", args.common.entities);
    if !args.also.is_empty() {
        let also: Vec<String> = args.also.iter().map(ToString::to_string).collect();
        let _ = write!(command, " --also {}", also.join(","));
    }
    let _ = write!(
        command,
        " --engine {} --write docs/benchmarks.md",
        args.common.engine.join(",")
    );
    opening(&mut text, &args.common, machine, &command);
    let mut sizes: Vec<usize> = all.iter().map(|figures| figures.entities).collect();
    sizes.dedup();
    for size in sizes {
        let of_size: Vec<&Figures> = all.iter().filter(|figures| figures.entities == size).collect();
        works(&mut text, size, &of_size);
        if size >= LARGE_ENTITIES {
            large(&mut text, all, &of_size);
        }
        limits(&mut text, &of_size);
        queries(&mut text, args, &of_size);
        counters(&mut text, &of_size, small);
    }
    text
}

fn opening(text: &mut String, common: &Common, machine: &Machine, command: &str) {
    let _ = writeln!(text, "```console\n{command}\n```\n");
    let mut table = Table::new(["measured on", ""]);
    for (name, value) in machine {
        table.row([*name, value.as_str()]);
    }
    if let Some(date) = &common.date {
        table.row(["day", date.as_str()]);
    }
    table.row(["seed", &common.seed.to_string()]);
    let _ = writeln!(text, "{}", table.text());
}

fn heading(text: &mut String, what: &str, size: usize) {
    let _ = writeln!(text, "### {what}, {} entities\n", number(size as f64));
}

/// Figures against goals, and as shares of their limits.
fn works(text: &mut String, size: usize, all: &[&Figures]) {
    heading(text, "Figures", size);
    let goals = size == GOAL_ENTITIES;
    let engines = all.iter().map(|figures| figures.engine.as_str());
    let mut head = vec!["work"];
    if goals {
        head.extend(["Backstage", "must", "aim"]);
    }
    head.extend(engines.clone());
    if goals {
        head.push("reaches");
    }
    let mut table = Table::new(head);
    for work in WORKS {
        let figures: Vec<Option<f64>> = all.iter().map(|figures| (work.figure)(figures)).collect();
        if figures.iter().all(Option::is_none) {
            continue;
        }
        let (must, aim) = work.goal.numbers();
        let mut cells = vec![work.name.to_owned()];
        if goals {
            cells.extend([work.peer.to_owned(), number(must), number(aim)]);
        }
        cells.extend(figures.iter().map(|figure| figure.map_or_else(String::new, number)));
        if goals {
            let first = figures.first().copied().flatten();
            cells.push(first.map_or("", |figure| work.goal.verdict(figure)).to_owned());
        }
        table.row(cells);
    }
    if goals {
        let _ = writeln!(text, "`reaches` is said of the first engine.\n");
    }
    let _ = writeln!(text, "{}", table.text());
    beside(text, all);

    let mut table = Table::new(
        ["work", "limit, measured in the same run"]
            .into_iter()
            .chain(engines.flat_map(|engine| [engine, "share"])),
    );
    let mut any = false;
    for work in WORKS {
        let shares = all
            .iter()
            .map(|figures| Some(((work.figure)(figures)?, (work.limit)(figures)?)));
        let shares: Vec<Option<(f64, f64)>> = shares.collect();
        if shares.iter().all(Option::is_none) {
            continue;
        }
        any = true;
        let mut cells = vec![work.name.to_owned(), work.limit_name.to_owned()];
        for share in shares {
            cells.extend(match share {
                Some((figure, limit)) => [number(limit), percent(work.goal.share(figure, limit))],
                None => [String::new(), String::new()],
            });
        }
        table.row(cells);
    }
    if any {
        heading(text, "Shares of the limits", size);
        let _ = writeln!(
            text,
            "100 % would be as good as the limit itself; the column of an engine holds the limit.\n"
        );
        let _ = writeln!(text, "{}", table.text());
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// What stands beside the goals: resident memory, processor time, parts of the disk.
fn beside(text: &mut String, all: &[&Figures]) {
    let mut table = Table::new(
        ["beside"]
            .into_iter()
            .chain(all.iter().map(|figures| figures.engine.as_str())),
    );
    let mut row = |name: &str, value: &dyn Fn(&Figures) -> Option<String>| {
        let cells: Vec<Option<String>> = all.iter().map(|figures| value(figures)).collect();
        if cells.iter().any(Option::is_some) {
            let cells = cells.into_iter().map(Option::unwrap_or_default);
            table.row([name.to_owned()].into_iter().chain(cells));
        }
    };
    row("full ingest, s", &|figures| Some(number(figures.ingest.as_ref()?.secs)));
    row("processor time of full ingest, s", &|figures| {
        Some(number(figures.ingest.as_ref()?.cpu_secs))
    });
    row("processor time of the unchanged re-sync, s", &|figures| {
        Some(number(figures.resync.as_ref()?.cpu_secs))
    });
    row("processor time of the 1 %, s", &|figures| {
        Some(number(figures.change.as_ref()?.cpu_secs))
    });
    row("anonymous memory of ingest at its peak, MB", &|figures| {
        Some(number(mb(figures.ingest.as_ref()?.peak.anonymous)))
    });
    row("resident memory of ingest at its peak, MB", &|figures| {
        Some(number(mb(figures.ingest.as_ref()?.peak.resident)))
    });
    row("anonymous memory of serving at its peak, MB", &|figures| {
        Some(number(mb(figures.serving?.anonymous)))
    });
    row("resident memory of serving at its peak, MB", &|figures| {
        Some(number(mb(figures.serving?.resident)))
    });
    row("anonymous memory after a restart, MB", &|figures| {
        Some(number(mb(figures.restart.as_ref()?.memory.anonymous)))
    });
    row("the workload's file, MB", &|figures| Some(number(mb(figures.bytes))));
    for part in ["store", "index"] {
        row(&format!("disk of {part}, MB"), &|figures| {
            let parts = &figures.disk.as_ref()?.parts;
            let (_, bytes) = parts.iter().find(|(name, _)| name == part)?;
            Some(number(mb(*bytes)))
        });
    }
    row("restart to the first entity by ref, s", &|figures| {
        Some(number(figures.restart.as_ref()?.secs))
    });
    let _ = writeln!(text, "{}", table.text());
}

/// The goals of a large company, beside the same figures of the smaller workload.
fn large(text: &mut String, all: &[Figures], of_size: &[&Figures]) {
    let mut table = Table::new(
        ["of a million entities", "must"]
            .into_iter()
            .chain(of_size.iter().map(|figures| figures.engine.as_str())),
    );
    let mut row = |name: &str, must: &str, value: &dyn Fn(&Figures) -> Option<String>| {
        let cells = of_size.iter().map(|figures| value(figures).unwrap_or_default());
        table.row([name.to_owned(), must.to_owned()].into_iter().chain(cells));
    };
    row(
        "full ingest a record, against the goals' size",
        "at most 1.30 times",
        &|figures| {
            let base = all
                .iter()
                .find(|other| other.engine == figures.engine && other.entities == GOAL_ENTITIES)?;
            let each = |figures: &Figures| Some(figures.ingest.as_ref()?.secs / figures.entities as f64);
            Some(format!("{:.2} times", each(figures)? / each(base)?))
        },
    );
    row("peak anonymous memory, MB", "3,000", &|figures| {
        peak_anonymous(figures).map(number)
    });
    for operation in [Operation::Search, Operation::Facets] {
        row(&format!("{}, p50 ms", operation.title()), "15", &|figures| {
            let asked = figures.queries.iter().find(|asked| asked.operation == operation)?;
            Some(number(asked.pace.p50_ms))
        });
    }
    row("ready after a restart, s", "15", &|figures| {
        Some(number(figures.restart.as_ref()?.search_secs))
    });
    let _ = writeln!(text, "{}", table.text());
}

fn limits(text: &mut String, all: &[&Figures]) {
    let measured: Vec<(&Figures, &Limits)> = all
        .iter()
        .filter_map(|figures| Some((*figures, figures.limits.as_ref()?)))
        .collect();
    let Some((first, _)) = measured.first() else { return };
    heading(text, "Limits", first.entities);
    let mut table = Table::new(
        ["limit"]
            .into_iter()
            .chain(measured.iter().map(|(figures, _)| figures.engine.as_str())),
    );
    let mut row = |name: &str, value: &dyn Fn(&Figures, &Limits) -> f64| {
        let cells = measured.iter().map(|(figures, limits)| number(value(figures, limits)));
        table.row([name.to_owned()].into_iter().chain(cells));
    };
    row("raw engine: rows", &|_, limits| limits.engine.figures.rows as f64);
    row("raw engine: keys and values, MB", &|_, limits| {
        mb(limits.engine.figures.bytes)
    });
    row(
        "raw engine: durable batches of 1,000 entities, entities/s",
        &|figures, limits| figures.entities as f64 / limits.engine.figures.load_secs,
    );
    row("raw engine: 1 % once more, s", &|_, limits| {
        limits.engine.figures.change_secs
    });
    row("raw engine: open, s", &|_, limits| limits.engine.figures.open_secs);
    row("raw engine: open and read what a start reads, s", &|_, limits| {
        limits.engine.figures.start_secs
    });
    row("raw engine: peak anonymous memory, MB", &|_, limits| {
        mb(limits.engine.peak.anonymous)
    });
    row("raw engine: disk, MB", &|_, limits| mb(limits.engine.figures.disk));
    row("raw index: one thread, documents/s", &|_, limits| {
        limits.index.figures.documents as f64 / limits.index.figures.one_thread_secs
    });
    row("raw index: two threads, documents/s", &|_, limits| {
        limits.index.figures.documents as f64 / limits.index.figures.two_threads_secs
    });
    row("raw index: 1 % replaced, committed, seen, s", &|_, limits| {
        limits.index.figures.change_secs
    });
    row("raw index: open, s", &|_, limits| limits.index.figures.open_secs);
    row("raw index: peak anonymous memory, MB", &|_, limits| {
        mb(limits.index.peak.anonymous)
    });
    row("raw index: disk, MB", &|_, limits| mb(limits.index.figures.disk));
    row("file: read and hashed, s", &|_, limits| {
        limits.reading.figures.hash_secs
    });
    row("file: read and hashed by lines, s", &|_, limits| {
        limits.reading.figures.lines_secs
    });
    row("file: read and parsed by lines, s", &|_, limits| {
        limits.reading.figures.parse_secs
    });
    let _ = writeln!(text, "{}", table.text());
}

fn queries(text: &mut String, args: &RunArgs, all: &[&Figures]) {
    for figures in all.iter().filter(|figures| !figures.queries.is_empty()) {
        heading(text, &format!("Queries, {}", figures.engine), figures.entities);
        let mut table = Table::new([
            "query".to_owned(),
            "p50 / p95 / p99, ms".to_owned(),
            format!("requests/s at {}", args.connections),
            "p50 / p99 there, ms".to_owned(),
            "`wrk`, requests/s".to_owned(),
            "bare GraphQL: p50, ms; requests/s".to_owned(),
            "bare bytes: p50, ms; requests/s".to_owned(),
            "bytes".to_owned(),
        ]);
        for asked in &figures.queries {
            table.row(cells_of(asked));
        }
        let _ = writeln!(text, "{}", table.text());
    }
}

fn cells_of(asked: &Asked) -> [String; 8] {
    let pace = asked.pace;
    let bare = |pace: Option<crate::stages::Pace>| {
        pace.map_or_else(String::new, |pace| {
            format!("{}; {}", number(pace.p50_ms), number(pace.requests_per_sec))
        })
    };
    [
        asked.operation.title().to_owned(),
        [pace.p50_ms, pace.p95_ms, pace.p99_ms].map(number).join(" / "),
        number(pace.requests_per_sec),
        [pace.crowd_p50_ms, pace.crowd_p99_ms].map(number).join(" / "),
        asked.wrk_per_sec.map_or_else(String::new, number),
        bare(asked.bare_graphql),
        bare(asked.bare_bytes),
        number(asked.answer_bytes as f64),
    ]
}

fn counters(text: &mut String, all: &[&Figures], small: &[Counted]) {
    for (at, (figures, large)) in all
        .iter()
        .filter_map(|figures| Some((figures, figures.counted.as_ref()?)))
        .enumerate()
    {
        let Some(small) = small.get(at) else { continue };
        heading(
            text,
            &format!("What a run touches, {}", figures.engine),
            figures.entities,
        );
        let _ = writeln!(
            text,
            "Counts of `/metrics`, of the smaller catalog and of this one. What stays 0 is left out, and so are reads of the \
             ledger, which are those of the question whether the run has ended.\n"
        );
        let (few, many) = (number(small.entities as f64), number(large.entities as f64));
        let mut table = Table::new([
            "counter".to_owned(),
            format!("nothing changed, {few}"),
            many.clone(),
            format!("one descriptor changed, {few}"),
            many.clone(),
        ]);
        let columns = [&small.quiet, &large.quiet, &small.one_changed, &large.one_changed];
        let mut names: Vec<&String> = columns.iter().flat_map(|counts| counts.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            let cell = |counts: &&Counts| counts.get(name).copied().unwrap_or(0).to_string();
            table.row([format!("`{name}`")].into_iter().chain(columns.iter().map(cell)));
        }
        let _ = writeln!(text, "{}", table.text());
    }
}

/// The part of `bench soak`.
pub(crate) fn soak(args: &SoakArgs, mix: &Mix, machine: &Machine, all: &[Soaked]) -> String {
    let mut text = String::new();
    let command = format!(
        "{COMMAND} soak --minutes {} --rate {} --engine {} --write docs/benchmarks.md",
        args.minutes,
        args.rate,
        args.common.engine.join(",")
    );
    opening(&mut text, &args.common, machine, &command);
    let shares: Vec<String> = mix
        .0
        .iter()
        .map(|(operation, share)| format!("{} {share}", operation.name()))
        .collect();
    let _ = writeln!(
        text,
        "An open loop of {} requests a second over {} connections for {} minutes; the shares are {}. A re-sync with {} % \
         changed every {} s. Latencies count from the time at which a request should have been sent.\n",
        args.rate,
        args.connections,
        args.minutes,
        shares.join(", "),
        args.common.changed,
        args.every,
    );
    for soaked in all {
        heading(&mut text, &format!("Load, {}", soaked.engine), soaked.entities);
        let mut table = Table::new(["query", "answers", "p50, ms", "p99, ms", "p99.9, ms", "highest, ms"]);
        for latency in &soaked.latencies {
            let times = [latency.p50_ms, latency.p99_ms, latency.p999_ms, latency.highest_ms].map(number);
            let head = [latency.operation.title().to_owned(), number(latency.answers as f64)];
            table.row(head.into_iter().chain(times));
        }
        let _ = writeln!(text, "{}", table.text());
        let _ = writeln!(
            text,
            "{} answers, {} errors; {} re-syncs, {} s usually, {} s at most; the server kept {} cores busy.\n",
            number(soaked.answers as f64),
            soaked.errors,
            soaked.resyncs,
            number(soaked.resync_p50_secs),
            number(soaked.resync_highest_secs),
            number(soaked.cores),
        );
        let mut table = Table::new([
            "minute",
            "anonymous on average, MB",
            "peak anonymous, MB",
            "peak resident, MB",
        ]);
        for (at, minute) in soaked.minutes.iter().enumerate() {
            let sizes = [minute.mean_anonymous, minute.peak.anonymous, minute.peak.resident];
            table.row(
                [(at + 1).to_string()]
                    .into_iter()
                    .chain(sizes.map(|bytes| number(mb(bytes)))),
            );
        }
        let _ = writeln!(text, "{}", table.text());
        if let Some(growth) = soaked.growth() {
            let _ = writeln!(
                text,
                "The last minute's average is {} of the second's.\n",
                percent(growth)
            );
        }
    }
    text
}
