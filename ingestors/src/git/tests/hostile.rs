//! Damage and malice: objects that are missing, files that lie, formats that cannot be read.

use super::*;

#[tokio::test]
async fn a_missing_blob_leaves_its_descriptor_stale_and_mending_is_seen() {
    let bench = two_repositories();
    bench.run().await;
    let held = bench.sink.held();
    let repo = TestRepo::at(bench.folder.path().join("pay"));
    let blob = repo.git(["rev-parse", "HEAD:catalog-info.yaml"]);
    let file = repo.path.join(".git/objects").join(&blob[..2]).join(&blob[2..]);
    let content = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let (_, run) = bench.run_with("other options").await;
    assert_eq!(run.finding_codes(), ["object_missing"]);
    let finding = run.findings().next().unwrap();
    assert_eq!(finding.file.as_deref(), Some("catalog-info.yaml"));
    assert!(finding.message.contains(&blob), "{}", finding.message);
    assert_eq!(bench.sink.held(), held, "what it said stays");
    std::fs::write(&file, content).unwrap();
    let (row, run) = bench.run_with("other options").await;
    assert_eq!((row.status, run.finding_codes().len()), (RunStatus::Succeeded, 0));
    assert_eq!(bench.sink.stale_origins(), Vec::<String>::new());
}

#[tokio::test]
async fn a_missing_tree_proves_nothing_and_hinders_nobody() {
    let bench = Bench::new(json!({"repositories": ["pay", "ship"]}));
    for name in ["pay", "ship"] {
        let mut repo = bench.repo(name);
        repo.write("a/catalog-info.yaml", component(name))
            .write("b/catalog-info.yaml", component(&format!("{name}-b")));
        repo.commit("first");
    }
    bench.run().await;
    let held = bench.sink.held();
    let repo = TestRepo::at(bench.folder.path().join("pay"));
    let tree = repo.git(["rev-parse", "HEAD:a"]);
    std::fs::remove_file(repo.path.join(".git/objects").join(&tree[..2]).join(&tree[2..])).unwrap();
    let (_, run) = bench.run_with("other options").await;
    assert!(run.finding_codes().contains(&"object_missing".to_owned()));
    assert!(in_part(&run, &bench.scope("pay")));
    assert!(matches!(
        run.closing_of(&bench.scope("ship")),
        Some(Closing::Complete { .. })
    ));
    assert_eq!(bench.subjects_of(&bench.scope("pay")).len(), 5);
    assert_eq!(bench.sink.held().len(), held.len());
}

#[tokio::test]
async fn hostile_descriptors_are_a_finding_each() {
    use std::os::unix::ffi::OsStrExt as _;
    let bench = Bench::new(json!({"repositories": ["pay"]}));
    let mut repo = bench.repo("pay");
    repo.write("good/catalog-info.yaml", component("good"))
        .write("binary/catalog-info.yaml", b"kind: \x00\xff\xfe")
        .write("big/catalog-info.yaml", vec![b'#'; 11 * 1024 * 1024])
        .write("deep/catalog-info.yaml", "[".repeat(100_000))
        .write(
            "twice/catalog-info.yaml",
            format!("{}---\n{}", component("twice"), component("Twice")),
        )
        .write(
            "lfs/catalog-info.yaml",
            "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        )
        .write(
            "text/catalog-info.yaml",
            component("text").replace("service", "{$text: ../../secret}"),
        )
        .write("links/.keep", "");
    std::fs::write(bench.folder.path().join("secret"), "canary").unwrap();
    let link = |target: &str, at: &str| std::os::unix::fs::symlink(target, repo.path.join(at)).unwrap();
    std::fs::create_dir_all(repo.path.join("out")).unwrap();
    std::fs::create_dir_all(repo.path.join("in")).unwrap();
    link("../../secret", "out/catalog-info.yaml");
    link("../good/catalog-info.yaml", "in/catalog-info.yml");
    link("nowhere", "links/catalog-info.yaml");
    let odd = std::ffi::OsStr::from_bytes(b"odd-\xff");
    std::fs::create_dir_all(repo.path.join(odd)).unwrap();
    std::fs::write(repo.path.join(odd).join("catalog-info.yaml"), component("odd")).unwrap();
    repo.commit("hostile");
    let (_, run) = bench.run().await;
    let codes = run.finding_codes();
    for code in [
        "descriptor_too_large",
        "duplicate_ref",
        "lfs_pointer",
        "symlink_outside",
        "symlink_broken",
        "path_not_utf8",
    ] {
        assert_eq!(
            codes.iter().filter(|held| *held == code).count(),
            1,
            "{code} in {codes:?}"
        );
    }
    for file in [
        "binary/catalog-info.yaml",
        "deep/catalog-info.yaml",
        "text/catalog-info.yaml",
    ] {
        assert!(
            run.findings().any(|finding| finding.file.as_deref() == Some(file)),
            "{file}"
        );
    }
    assert!(
        run.claims()
            .any(|claim| claim.subject.to_string() == "component:default/good")
    );
    let all = format!("{:?}", bench.sink.held());
    assert!(!all.contains("canary"), "nothing outside of the repository is read");
    assert!(
        bench
            .subjects_of(&bench.scope("pay"))
            .iter()
            .any(|subject| subject.starts_with("in/catalog-info.yml"))
    );
    let (row, _) = bench.run().await;
    assert_eq!(counter(&row, "git.blobs_read"), 0);
}

#[tokio::test]
async fn damaged_packs_indexes_and_graphs_are_findings_and_no_crash() {
    let bench = Bench::new(json!({"repositories": ["pay", "ship"]}));
    let mut repo = bench.repo("pay");
    for number in 0..20 {
        repo.write(
            &format!("c{number}/catalog-info.yaml"),
            component(&format!("c{number}")),
        );
        repo.commit("more");
    }
    repo.git(["gc", "--quiet"]);
    repo.git(["commit-graph", "write", "--reachable"]);
    let mut other = bench.repo("ship");
    other.write("catalog-info.yaml", component("ship"));
    other.commit("first");
    let mut files: Vec<PathBuf> = vec![repo.path.join(".git/packed-refs"), repo.path.join(".git/config")];
    files.push(repo.path.join(".git/objects/info/commit-graph"));
    for entry in std::fs::read_dir(repo.path.join(".git/objects/pack")).unwrap() {
        files.push(entry.unwrap().path());
    }
    for file in files {
        let Ok(sound) = std::fs::read(&file) else { continue };
        let permissions: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(&file, permissions).unwrap();
        for damage in 0..6 {
            let mut broken = sound.clone();
            match damage {
                0 => broken.truncate(sound.len() / 2),
                1 => broken.clear(),
                2 => broken.fill(0),
                3 => broken.fill(0xff),
                _ => {
                    let step = 13 + damage;
                    broken
                        .iter_mut()
                        .step_by(step)
                        .for_each(|byte| *byte = byte.wrapping_add(1));
                }
            }
            std::fs::write(&file, broken).unwrap();
            let (row, run) = bench.run_with(&format!("{} {damage}", file.display())).await;
            assert_eq!(row.error, None, "{} {damage}", file.display());
            assert!(!in_part(&run, &bench.scope("ship")));
        }
        std::fs::write(&file, sound).unwrap();
    }
    let (row, run) = bench.run_with("mended").await;
    assert_eq!((row.error, run.finding_codes()), (None, vec![]));
}

#[tokio::test]
async fn a_repository_of_another_user_is_read() {
    let bench = two_repositories();
    let path = bench.folder.path().join("pay");
    if std::os::unix::fs::chown(&path, Some(65_534), None).is_err() {
        println!("skipped: only root can give a folder away");
        return;
    }
    std::os::unix::fs::chown(path.join(".git"), Some(65_534), None).unwrap();
    let (row, run) = bench.run().await;
    assert_eq!((row.error, run.finding_codes()), (None, vec![]));
    assert_eq!(bench.subjects_of(&bench.scope("pay")).len(), 4);
}

#[tokio::test]
async fn formats_that_cannot_be_read_are_findings_and_not_empty() {
    let bench = Bench::new(json!({"repositories": ["*"]}));
    for (name, option) in [
        ("reftable", "--ref-format=reftable"),
        ("sha256", "--object-format=sha256"),
    ] {
        let path = bench.folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        let mut repo = TestRepo::at(path);
        if !repo.output(["init", "--quiet", option]).status.success() {
            println!("skipped: this git knows no {option}");
            continue;
        }
        repo.commit("first");
        let (_, run) = bench.run().await;
        assert!(
            in_part(&run, &bench.scope(name)),
            "{name}: {:?}",
            run.closing_of(&bench.scope(name))
        );
        assert_eq!(run.claims().count(), 0, "{name}");
        assert!(!run.finding_codes().is_empty(), "{name}");
        std::fs::remove_dir_all(&repo.path).unwrap();
    }
}
