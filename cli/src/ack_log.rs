//! `bailiwick ingest --ack-log FILE`: which commits are durable, for people who pull the plug.
//!
//! Invariants: a line is written after its commit is durable, never before; lines of one process are without gaps, from
//! the first commit after the head that it found; a line reaches the operating system before the next one is made, so
//! that a killed process leaves every line that it wrote. The file is appended to and never synced: whoever cuts the
//! power keeps it on another disk.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use bailiwick_schema::Position;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::exit::{Exit, Failure};

/// The opened file.
pub(crate) struct AckFile {
    path: PathBuf,
    file: File,
}

/// The file and the thread that writes it.
pub(crate) struct AckLog {
    path: PathBuf,
    ended: CancellationToken,
    thread: JoinHandle<io::Result<()>>,
}

impl AckFile {
    /// Opens the file for appending, or makes it. A last line that a death cut short is ended, so that no number runs
    /// into the next.
    pub(crate) fn open(path: &Path, context: &Context) -> Result<Self, Failure> {
        let path = context.working_dir.join(path);
        let open = || -> io::Result<File> {
            let mut file = File::options().read(true).append(true).create(true).open(&path)?;
            if file.metadata()?.len() > 0 {
                file.seek(SeekFrom::End(-1))?;
                let mut last = [0];
                file.read_exact(&mut last)?;
                if last != *b"\n" {
                    file.write_all(b"\n")?;
                }
            }
            Ok(file)
        };
        match open() {
            Ok(file) => Ok(Self { path, file }),
            Err(error) => Err(
                Failure::usage(format!("cannot append to `{}`: {error}", path.display()))
                    .hint("name a file with --ack-log FILE, in a folder that is there and can be written to"),
            ),
        }
    }

    /// Writes every position after `found_head` as it comes. Errors: no thread can be had.
    pub(crate) fn follow(
        mut self,
        found_head: Position,
        mut positions: watch::Receiver<Position>,
    ) -> Result<AckLog, Failure> {
        let cannot = |error: io::Error| Failure::new(Exit::Failed, format!("cannot follow the log: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(cannot)?;
        let ended = CancellationToken::new();
        let ending = ended.clone();
        let path = self.path.clone();
        let follow = move || {
            let mut written = found_head;
            loop {
                // Read before the head is: what is committed until then is written before the end.
                let is_last = ending.is_cancelled();
                let head = *positions.borrow_and_update();
                self.append(&mut written, head)?;
                if is_last {
                    return Ok(());
                }
                runtime.block_on(async {
                    tokio::select! {
                        () = ending.cancelled() => {}
                        moved = positions.changed() => {
                            if moved.is_err() {
                                // The engine is gone, and with it further commits.
                                ending.cancel();
                            }
                        }
                    }
                });
            }
        };
        let thread = std::thread::Builder::new().name("ack-log".to_owned()).spawn(follow);
        Ok(AckLog {
            path,
            ended,
            thread: thread.map_err(cannot)?,
        })
    }

    /// Positions are gapless: whatever lies between two moves of the head was committed too.
    fn append(&mut self, written: &mut Position, head: Position) -> io::Result<()> {
        while *written < head {
            let next = written.next();
            self.file.write_all(format!("{}\n", next.0).as_bytes())?;
            *written = next;
        }
        Ok(())
    }
}

impl AckLog {
    /// Writes what is left and ends. Call it when the engine has stopped.
    /// Errors: the file could not be written; then its last lines are missing.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        self.ended.cancel();
        let failed = |error: String| {
            Failure::new(
                Exit::Failed,
                format!("cannot append to `{}`: {error}", self.path.display()),
            )
            .hint("what was ingested is durable; only the list of positions is cut short")
        };
        match self.thread.join() {
            Ok(written) => written.map_err(|error| failed(error.to_string())),
            Err(_) => Err(failed("the thread that writes it panicked".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(path: &Path) -> AckFile {
        let file = File::options().append(true).create(true).open(path).unwrap();
        AckFile {
            path: path.to_owned(),
            file,
        }
    }

    #[test]
    fn positions_between_two_moves_of_the_head_are_written_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acks");
        let (head, positions) = watch::channel(Position(5));
        let Ok(log) = opened(&path).follow(Position(4), positions) else {
            panic!("a thread can be had");
        };
        head.send_replace(Position(8));
        head.send_replace(Position(9));
        assert!(log.finish().is_ok());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "5\n6\n7\n8\n9\n");
    }

    #[test]
    fn a_log_that_nothing_was_added_to_gets_no_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acks");
        let (head, positions) = watch::channel(Position(7));
        let Ok(log) = opened(&path).follow(Position(7), positions) else {
            panic!("a thread can be had");
        };
        drop(head);
        assert!(log.finish().is_ok());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }
}
