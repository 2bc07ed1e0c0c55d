//! A new head costs its difference, and leads to the same as reading everything.

use super::*;

#[tokio::test]
async fn one_changed_descriptor_is_the_only_one_that_is_read() {
    let bench = Bench::new(json!({"repositories": ["pay"]}));
    let mut repo = bench.repo("pay");
    for number in 0..30 {
        repo.write(
            &format!("c{number}/catalog-info.yaml"),
            component(&format!("c{number}")),
        );
    }
    repo.commit("first");
    bench.run().await;
    repo.write("c7/catalog-info.yaml", component("c7").replace("service", "website"));
    std::fs::remove_file(repo.path.join("c8/catalog-info.yaml")).unwrap();
    repo.write("new/catalog-info.yml", component("new"));
    repo.commit("second");
    let (row, run) = bench.run().await;
    assert_eq!(row.status, RunStatus::Succeeded);
    let mut subjects: Vec<String> = run.claims().map(|claim| claim.subject.to_string()).collect();
    subjects.retain(|subject| subject.starts_with("component"));
    assert_eq!(subjects, ["component:default/c7", "component:default/new"]);
    assert!(matches!(
        run.closing_of(&bench.scope("pay")),
        Some(Closing::Delta { .. })
    ));
    assert!(
        counter(&row, "git.blobs_read") <= 6,
        "{}",
        counter(&row, "git.blobs_read")
    );
    assert_eq!(counter(&row, "git.commits_walked"), 1);
    assert_eq!(run.claims_removed, 1);
    assert_eq!(bench.sink.held(), bench.held_by_a_fresh_source().await);
}

#[tokio::test]
async fn a_changed_head_costs_the_difference_and_not_the_content_of_the_tree() {
    let bench = Bench::new(json!({"repositories": ["pay"]}));
    let mut repo = bench.repo("pay");
    let api = component("texts").replace("service", "{$text: ./note.txt}");
    repo.write("CODEOWNERS", "* @acme/pay\n")
        .write("README.md", "# Pay\n\nTakes money.\n")
        .write("LICENSE", include_str!("../../../../LICENSE"))
        .write("openapi.yaml", "openapi: 3.0.0\ninfo:\n  title: Pay\n  version: '1'\n")
        .write(".github/workflows/ci.yml", "name: CI\non: [push]\njobs: {}\n")
        .write("f0/texts/catalog-info.yaml", api)
        .write("f0/texts/note.txt", "note");
    for folder in 0..20 {
        repo.write(
            &format!("f{folder}/catalog-info.yaml"),
            component(&format!("c{folder}")),
        )
        .write(
            &format!("f{folder}/package.json"),
            format!("{{\"name\": \"n{folder}\"}}"),
        );
        if folder < 10 {
            repo.write(
                &format!("f{folder}/Cargo.toml"),
                format!("[package]\nname = \"n{folder}\"\n"),
            );
        }
        for file in 0..8 {
            repo.write(&format!("f{folder}/s{file}.rs"), "fn f() {}\n");
        }
    }
    repo.commit("first");
    bench.run().await;
    repo.write("f7/catalog-info.yaml", component("c7").replace("service", "website"));
    repo.commit("second");
    let (row, _) = bench.run().await;
    assert_eq!(row.status, RunStatus::Succeeded);
    let (blobs, trees) = (counter(&row, "git.blobs_read"), counter(&row, "git.trees_read"));
    assert!((1..=3).contains(&blobs), "{blobs} blobs");
    assert!((1..=4).contains(&trees), "{trees} trees");
    repo.write("f3/Cargo.toml", "[package]\nname = \"other\"\n");
    repo.commit("third");
    let (row, _) = bench.run().await;
    assert_eq!(counter(&row, "git.blobs_read"), 1);
    repo.write("f0/texts/note.txt", "another");
    repo.commit("fourth");
    bench.run().await;
    assert_eq!(bench.sink.held(), bench.held_by_a_fresh_source().await);
}

#[tokio::test]
async fn a_state_that_is_missing_or_damaged_is_read_anew() {
    let bench = two_repositories();
    bench.run().await;
    for (round, damage) in [None, Some(&b"{\"format\": 2, \"head\""[..]), Some(&b"\0\xff"[..])]
        .iter()
        .enumerate()
    {
        for state in std::fs::read_dir(bench.cache_dir().join("states")).unwrap() {
            let path = state.unwrap().path();
            match damage {
                Some(bytes) => std::fs::write(path, bytes).unwrap(),
                None => std::fs::remove_file(path).unwrap(),
            }
        }
        let mut repo = TestRepo::at(bench.folder.path().join("pay"));
        repo.write("package.json", format!("{{\"name\": \"n{round}\"}}"));
        repo.commit("another");
        let (row, run) = bench.run().await;
        assert_eq!(row.status, RunStatus::Succeeded, "{:?}", run.finding_codes());
        let closing = run.closing_of(&bench.scope("pay"));
        assert!(matches!(closing, Some(Closing::Complete { .. })), "{closing:?}");
    }
    assert_eq!(bench.sink.held(), bench.held_by_a_fresh_source().await);
}

#[tokio::test]
async fn what_a_descriptor_includes_is_followed() {
    let bench = Bench::new(json!({"repositories": ["pay"]}));
    let mut repo = bench.repo("pay");
    let api = "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata:\n  name: api\nspec:\n  type: openapi\n  \
               lifecycle: production\n  owner: pay\n  definition:\n    $text: ./openapi.yaml\n";
    repo.write("catalog-info.yaml", api)
        .write("openapi.yaml", "openapi: 3.0.0\n");
    repo.commit("first");
    bench.run().await;
    let definition =
        |bench: &Bench| bench.body("catalog-info.yaml api:default/api")["entity"]["spec"]["definition"].clone();
    assert_eq!(definition(&bench), "openapi: 3.0.0\n");
    repo.write("openapi.yaml", "openapi: 3.1.0\n");
    repo.commit("second");
    bench.run().await;
    assert_eq!(definition(&bench), "openapi: 3.1.0\n");
    std::fs::remove_file(repo.path.join("openapi.yaml")).unwrap();
    repo.commit("third");
    assert_eq!(bench.codes().await, ["target_not_found"]);
    assert_eq!(definition(&bench), json!({"$text": "./openapi.yaml"}));
    assert_eq!(bench.sink.held(), bench.held_by_a_fresh_source().await);
}

#[tokio::test]
async fn targets_of_locations_are_found_and_lost() {
    let bench = Bench::new(json!({"repositories": ["pay"]}));
    let mut repo = bench.repo("pay");
    repo.write("catalog-info.yaml", location("[./entities/*.yaml]"))
        .write("entities/a.yaml", component("a"));
    repo.commit("first");
    bench.run().await;
    let scope = bench.scope("pay");
    let described = |bench: &Bench| {
        let mut subjects = bench.subjects_of(&scope);
        subjects.retain(|subject| !subject.starts_with(':'));
        subjects
    };
    assert_eq!(
        described(&bench),
        [
            "catalog-info.yaml location:default/all",
            "entities/a.yaml component:default/a"
        ]
    );
    repo.write("entities/b.yaml", component("b"));
    repo.commit("another target");
    bench.run().await;
    assert_eq!(described(&bench).len(), 3, "{:?}", described(&bench));
    repo.write(
        "entities/b.yaml",
        location("[../catalog-info.yaml]").replace("all", "back"),
    );
    repo.commit("a circle");
    let codes = bench.codes().await;
    assert_eq!(codes, ["location_cycle"]);
    repo.write("catalog-info.yaml", location("[./nowhere.yaml, ../../outside.yaml]"));
    repo.commit("wrong targets");
    let (_, run) = bench.run().await;
    let mut codes = run.finding_codes();
    codes.sort();
    assert_eq!(codes, ["target_not_found", "target_outside"]);
    assert_eq!(described(&bench), ["catalog-info.yaml location:default/all"]);
    assert_eq!(bench.sink.held(), bench.held_by_a_fresh_source().await);
}

#[tokio::test]
async fn a_skeleton_is_no_descriptor_whenever_its_template_comes() {
    let bench = Bench::new(json!({"repositories": ["pay"]}));
    let mut repo = bench.repo("pay");
    repo.write("a/skeleton/catalog-info.yaml", component("made"));
    repo.commit("first");
    bench.run().await;
    let scope = bench.scope("pay");
    assert!(
        bench
            .subjects_of(&scope)
            .iter()
            .any(|subject| subject.ends_with("/made"))
    );
    let template = "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata:\n  name: service\nspec:\n  \
                    type: service\n  steps:\n    - id: fetch\n      action: fetch:template\n      input:\n        url: ../a/skeleton\n";
    repo.write("templates/catalog-info.yaml", template);
    repo.commit("a template");
    assert_eq!(bench.codes().await, ["template_skeleton"]);
    assert!(
        !bench
            .subjects_of(&scope)
            .iter()
            .any(|subject| subject.ends_with("/made"))
    );
    assert_eq!(bench.sink.held(), bench.held_by_a_fresh_source().await);
}

#[tokio::test]
async fn other_owners_are_told_of_every_entity() {
    let bench = two_repositories();
    bench.run().await;
    let mut repo = TestRepo::at(bench.folder.path().join("pay"));
    repo.now += 86_400;
    repo.write("CODEOWNERS", "# new\n* @acme/ship\nbroken[ @x\n");
    repo.commit("owners");
    bench.run().await;
    let owners = bench.body("catalog-info.yaml component:default/pay")["owners"].clone();
    assert_eq!(owners[0]["who"], json!(["handle:@acme/ship"]));
    assert_eq!(owners[0]["detail"], "CODEOWNERS line 2: * @acme/ship");
    assert_eq!(bench.sink.held(), bench.held_by_a_fresh_source().await);
}

#[tokio::test]
async fn a_forced_push_is_read_by_difference_and_after_gc_in_full() {
    let bench = two_repositories();
    bench.run().await;
    let repo = TestRepo::at(bench.folder.path().join("pay"));
    repo.write("catalog-info.yaml", component("other"));
    repo.git(["add", "--all"]);
    repo.git(["commit", "--quiet", "--amend", "--message", "rewritten"]);
    let (_, run) = bench.run().await;
    assert!(matches!(
        run.closing_of(&bench.scope("pay")),
        Some(Closing::Delta { .. })
    ));
    repo.write("catalog-info.yaml", component("third"));
    repo.git(["add", "--all"]);
    repo.git(["commit", "--quiet", "--amend", "--message", "again"]);
    repo.git(["reflog", "expire", "--expire=now", "--all"]);
    repo.git(["gc", "--quiet", "--prune=now"]);
    let (row, run) = bench.run().await;
    assert_eq!(row.status, RunStatus::Succeeded);
    assert!(matches!(
        run.closing_of(&bench.scope("pay")),
        Some(Closing::Complete { .. })
    ));
    assert_eq!(bench.sink.held(), bench.held_by_a_fresh_source().await);
}

#[tokio::test]
async fn differences_lead_to_the_same_as_reading_everything() {
    let bench = Bench::new(json!({"repositories": ["pay"]}));
    let mut repo = bench.repo("pay");
    repo.write("catalog-info.yaml", component("root"));
    repo.commit("first");
    bench.run().await;
    // A small generator with a fixed seed: each round changes, adds and removes some files.
    let mut seed: u64 = 7;
    let mut next = |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for round in 0..16 {
        for _ in 0..4 {
            let folder = format!("f{}", next(6));
            match next(17) {
                0 | 1 => {
                    _ = repo.write(
                        &format!("{folder}/catalog-info.yaml"),
                        component(&format!("c{}", next(8))),
                    )
                }
                2 => _ = std::fs::remove_dir_all(repo.path.join(&folder)),
                3 => _ = repo.write("CODEOWNERS", format!("* @t{}\n/{folder}/ @u\n", next(3))),
                4 => _ = repo.write(&format!("{folder}/package.json"), format!("{{\"name\": \"n{round}\"}}")),
                5 => {
                    _ = repo.write(
                        &format!("{folder}/catalog-info.yaml"),
                        location(&format!("[../f{}/*.yaml]", next(6))),
                    )
                }
                6 => {
                    _ = repo.write(
                        &format!("{folder}/main.rs"),
                        "x".repeat(usize::try_from(next(900)).unwrap()),
                    )
                }
                8 => {
                    _ = repo.write(
                        &format!("{folder}/Cargo.toml"),
                        format!("[package]\nname = \"n{round}\"\n"),
                    )
                }
                9 => {
                    let api = format!("openapi: 3.0.0\ninfo:\n  title: T{round}\n  version: '1'\n");
                    _ = repo.write(&format!("{folder}/openapi.yaml"), api);
                }
                10 => {
                    let flow = format!("name: W{round}\non: [push]\njobs: {{}}\n");
                    _ = repo.write(&format!(".github/workflows/{folder}.yml"), flow);
                }
                11 => _ = repo.write("LICENSE", format!("SPDX-License-Identifier: MIT\n{round}\n")),
                12 => _ = std::fs::remove_file(repo.path.join("CODEOWNERS")),
                13 => _ = repo.write(".github/CODEOWNERS", format!("/{folder}/ @v{}\n", next(3))),
                14 => {
                    let link = repo.path.join("linked/catalog-info.yaml");
                    std::fs::create_dir_all(link.parent().unwrap()).unwrap();
                    _ = std::fs::remove_file(&link);
                    std::os::unix::fs::symlink(format!("../{folder}/catalog-info.yaml"), link).unwrap();
                }
                7 => _ = repo.write("README.md", format!("# R\n\nRound {round}.\n")),
                _ => {
                    let api = component("with-text").replace("service", "{$text: ./note.txt}");
                    repo.write(&format!("{folder}/catalog-info.yaml"), api);
                    repo.write(&format!("{folder}/note.txt"), format!("note-{}", next(4)));
                }
            }
        }
        repo.now += 3 * 86_400;
        repo.commit(&format!("round {round}"));
        let (row, _) = bench.run().await;
        assert_eq!(row.error, None);
        let stale = bench.sink.stale_origins();
        let fresh = bench.held_by_a_fresh_source().await;
        let mine: Vec<String> = bench
            .sink
            .held()
            .into_iter()
            .filter(|line| !is_of(line, &stale))
            .collect();
        let theirs: Vec<String> = fresh.into_iter().filter(|line| !is_of(line, &stale)).collect();
        assert_eq!(mine, theirs, "round {round}");
        // The fresh source took the cache: the next round begins from a lost one every other time.
        if round % 2 == 0 {
            bench.run_with("options").await;
        }
    }
}

fn is_of(line: &str, origins: &[String]) -> bool {
    origins
        .iter()
        .any(|origin| line.contains(origin.rsplit(' ').next().unwrap_or(origin)))
}
