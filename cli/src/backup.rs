//! `bailiwick backup --data-dir`, `bailiwick restore`, and how backups and their failures are told.

use std::path::Path;

use bailiwick_catalog::backup::{
    self, BackupError, BackupSettings, Header, ReadError, Restored, Step, Trailer, check_not_interrupted,
};
use bailiwick_catalog::store::{self, EngineKind, StoreError};
use bailiwick_ingestors::kit::chain;
use serde_json::{Value, json};

use crate::args::{BackupArgs, ConfigSource, RestoreArgs};
use crate::composition::{self, engine_kind};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::local::config::{load, refused};
use crate::output::printable;
use crate::{fail_points, progress};

/// Backs up a data directory that no server uses. Opens the store alone: neither engine nor index are started.
pub(crate) fn of_folder(data_dir: &Path, args: &BackupArgs, context: &Context) -> Result<Exit, Failure> {
    let folder = context.working_dir.join(data_dir);
    check_not_interrupted(&folder).map_err(|error| failure(&error.into()))?;
    crate::offline::check_catalog(&folder, data_dir)?;
    let source = ConfigSource {
        config: args.offline.config.clone(),
        data_dir: Some(data_dir.to_owned()),
    };
    let config = load(&source, None, context).map_err(|problems| refused(&problems))?;
    let fail_points = fail_points::from(&context.env)?;
    let settings = BackupSettings {
        at: composition::clock().now(),
        fail_points: fail_points.clone(),
    };
    let options = composition::store_options(&config, fail_points);
    let spinner = progress::spinner(context, "opening the store");
    let opened = store::open(composition::engine_at(&config), &folder.join("store"), options);
    let store = opened.map_err(|error| failure(&error.into()))?;
    let target = context.working_dir.join(&args.out);
    let written = backup::write_file(&*store, &settings, &target, args.force, &mut |step| {
        if let Step::Written { rows, bytes, table } = step {
            spinner.set_message(format!("{rows} rows, {bytes} bytes written ({table})"));
        }
    });
    spinner.finish_and_clear();
    let (header, trailer) = written.map_err(|error| failure(&error))?;
    print_backup(&args.out, &header, &trailer, context)
}

pub(crate) fn restore(args: &RestoreArgs, context: &Context) -> Result<Exit, Failure> {
    if context.server_flag.is_some() {
        return Err(
            Failure::usage("a backup is restored into a folder, not into a running server")
                .hint("stop the server, restore into a new folder with --data-dir DIR, and start it on that"),
        );
    }
    let Some(data_dir) = args.data_dir.as_ref().filter(|_| !args.check) else {
        return check(&args.file, context);
    };
    let source = ConfigSource {
        config: args.config.clone(),
        data_dir: Some(data_dir.clone()),
    };
    let config = load(&source, None, context).map_err(|problems| refused(&problems))?;
    let engine = match &args.engine {
        Some(name) => name
            .parse()
            .map_err(|error: store::EngineKindError| Failure::usage(error.to_string()))?,
        None => engine_kind(config.store.engine),
    };
    if engine == EngineKind::Memory {
        return Err(Failure::usage("the engine `memory` keeps nothing").hint("name one that does, with --engine"));
    }
    let options = composition::store_options(&config, fail_points::from(&context.env)?);
    let path = context.working_dir.join(&args.file);
    let bar = progress::bar(context, "checking");
    bar.set_length(std::fs::metadata(&path).map_or(0, |found| found.len()));
    let folder = context.working_dir.join(data_dir);
    let restored = backup::restore(&path, engine, &folder, &options, &mut |step| match step {
        Step::Checked { bytes } => bar.set_position(bytes),
        Step::Restored { bytes } => {
            bar.set_message("restoring");
            bar.set_position(bytes);
        }
        Step::Written { .. } => {}
    });
    bar.finish_and_clear();
    let restored = restored.map_err(|error| failure(&error))?;
    print_restored(data_dir, &restored, context)
}

fn check(file: &Path, context: &Context) -> Result<Exit, Failure> {
    let path = context.working_dir.join(file);
    let bar = progress::bar(context, "checking");
    bar.set_length(std::fs::metadata(&path).map_or(0, |found| found.len()));
    let checked = backup::check(&path, &mut |step| {
        if let Step::Checked { bytes } = step {
            bar.set_position(bytes);
        }
    });
    bar.finish_and_clear();
    let (header, trailer) = checked.map_err(|error| failure(&error))?;
    print_backup(file, &header, &trailer, context)
}

/// Shows what a backup holds.
pub(crate) fn print_backup(
    file: &Path,
    header: &Header,
    trailer: &Trailer,
    context: &Context,
) -> Result<Exit, Failure> {
    let value = described(file, header, trailer);
    context.print(&value, |_| table(&value))?;
    Ok(Exit::Ok)
}

fn print_restored(data_dir: &Path, restored: &Restored, context: &Context) -> Result<Exit, Failure> {
    let value = json!({
        "dataDir": data_dir.display().to_string(),
        "engine": restored.engine.as_str(),
        "position": restored.position,
        "lineage": restored.lineage,
        "rows": restored.trailer.rows,
        "backupFrom": { "engine": restored.header.engine, "lineage": restored.header.lineage, "at": restored.header.at },
    });
    context.print(&value, |_| table(&value))?;
    context.note("the search index is made again at the next start");
    Ok(Exit::Ok)
}

fn described(file: &Path, header: &Header, trailer: &Trailer) -> Value {
    json!({
        "file": file.display().to_string(),
        "position": header.position,
        "at": header.at,
        "engine": header.engine,
        "lineage": header.lineage,
        "writtenBy": header.written_by,
        "rows": trailer.rows,
        "blocks": trailer.blocks,
        "bytes": trailer.bytes,
        "hash": trailer.hash,
    })
}

fn table(value: &Value) -> String {
    let mut text = String::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        text.push_str(&format!("{name:<12} {}\n", printable(&crate::output::cell(value))));
    }
    text
}

/// What to do about a failed backup or restore.
pub(crate) fn failure(error: &BackupError) -> Failure {
    let what = chain(error);
    let (exit, hint) = match error {
        BackupError::Exists { .. } => (Exit::Usage, "name another file, or replace this one with --force"),
        BackupError::Folder { .. } | BackupError::Device { .. } | BackupError::NoFolder { .. } => {
            (Exit::Usage, "name another path")
        }
        BackupError::Busy { .. } => (Exit::Unavailable, "wait for it, or name another file"),
        BackupError::NotEmpty { .. } => (
            Exit::Usage,
            "restore into a new folder, look at it with `bailiwick verify --data-dir`, and move it into its place",
        ),
        BackupError::NewerRows { .. } => (
            Exit::Failed,
            "restore it with the version of bailiwick that wrote it, or a later one",
        ),
        BackupError::Read { source, .. } => match source {
            ReadError::Newer { .. } | ReadError::UnknownTable { .. } => (
                Exit::Failed,
                "restore it with the version of bailiwick that wrote it, or a later one",
            ),
            ReadError::Foreign | ReadError::Empty => (Exit::Usage, "name a file that `bailiwick backup` wrote"),
            ReadError::CutOff { .. } | ReadError::Damaged { .. } | ReadError::Overlong { .. } => (
                Exit::Failed,
                "fetch the file again from where it was copied from, or take another backup",
            ),
            ReadError::GivenUp { again: true, .. } => (Exit::Unavailable, "run it again"),
            ReadError::GivenUp { .. } => (
                Exit::Failed,
                "the server's log says more; `bailiwick verify` says what is damaged",
            ),
            ReadError::Io(_) => (Exit::Usage, "see that the path is right and can be read"),
        },
        BackupError::Write { .. } => (
            Exit::Failed,
            "see that the folder can be written to and the disk is not full",
        ),
        BackupError::Send(_) => (Exit::Failed, "run it again"),
        BackupError::Store(StoreError::Locked { .. }) => (
            Exit::Unavailable,
            "stop the server that uses it, or ask that server with --server URL",
        ),
        BackupError::Store(StoreError::Unusable { .. }) => (Exit::Usage, "name another folder with --data-dir DIR"),
        BackupError::Store(StoreError::Corrupt { .. } | StoreError::Damaged { .. }) => (
            Exit::Failed,
            "`bailiwick verify --data-dir DIR` says what is damaged; restore an earlier backup",
        ),
        BackupError::Store(_) => (
            Exit::Failed,
            "see that the folder can be written to and the disk is not full",
        ),
    };
    Failure::new(exit, what).hint(hint)
}
