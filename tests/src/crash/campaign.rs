//! Many kills, one after the other, of one store.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use super::generator::Generator;
use super::program::{Home, Program, ended_by_kill};
use super::random::Random;

/// One of so many kills meets a process that opens what a kill has just left.
const OPENING_EVERY: usize = 5;
/// One of so many kills meets the very first start, in an empty folder.
const FIRST_EVERY: usize = 10;
/// Starts that may end by themselves before their kill, for each kill that is wanted; then something else is wrong.
const MISSES_PER_KILL: usize = 5;
/// How often the acknowledgements are looked at.
const LOOK_EVERY: Duration = Duration::from_micros(500);

/// What is to be done.
#[derive(Debug)]
pub struct Campaign {
    pub program: Program,
    /// As in `store.engine`.
    pub engine: String,
    /// An empty folder; what went wrong is left there.
    pub folder: PathBuf,
    pub kills: usize,
    pub generator: Generator,
}

/// When a process was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// While a folder that was empty is set up.
    FirstStart,
    /// While it opens what another kill left behind.
    Opening,
    /// After so many commits of its own, and a little more.
    Commits(u64),
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstStart => f.write_str("first start"),
            Self::Opening => f.write_str("opening"),
            Self::Commits(count) => write!(f, "commit {count}"),
        }
    }
}

/// One kill, and what was found afterwards.
#[derive(Debug)]
pub struct Kill {
    pub number: usize,
    pub moment: Moment,
    /// The last position that was acknowledged; nothing if none was.
    pub acknowledged: Option<u64>,
    /// The head of the log, when it was opened again.
    pub head: u64,
    /// Entities that the killed run had still to write or to remove.
    pub remaining: usize,
}

/// What a campaign came to, when nothing was found.
#[derive(Debug)]
pub struct Outcome {
    pub kills: usize,
    /// Starts that ended before their kill came; they count for nothing.
    pub misses: usize,
    pub entities: usize,
    pub head: u64,
}

/// How an undisturbed run goes.
#[derive(Debug)]
struct Pace {
    /// Commits of a round that follows another.
    commits: u64,
    /// From the start to the first of them.
    first: Duration,
    /// Between two of them.
    between: Duration,
}

impl Campaign {
    /// Kills as often as was asked for, and tells each. Errors: what must never be was found, or the machine failed.
    pub fn run(&self, tell: &mut dyn FnMut(&Kill)) -> io::Result<Outcome> {
        let mut random = Random::new(self.generator.seed);
        let pace = self.pace()?;
        let home = Home::new(&self.program, self.folder.join("killed"), &self.engine)?;
        let (mut round, mut done, mut misses) = (0, 0, 0);
        while done < self.kills {
            round += 1;
            home.put(&self.generator, round)?;
            let at_first = done < self.kills.div_ceil(FIRST_EVERY);
            if at_first {
                start_over(&home)?;
            }
            let moment = if at_first {
                Moment::FirstStart
            } else if done % OPENING_EVERY == OPENING_EVERY - 1 {
                let commits = random.below(pace.commits);
                self.kill(&home, Moment::Commits(commits), &pace, &mut random)?;
                Moment::Opening
            } else {
                Moment::Commits(random.below(pace.commits))
            };
            let was_killed = self.kill(&home, moment, &pace, &mut random)?;
            let kill = self.look(&home, moment, done + 1, round)?;
            if was_killed && kill.remaining > 0 {
                done += 1;
                tell(&kill);
            } else {
                misses += 1;
                if misses > self.kills * MISSES_PER_KILL {
                    return Err(io::Error::other(format!(
                        "{misses} runs ended before they could be killed"
                    )));
                }
            }
        }
        self.finish(&home, round, misses)
    }

    /// Lives through two rounds undisturbed and looks at the clock.
    fn pace(&self) -> io::Result<Pace> {
        let home = Home::new(&self.program, self.folder.join("pace"), &self.engine)?;
        home.put(&self.generator, 0)?;
        home.ingest_whole()?;
        let before = home.acknowledged()?.len();
        home.put(&self.generator, 1)?;
        let began = now();
        let mut child = home.ingest(None)?;
        let (mut first, mut last, mut count) = (None, Duration::ZERO, 0);
        loop {
            let ended = child.try_wait()?;
            let now_count = home.acknowledged()?.len() - before;
            if now_count > count {
                (count, last) = (now_count, began.elapsed());
                first.get_or_insert(last);
            }
            match ended {
                Some(status) if status.success() => break,
                Some(status) => return Err(io::Error::other(format!("the undisturbed ingest ended with {status}"))),
                None => pause(LOOK_EVERY),
            }
        }
        let first = first.ok_or_else(|| io::Error::other("the undisturbed ingest acknowledged nothing"))?;
        std::fs::remove_dir_all(&home.folder)?;
        Ok(Pace {
            commits: count as u64,
            first,
            between: (last - first) / u32::try_from(count).unwrap_or(u32::MAX),
        })
    }

    /// Starts an ingest and kills it. Says whether it was the kill that ended it.
    fn kill(&self, home: &Home<'_>, moment: Moment, pace: &Pace, random: &mut Random) -> io::Result<bool> {
        let before = home.acknowledged()?.len() as u64;
        let mut child = home.ingest(None)?;
        let within = match moment {
            Moment::FirstStart | Moment::Opening | Moment::Commits(0) => pace.first,
            Moment::Commits(count) => {
                while home.acknowledged()?.len() as u64 - before < count && child.try_wait()?.is_none() {
                    pause(LOOK_EVERY);
                }
                pace.between
            }
        };
        let micros = u64::try_from(within.as_micros()).unwrap_or(u64::MAX);
        pause(Duration::from_micros(random.below(micros)));
        kill_now(&mut child)
    }

    /// Opens what a kill left, and judges it.
    fn look(&self, home: &Home<'_>, moment: Moment, number: usize, round: u64) -> io::Result<Kill> {
        let acknowledged = home.acknowledged()?;
        let found = |what: String| io::Error::other(format!("after kill {number} ({moment}, round {round}): {what}"));
        if acknowledged.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(found("the acknowledged positions do not rise".to_owned()));
        }
        let acknowledged = acknowledged.last().copied();
        // Before anything was stored there may be no folder yet.
        let (head, content) = if home.has_store() {
            let head = home.verify().map_err(|error| found(error.to_string()))?;
            (head, home.content().map_err(|error| found(error.to_string()))?)
        } else {
            (0, String::new())
        };
        if acknowledged.is_some_and(|position| position > head) {
            return Err(found(format!(
                "position {acknowledged:?} was acknowledged, the log ends at {head}"
            )));
        }
        let remaining = self.generator.judge(&content, round).map_err(found)?;
        Ok(Kill {
            number,
            moment,
            acknowledged,
            head,
            remaining,
        })
    }

    /// Finishes the last round, and compares with a store that knows no other.
    fn finish(&self, home: &Home<'_>, round: u64, misses: usize) -> io::Result<Outcome> {
        home.ingest_whole()?;
        let head = home.verify()?;
        let content = home.content()?;
        let undisturbed = Home::new(&self.program, self.folder.join("undisturbed"), &self.engine)?;
        undisturbed.put(&self.generator, round)?;
        undisturbed.ingest_whole()?;
        if undisturbed.content()? != content {
            let text = "what is exported differs from what an undisturbed ingest exports; compare the folders `killed` and \
                        `undisturbed`";
            return Err(io::Error::other(text));
        }
        Ok(Outcome {
            kills: self.kills,
            misses,
            entities: content.lines().count(),
            head,
        })
    }
}

/// An empty data directory, and no acknowledgements.
fn start_over(home: &Home<'_>) -> io::Result<()> {
    for result in [
        std::fs::remove_dir_all(home.folder.join("d")),
        std::fs::remove_file(home.folder.join("acks")),
    ] {
        match result {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// SIGKILL: no handler runs. Says whether that ended it; it may have ended by itself before.
fn kill_now(child: &mut Child) -> io::Result<bool> {
    child.kill()?;
    Ok(ended_by_kill(child.wait()?))
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a process takes is measured by the clock"
)]
fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a random moment is no condition that could be waited for"
)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}
