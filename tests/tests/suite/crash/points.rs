//! A death at every fail point.

use bailiwick_catalog::FailPoint;
use bailiwick_tests::crash::{Generator, Home, Program, ended_by_kill};

use super::{ENGINES, past, program};

const GENERATOR: Generator = Generator { seed: 5, entities: 300 };

/// The round that is there before, and the one that is to come.
const HELD: u64 = 1;
const COMING: u64 = 2;

const INGEST: &[&str] = &[
    "ingest",
    "--config",
    "c.yaml",
    "--data-dir",
    "d",
    "--ack-log",
    "acks",
    "--quiet",
];
const BACKUP: &[&str] = &[
    "backup",
    "--config",
    "c.yaml",
    "--data-dir",
    "d",
    "--out",
    "copy",
    "--quiet",
];
const TRIM: &[&str] = &["trim", "--config", "c.yaml", "--data-dir", "d", "--quiet"];

/// The command that leads to a point. A new point has none, and does not compile until it has.
fn way(point: FailPoint) -> &'static [&'static str] {
    match point {
        FailPoint::ClaimsPlanned
        | FailPoint::BatchHalfWritten
        | FailPoint::BeforeDurableWrite
        | FailPoint::AfterDurableWrite
        | FailPoint::BeforePublish
        | FailPoint::AfterPublish
        | FailPoint::BeforeIndexCommit
        | FailPoint::AfterIndexCommit => INGEST,
        FailPoint::Backup => BACKUP,
        FailPoint::Trimming => TRIM,
    }
}

/// Dies at a point, and goes on from there; `wanted` is what an undisturbed store exports in the end. Tells how it went.
fn survive(program: &Program, engine: &str, point: FailPoint, wanted: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(program, folder.path().to_owned(), engine).unwrap();
    let told = |what: String| format!("{engine}, {point}: {what}");
    past::live_through(&home, engine, &GENERATOR, &[0, HELD]);
    home.put(&GENERATOR, COMING).unwrap();

    let env = [("BAILIWICK_FAIL_POINT", &*format!("{point}:1"))];
    let ended = home.run_with(way(point), &env).unwrap();
    assert!(
        ended_by_kill(ended.status),
        "{}",
        told(format!("it was not reached: {ended:?}"))
    );

    let head = home
        .verify()
        .unwrap_or_else(|error| panic!("{}", told(error.to_string())));
    let acknowledged = home.acknowledged().unwrap().last().copied();
    assert!(
        acknowledged <= Some(head),
        "{}",
        told(format!("{acknowledged:?} was acknowledged, the log ends at {head}"))
    );
    let remaining = GENERATOR.judge(&home.content().unwrap(), COMING);
    let remaining = remaining.unwrap_or_else(|found| panic!("{}", told(found)));
    assert!(
        !folder.path().join("copy").exists(),
        "{}",
        told("half a backup looks whole".to_owned())
    );

    home.run(way(point)).unwrap().success("the same again").unwrap();
    home.ingest_whole().unwrap();
    home.verify()
        .unwrap_or_else(|error| panic!("{}", told(format!("finished: {error}"))));
    assert!(
        home.content().unwrap() == wanted,
        "{}",
        told("the end differs".to_owned())
    );
    told(format!("head {head}, {remaining} entities were still to come"))
}

#[test]
fn law_5_a_death_at_any_named_point_loses_nothing_and_leaves_nothing_half_done() {
    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().unwrap();
    for engine in ENGINES {
        let undisturbed = Home::new(&program, folder.path().join(engine), engine).unwrap();
        undisturbed.put(&GENERATOR, COMING).unwrap();
        undisturbed.ingest_whole().unwrap();
        let wanted = undisturbed.content().unwrap();
        for point in FailPoint::ALL {
            println!("{}", survive(&program, engine, *point, &wanted));
        }
    }
}

#[test]
fn an_order_to_die_at_a_point_that_is_not_there_is_refused() {
    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(&program, folder.path().to_owned(), "fjall").unwrap();
    home.put(&GENERATOR, HELD).unwrap();
    for order in ["lunch", "trimming:0", "trimming:x"] {
        let ended = home.run_with(INGEST, &[("BAILIWICK_FAIL_POINT", order)]).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{order}: {ended:?}");
        assert!(
            ended.stderr.contains("BAILIWICK_FAIL_POINT"),
            "{order}: {}",
            ended.stderr
        );
    }
}
