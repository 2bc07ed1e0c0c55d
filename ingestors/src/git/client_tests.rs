//! The gix side against real repositories: heads, trees, links, differences and histories.

use gix::ObjectId;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::client::{GitError, Head, Repo};
use super::history::{self, HistoryLimits};
use super::testing::TestRepo;
use super::tree::{self, PathError, TreeView};

const LIMITS: HistoryLimits = HistoryLimits {
    weeks: 52,
    commits_max: 1_000_000,
};

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open(repo: &TestRepo) -> Repo {
    Repo::open(&repo.path, &CancellationToken::new()).unwrap()
}

fn id(hex: &str) -> ObjectId {
    ObjectId::from_hex(hex.as_bytes()).unwrap()
}

fn root(repo: &Repo, commit: &str) -> ObjectId {
    repo.commit(id(commit)).unwrap().tree
}

#[test]
fn the_head_is_that_of_the_default_or_the_named_branch() {
    let folder = folder();
    let mut made = TestRepo::new(folder.path().join("pay"));
    assert_eq!(
        open(&made).head(None).unwrap(),
        Head::Empty {
            branch: Some("main".into())
        }
    );
    let first = made.commit("one");
    made.git(["branch", "release/1.x"]);
    let second = made.commit("two");
    let repo = open(&made);
    assert_eq!(
        repo.head(None).unwrap(),
        Head::At {
            branch: Some("main".into()),
            commit: id(&second)
        }
    );
    let release = Head::At {
        branch: Some("release/1.x".into()),
        commit: id(&first),
    };
    assert_eq!(repo.head(Some("release/1.x")).unwrap(), release);
    assert_eq!(
        repo.head(Some("nope")).unwrap(),
        Head::Missing { branch: "nope".into() }
    );
    assert_eq!(repo.take_counts().trees, 0, "a head is read from refs");
    made.git(["checkout", "--quiet", "--detach", &first]);
    assert_eq!(
        open(&made).head(None).unwrap(),
        Head::At {
            branch: None,
            commit: id(&first)
        }
    );
    std::fs::write(made.path.join(".git/HEAD"), "ref: refs/heads/gone\n").unwrap();
    assert_eq!(open(&made).head(None).unwrap(), Head::Missing { branch: "gone".into() });
}

#[test]
fn bare_clones_and_linked_worktrees_are_repositories() {
    let folder = folder();
    let mut made = TestRepo::new(folder.path().join("pay"));
    let head = made.commit("one");
    let bare = made.clone_to(&folder.path().join("bare.git"), &["--bare"]);
    assert_eq!(
        open(&bare).head(None).unwrap(),
        Head::At {
            branch: Some("main".into()),
            commit: id(&head)
        }
    );
    made.git(["worktree", "add", "--quiet", "-b", "side", "../side"]);
    let side = TestRepo::at(folder.path().join("side"));
    assert_eq!(
        open(&side).head(None).unwrap(),
        Head::At {
            branch: Some("side".into()),
            commit: id(&head)
        }
    );
}

#[test]
fn what_is_no_repository_says_so() {
    let folder = folder();
    let cancel = CancellationToken::new();
    assert!(matches!(
        Repo::open(folder.path(), &cancel),
        Err(GitError::NotARepository(_))
    ));
    std::fs::create_dir(folder.path().join(".git")).unwrap();
    assert!(matches!(
        Repo::open(folder.path(), &cancel),
        Err(GitError::Unreadable { .. })
    ));
}

#[test]
fn refs_that_are_no_refs_are_an_error_and_no_crash() {
    let folder = folder();
    let mut made = TestRepo::new(folder.path().join("pay"));
    made.commit("one");
    for content in [
        "",
        "nonsense",
        "ref: ",
        "ref: ../../../etc/passwd",
        "\0\0\0",
        "ref: refs/heads/main",
    ] {
        std::fs::write(made.path.join(".git/refs/heads/main"), content).unwrap();
        let head = open(&made).head(None);
        assert!(
            matches!(
                head,
                Err(GitError::Ref(_)) | Ok(Head::Missing { .. } | Head::Empty { .. })
            ),
            "{content:?}: {head:?}"
        );
    }
    std::fs::write(made.path.join(".git/HEAD"), "what?").unwrap();
    let head = Repo::open(&made.path, &CancellationToken::new()).and_then(|repo| repo.head(None));
    assert!(head.is_err(), "{head:?}");
}

#[test]
fn a_file_is_found_through_links_that_stay_inside() {
    let folder = folder();
    let mut made = TestRepo::new(folder.path().join("pay"));
    made.write("a/real.yaml", "x").write("b/.keep", "");
    let link = |target: &str, at: &str| std::os::unix::fs::symlink(target, made.path.join(at)).unwrap();
    link("../a/real.yaml", "b/link.yaml");
    link("../a", "b/folder");
    link("/etc/passwd", "absolute");
    link("../../outside", "b/outside");
    link("circle", "circle");
    link("nowhere", "dangling");
    let head = made.commit("links");
    let repo = open(&made);
    let view = TreeView::new(&repo, root(&repo, &head));
    for path in ["a/real.yaml", "b/link.yaml", "b/folder/real.yaml", "./b/../a/real.yaml"] {
        assert_eq!(view.file(path).unwrap().path, "a/real.yaml", "{path}");
    }
    assert!(matches!(view.file("absolute"), Err(PathError::Outside { .. })));
    assert!(matches!(view.file("b/outside"), Err(PathError::Outside { .. })));
    assert!(matches!(view.file("../x"), Err(PathError::Outside { .. })));
    assert!(matches!(view.file("circle"), Err(PathError::Broken { .. })));
    assert!(matches!(view.file("dangling"), Err(PathError::Broken { .. })));
    assert!(matches!(view.file("a"), Err(PathError::NotAFile)));
    assert!(matches!(view.file("nope"), Err(PathError::NotFound)));
}

#[test]
fn a_walk_meets_every_file_and_names_a_missing_tree() {
    let folder = folder();
    let mut made = TestRepo::new(folder.path().join("pay"));
    made.write("a/one", "1").write("a/b/two", "2").write("three", "3");
    let head = made.commit("files");
    let paths = |repo: &Repo| {
        let mut paths = Vec::new();
        let walked = tree::walk(repo, root(repo, &head), &mut |visited| {
            paths.push(tree::shown(visited.path))
        })
        .unwrap();
        paths.sort();
        (paths, walked)
    };
    let (all, walked) = paths(&open(&made));
    assert_eq!(all, ["a/b/two", "a/one", "three"]);
    assert!(walked.is_whole());
    let tree = made.git(["rev-parse", "HEAD:a/b"]);
    std::fs::remove_file(made.path.join(".git/objects").join(&tree[..2]).join(&tree[2..])).unwrap();
    let (rest, walked) = paths(&open(&made));
    assert_eq!(rest, ["a/one", "three"]);
    assert_eq!(walked.unreadable.len(), 1);
    assert_eq!(walked.unreadable[0].0, "a/b");
    assert!(matches!(walked.unreadable[0].1, GitError::ObjectMissing { .. }));
}

#[test]
fn a_difference_reads_only_the_trees_that_differ() {
    let folder = folder();
    let mut made = TestRepo::new(folder.path().join("pay"));
    for number in 0..40 {
        made.write(&format!("folder-{number}/file"), "x");
    }
    made.write("turns", "file").write("goes/away", "x");
    let old = made.commit("old");
    std::fs::remove_file(made.path.join("turns")).unwrap();
    std::fs::remove_dir_all(made.path.join("goes")).unwrap();
    made.write("turns/into-folder", "x")
        .write("folder-7/file", "changed")
        .write("new/deep/file", "x");
    let new = made.commit("new");
    let repo = open(&made);
    let (old, new) = (root(&repo, &old), root(&repo, &new));
    repo.take_counts();
    let changes = tree::diff(&repo, old, new).unwrap();
    let shown: Vec<String> = changes
        .iter()
        .map(|change| {
            let sign = match (change.old, change.new) {
                (None, _) => '+',
                (_, None) => '-',
                _ => '~',
            };
            format!("{sign}{}", tree::shown(&change.path))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "~folder-7/file",
            "-goes/away",
            "+new/deep/file",
            "-turns",
            "+turns/into-folder"
        ]
    );
    let counts = repo.take_counts();
    assert!(counts.trees <= 8, "read {} trees", counts.trees);
    assert_eq!(counts.blobs, 0);
}

#[test]
fn weeks_and_committers_are_counted_up_to_the_head() {
    let folder = folder();
    let mut made = TestRepo::new(folder.path().join("pay"));
    made.commit("monday");
    made.author = ("Bob".into(), "Bob@acme.test".into());
    made.now += 7 * 86_400;
    made.commit("next week");
    made.commit("again");
    made.author = ("dependabot[bot]".into(), "x+dependabot[bot]@users.noreply.test".into());
    let head = made.commit("robot");
    let repo = open(&made);
    let history = history::read(&repo, id(&head), LIMITS, None).unwrap();
    assert_eq!(
        (history.commits, history.first, history.whole),
        (4, Some(super::testing::EPOCH), true)
    );
    let weeks: Vec<_> = history
        .weeks()
        .into_iter()
        .map(|week| (week.week, week.commits, week.authors))
        .collect();
    assert_eq!(
        weeks,
        [("2024-01-01".to_owned(), 1, 1), ("2024-01-08".to_owned(), 3, 2)]
    );
    let committers: Vec<_> = history
        .top_committers(52)
        .into_iter()
        .map(|c| (c.email, c.commits))
        .collect();
    assert_eq!(
        committers,
        [("bob@acme.test".to_owned(), 2), ("ada@acme.test".to_owned(), 1)]
    );
    assert_eq!(history.top_committers(1).len(), 1, "only the head's week");
}

#[test]
fn aggregates_carried_on_equal_those_of_a_whole_walk() {
    let folder = folder();
    let mut made = TestRepo::new(folder.path().join("pay"));
    made.fast_import(400, 7);
    let old = made.git(["rev-parse", "main"]);
    made.git(["reset", "--quiet", "--hard", "main"]);
    // A side branch that began before the old head and is merged after it.
    made.git(["checkout", "--quiet", "-b", "side", "main~50"]);
    made.write("side", "1");
    made.commit("side");
    made.git(["checkout", "--quiet", "main"]);
    made.now += 40 * 7 * 86_400;
    made.git(["merge", "--quiet", "--no-ff", "-m", "merge", "side"]);
    let new = made.git(["rev-parse", "main"]);
    let limits = HistoryLimits {
        weeks: 41,
        commits_max: 1_000_000,
    };
    let repo = open(&made);
    let before = history::read(&repo, id(&old), limits, None).unwrap();
    repo.take_counts();
    let carried = history::read(&repo, id(&new), limits, Some(before)).unwrap();
    assert!(repo.take_counts().commits <= 3, "only the new commits are read");
    let whole = history::read(&repo, id(&new), limits, None).unwrap();
    assert_eq!(carried, whole);
    assert_eq!(whole.commits, 402);
}

#[test]
fn a_rewritten_history_is_read_anew() {
    let folder = folder();
    let mut made = TestRepo::new(folder.path().join("pay"));
    made.fast_import(20, 2);
    let old = made.git(["rev-parse", "main"]);
    let repo = open(&made);
    let before = history::read(&repo, id(&old), LIMITS, None).unwrap();
    made.git(["reset", "--quiet", "--hard", "main~5"]);
    let new = made.commit("another");
    let after = history::read(&repo, id(&new), LIMITS, Some(before)).unwrap();
    assert_eq!(after.commits, 16);
    assert_eq!(after, history::read(&repo, id(&new), LIMITS, None).unwrap());
}

#[test]
fn a_shallow_clone_is_read_as_far_as_it_goes() {
    let folder = folder();
    let mut made = TestRepo::new(folder.path().join("pay"));
    made.fast_import(20, 2);
    let shallow = made.clone_to(&folder.path().join("shallow"), &["--depth=3"]);
    let head = shallow.git(["rev-parse", "HEAD"]);
    let repo = open(&shallow);
    assert!(repo.is_shallow());
    let history = history::read(&repo, id(&head), LIMITS, None).unwrap();
    assert_eq!((history.commits, history.whole, history.problems.len()), (3, false, 0));
}

#[test]
fn a_commit_graph_gives_the_same_history() {
    let folder = folder();
    let mut made = TestRepo::new(folder.path().join("pay"));
    made.fast_import(2_000, 5);
    let head = made.git(["rev-parse", "main"]);
    let limits = HistoryLimits {
        weeks: 2,
        commits_max: 1_000_000,
    };
    let plain = history::read(&open(&made), id(&head), limits, None).unwrap();
    made.git(["commit-graph", "write", "--reachable"]);
    let repo = open(&made);
    assert_eq!(history::read(&repo, id(&head), limits, None).unwrap(), plain);
    assert!(repo.take_counts().commits < 400, "old commits come from the graph file");
}

#[test]
fn commits_beyond_the_limit_are_not_counted() {
    let folder = folder();
    let mut made = TestRepo::new(folder.path().join("pay"));
    made.fast_import(50, 2);
    let head = made.git(["rev-parse", "main"]);
    let limits = HistoryLimits {
        weeks: 52,
        commits_max: 10,
    };
    let history = history::read(&open(&made), id(&head), limits, None).unwrap();
    assert_eq!((history.commits, history.whole), (10, false));
}

#[test]
fn cancellation_ends_a_walk() {
    let folder = folder();
    let mut made = TestRepo::new(folder.path().join("pay"));
    made.fast_import(1_000, 2);
    let head = made.git(["rev-parse", "main"]);
    let cancel = CancellationToken::new();
    let repo = Repo::open(&made.path, &cancel).unwrap();
    cancel.cancel();
    assert!(matches!(
        history::read(&repo, id(&head), LIMITS, None),
        Err(GitError::Cancelled)
    ));
}
