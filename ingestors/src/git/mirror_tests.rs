//! Mirrors against real servers on loopback.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use bailiwick_schema::Secret;
use tokio_util::sync::CancellationToken;

use super::client::{Head, Repo};
use super::location::{Location, Remote};
use super::mirror::{Credentials, Mirror, MirrorError, Mirrored, mirror_path};
use super::testing::TestRepo;
use super::testing_servers::{GitDaemon, HttpServer, SshServer};

struct Setting {
    folder: tempfile::TempDir,
    made: TestRepo,
}

impl Setting {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = TestRepo::new(folder.path().join("srv/acme/pay"));
        Self { folder, made }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("srv")
    }

    fn mirrors(&self) -> PathBuf {
        self.folder.path().join("mirrors")
    }

    fn sync(&self, url: &str, branch: Option<&str>, credentials: &Credentials) -> Result<Mirrored, MirrorError> {
        let cancel = CancellationToken::new();
        let remote = remote(url);
        let (folder, interrupt) = (self.mirrors(), AtomicBool::new(false));
        let mirror = Mirror {
            remote: &remote,
            credentials,
            branch,
            folder: &folder,
            cancel: &cancel,
            interrupt: &interrupt,
        };
        mirror.sync()
    }
}

fn remote(url: &str) -> Remote {
    match Location::parse(url).unwrap() {
        Location::Remote(remote) => remote,
        other => panic!("{other:?}"),
    }
}

fn commit_of(head: &Head) -> String {
    match head {
        Head::At { commit, .. } => commit.to_string(),
        other => panic!("{other:?}"),
    }
}

fn everything_below(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            all.extend(everything_below(&entry.path()));
        } else {
            all.extend(std::fs::read(entry.path()).unwrap());
        }
    }
    all
}

#[test]
fn a_mirror_over_http_follows_its_remote_and_asks_for_refs_only_while_nothing_changes() {
    let mut setting = Setting::new();
    setting.made.write("a", "1");
    let first = setting.made.commit("one");
    setting.made.git(["tag", "-a", "-m", "one", "v1"]);
    let server = HttpServer::start(&setting.root(), None);
    let (url, open) = (server.url("acme/pay"), Credentials::default());
    let mirrored = setting.sync(&url, None, &open).unwrap();
    assert_eq!((commit_of(&mirrored.head), mirrored.fetched), (first, true));
    assert_eq!(mirrored.default_branch.as_deref(), Some("main"));
    let repo = Repo::open(&mirrored.path, &CancellationToken::new()).unwrap();
    assert_eq!(repo.tags().unwrap().0[0].0, "v1");
    assert_eq!(repo.head(None).unwrap(), mirrored.head);
    server.take_requests();
    let again = setting.sync(&url, None, &open).unwrap();
    assert!(!again.fetched);
    let requests = server.take_requests();
    assert!(
        requests.iter().all(|request| !request.ends_with("fetch")),
        "no pack is asked for: {requests:?}"
    );

    setting.made.write("b", "2");
    setting.made.git(["tag", "-d", "v1"]);
    let second = setting.made.commit("two");
    setting.made.git(["tag", "v2"]);
    let moved = setting.sync(&url, None, &open).unwrap();
    assert_eq!(commit_of(&moved.head), second);
    let repo = Repo::open(&mirrored.path, &CancellationToken::new()).unwrap();
    let tags: Vec<String> = repo.tags().unwrap().0.into_iter().map(|(name, _)| name).collect();
    assert_eq!(tags, ["v2"], "a tag that is gone there is gone here");

    setting.made.git(["reset", "--quiet", "--hard", "HEAD~1"]);
    let third = setting.made.commit("another");
    assert_eq!(
        commit_of(&setting.sync(&url, None, &open).unwrap().head),
        third,
        "a forced push is followed"
    );
    setting.made.git(["tag", "v3"]);
    assert!(
        setting.sync(&url, None, &open).unwrap().fetched,
        "a new tag on a known commit is fetched"
    );
    assert!(!setting.sync(&url, None, &open).unwrap().fetched);
}

#[test]
fn a_token_opens_the_door_and_is_written_nowhere() {
    let mut setting = Setting::new();
    setting.made.commit("one");
    // x-access-token:canary-7f3a
    let server = HttpServer::start(&setting.root(), Some("Basic eC1hY2Nlc3MtdG9rZW46Y2FuYXJ5LTdmM2E="));
    let url = server.url("acme/pay");
    let with = |token: &str| Credentials {
        token: Some(Secret::new(token)),
        ..Credentials::default()
    };
    assert!(setting.sync(&url, None, &with("canary-7f3a")).is_ok());
    let written = everything_below(&setting.mirrors());
    assert!(
        !written.windows(11).any(|window| window == b"canary-7f3a"),
        "the token is in the mirror"
    );
    for credentials in [with("wrong-canary"), Credentials::default()] {
        let error = setting.sync(&url, None, &credentials).err().unwrap();
        assert!(matches!(error, MirrorError::Unauthorised(_)), "{error}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
}

#[test]
fn a_fetch_that_is_cut_off_leaves_a_usable_mirror() {
    let mut setting = Setting::new();
    let first = setting.made.commit("one");
    let server = HttpServer::start(&setting.root(), None);
    let (url, open) = (server.url("acme/pay"), Credentials::default());
    let path = setting.sync(&url, None, &open).unwrap().path;
    let noise: Vec<u8> = (0..200_000_u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    setting.made.write("big", noise);
    let second = setting.made.commit("two");
    server.cut_packs(true);
    assert!(setting.sync(&url, None, &open).is_err());
    let head = Repo::open(&path, &CancellationToken::new())
        .unwrap()
        .head(None)
        .unwrap();
    assert_eq!(commit_of(&head), first, "it stands where it stood");
    // What a process that was killed in the middle leaves behind.
    for lock in [
        "packed-refs.lock",
        "HEAD.lock",
        "refs/heads/main.lock",
        "objects/pack/.tmp-left-over",
    ] {
        std::fs::create_dir_all(path.join(lock).parent().unwrap()).unwrap();
        std::fs::write(path.join(lock), "").unwrap();
    }
    server.cut_packs(false);
    assert_eq!(commit_of(&setting.sync(&url, None, &open).unwrap().head), second);
    assert!(!path.join("objects/pack/.tmp-left-over").exists());
}

#[test]
fn a_damaged_mirror_is_made_anew() {
    let mut setting = Setting::new();
    let head = setting.made.commit("one");
    let server = HttpServer::start(&setting.root(), None);
    let (url, open) = (server.url("acme/pay"), Credentials::default());
    let path = setting.sync(&url, None, &open).unwrap().path;
    assert_eq!(path, mirror_path(&setting.mirrors(), &remote(&url)));
    std::fs::remove_file(path.join("HEAD")).unwrap();
    assert_eq!(commit_of(&setting.sync(&url, None, &open).unwrap().head), head);
}

#[test]
fn a_named_branch_an_empty_remote_and_a_missing_branch_are_told_apart() {
    let mut setting = Setting::new();
    let server = HttpServer::start(&setting.root(), None);
    let (url, open) = (server.url("acme/pay"), Credentials::default());
    assert!(matches!(
        setting.sync(&url, None, &open).unwrap().head,
        Head::Empty { .. }
    ));
    setting.made.commit("one");
    setting.made.git(["checkout", "--quiet", "-b", "side"]);
    let side = setting.made.commit("side");
    setting.made.git(["checkout", "--quiet", "main"]);
    let mirrored = setting.sync(&url, Some("side"), &open).unwrap();
    assert_eq!(
        (commit_of(&mirrored.head), mirrored.default_branch.as_deref()),
        (side, Some("main"))
    );
    assert_eq!(
        setting.sync(&url, Some("nope"), &open).unwrap().head,
        Head::Missing { branch: "nope".into() }
    );
    setting.made.git(["symbolic-ref", "HEAD", "refs/heads/gone"]);
    assert!(matches!(
        setting.sync(&url, None, &open).unwrap().head,
        Head::Missing { .. }
    ));
}

#[test]
fn a_remote_that_is_not_there_is_an_error_with_a_reason() {
    let setting = Setting::new();
    let server = HttpServer::start(&setting.root(), None);
    let error = setting
        .sync(&server.url("acme/nope"), None, &Credentials::default())
        .err()
        .unwrap();
    assert!(
        matches!(error, MirrorError::Failed(_) | MirrorError::Unauthorised(_)),
        "{error:?}"
    );
    drop(server);
    assert!(
        setting
            .sync("http://127.0.0.1:1/a/b", None, &Credentials::default())
            .is_err()
    );
}

#[test]
fn the_git_protocol_works() {
    let mut setting = Setting::new();
    let head = setting.made.commit("one");
    let daemon = GitDaemon::start(&setting.root());
    let url = format!("git://127.0.0.1:{}/acme/pay", daemon.port);
    assert_eq!(
        commit_of(&setting.sync(&url, None, &Credentials::default()).unwrap().head),
        head
    );
    assert!(!setting.sync(&url, None, &Credentials::default()).unwrap().fetched);
}

/// Stands in for `ssh`: notes its arguments and runs the command here.
#[test]
fn ssh_is_called_without_prompts_and_with_the_key() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut setting = Setting::new();
    let head = setting.made.commit("one");
    let program = setting.folder.path().join("fake-ssh");
    let noted = setting.folder.path().join("arguments");
    let script = format!(
        "#!/bin/sh\necho \"$@\" >> '{}'\nwhile [ \"$1\" != git@acme.test ]; do shift; done\nshift\nexec sh -c \"$*\"\n",
        noted.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let credentials = Credentials {
        ssh_key_file: Some("/keys/it's mine".into()),
        ssh_program: Some(program.display().to_string()),
        ..Credentials::default()
    };
    let url = format!("ssh://git@acme.test:2222{}", setting.made.path.display());
    let mirrored = setting.sync(&url, None, &credentials).unwrap();
    assert_eq!(commit_of(&mirrored.head), head);
    let arguments = std::fs::read_to_string(noted).unwrap();
    for part in [
        "BatchMode=yes",
        "-i /keys/it's mine",
        "-p2222",
        "git@acme.test",
        "git-upload-pack",
    ] {
        assert!(arguments.contains(part), "{part} is not in {arguments}");
    }
    assert!(
        !arguments.contains("StrictHostKeyChecking"),
        "host keys are the user's affair"
    );
    let short = format!("git@acme.test:{}", setting.made.path.display());
    assert_eq!(commit_of(&setting.sync(&short, None, &credentials).unwrap().head), head);
}

#[test]
fn a_real_ssh_server_is_mirrored_and_a_wrong_key_is_refused() {
    let mut setting = Setting::new();
    let head = setting.made.commit("one");
    let Some(server) = SshServer::start(setting.folder.path()) else {
        return;
    };
    let user = String::from_utf8(super::testing::command("id").arg("-un").output().unwrap().stdout).unwrap();
    let url = format!(
        "ssh://{}@127.0.0.1:{}{}",
        user.trim(),
        server.port,
        setting.made.path.display()
    );
    let with = |key: PathBuf| Credentials {
        ssh_key_file: Some(key),
        ssh_program: Some(server.program.clone()),
        ..Credentials::default()
    };
    let mirrored = setting.sync(&url, None, &with(server.key.clone())).unwrap();
    assert_eq!((commit_of(&mirrored.head), mirrored.fetched), (head, true));
    assert!(!setting.sync(&url, None, &with(server.key.clone())).unwrap().fetched);
    let wrong = setting.folder.path().join("host");
    let error = setting.sync(&url, None, &with(wrong)).err().unwrap();
    assert!(matches!(error, MirrorError::Unauthorised(_)), "{error}");
}
