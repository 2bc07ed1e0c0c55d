//! The laws of the design that the engine holds, one test or more each, named after it.

use std::time::Duration;

use bailiwick_schema::{Closing, Delivery, Finding, Proof, ScopeId, Severity, Sink, Subject, Viewer};
use serde_json::json;

use super::home::{Home, component, cursor, declares, entity_ref, whole};

fn many(count: usize) -> Vec<Delivery> {
    (0..count)
        .map(|at| component(&format!("{at}.yaml"), &format!("c{at}")))
        .collect()
}

#[tokio::test]
async fn law_1_absence_is_not_deletion_when_a_scope_was_seen_in_part() {
    let home = Home::memory();
    home.run("code", "repo", many(3), whole("1")).await;
    let record = home.run("code", "repo", vec![], Closing::Partial).await;
    assert_eq!(record.status, bailiwick_schema::RunStatus::Partial);
    let run = home.begin("code", true).await;
    home.open(&run, "repo", None).await;
    home.end(&run).await;
    assert!(home.lives("component:default/c0") && home.lives("component:default/c2"));
    home.verify().await;
}

#[tokio::test]
async fn law_1_absence_is_not_deletion_when_an_empty_answer_names_no_version() {
    let home = Home::memory();
    home.run("code", "repo", many(3), whole("1")).await;
    home.run(
        "code",
        "repo",
        vec![],
        Closing::Complete {
            proof: Proof::Listing,
            cursor: None,
        },
    )
    .await;
    assert!(home.lives("component:default/c0"));
    assert_eq!(home.codes().iter().filter(|code| *code == "empty_unproved").count(), 1);
    home.run("code", "repo", vec![], whole("2")).await;
    assert!(
        !home.lives("component:default/c0"),
        "a version proves emptiness, and three claims pass the guard"
    );
    assert!(
        !home.codes().contains(&"empty_unproved".to_owned()),
        "a proof takes the finding away"
    );
    home.verify().await;
}

#[tokio::test]
async fn law_1_absence_is_not_deletion_when_an_origin_cannot_be_read() {
    let home = Home::memory();
    home.run("code", "repo", many(2), whole("1")).await;
    let finding = Finding::new("yaml", Severity::Error, "tab").at("0.yaml", Some(1), None);
    let unreadable = Delivery::Unreadable {
        origin: "0.yaml".to_owned(),
        finding,
    };
    home.run("code", "repo", vec![unreadable, component("1.yaml", "c1")], whole("2"))
        .await;
    assert!(home.lives("component:default/c0"), "a typo never deletes");
    let explained = home
        .catalog
        .explain(&Viewer::local(), &entity_ref("component:default/c0"), None)
        .unwrap()
        .unwrap();
    assert!(
        explained
            .fields
            .iter()
            .all(|field| field.winner.as_ref().is_none_or(|say| say.stale))
    );
    home.run("code", "repo", vec![component("1.yaml", "c1")], whole("3"))
        .await;
    assert!(!home.lives("component:default/c0"), "an origin that is gone does");
    assert!(home.codes().iter().all(|code| code != "yaml"));
    home.verify().await;
}

#[tokio::test]
async fn law_2_the_guard_is_on_by_default() {
    let home = Home::memory();
    home.run("code", "repo", many(20), whole("1")).await;
    let record = home.run("code", "repo", many(10), whole("2")).await;
    assert_eq!((record.counts.claims_removed, record.counts.claims_pending), (0, 10));
    assert!(home.lives("component:default/c19"));
    assert!(home.codes().contains(&"sweep_pending".to_owned()));
    let sweeps = home.catalog.pending_sweeps(&Viewer::local(), false).unwrap();
    assert_eq!((sweeps.len(), sweeps[0].claims), (1, 10));
    // Delivered again, one of them is no longer missing.
    home.run("code", "repo", many(11), whole("3")).await;
    assert_eq!(
        home.catalog.pending_sweeps(&Viewer::local(), false).unwrap()[0].claims,
        9
    );
    let refused = home.catalog.decide_sweep(&Viewer::nobody(), &sweeps[0].id, true).await;
    assert!(refused.is_err(), "only an operator decides");
    let decision = home
        .catalog
        .decide_sweep(&Viewer::local(), &sweeps[0].id, true)
        .await
        .unwrap();
    assert_eq!(decision.claims, 9);
    assert!(home.lives("component:default/c10") && !home.lives("component:default/c11"));
    assert!(!home.codes().contains(&"sweep_pending".to_owned()));
    home.verify().await;
}

#[tokio::test]
async fn law_2_a_rejected_sweep_stays_quiet_until_the_set_changes() {
    let home = Home::memory();
    home.run("code", "repo", many(20), whole("1")).await;
    home.run("code", "repo", many(10), whole("2")).await;
    let id = home.catalog.pending_sweeps(&Viewer::local(), false).unwrap()[0]
        .id
        .clone();
    home.catalog.decide_sweep(&Viewer::local(), &id, false).await.unwrap();
    home.run("code", "repo", many(10), whole("3")).await;
    assert!(home.catalog.pending_sweeps(&Viewer::local(), false).unwrap().is_empty());
    assert!(home.lives("component:default/c19"));
    home.run("code", "repo", many(9), whole("4")).await;
    assert_eq!(home.catalog.pending_sweeps(&Viewer::local(), false).unwrap().len(), 1);
    home.verify().await;
}

#[tokio::test]
async fn law_2_an_undone_sweep_brings_back_and_makes_the_next_one_wait() {
    let home = Home::memory();
    home.run("code", "repo", many(4), whole("1")).await;
    home.run("code", "repo", many(3), whole("2")).await;
    assert!(!home.lives("component:default/c3"));
    let uid = home
        .store
        .identity(&entity_ref("component:default/c3"))
        .unwrap()
        .unwrap()
        .uid;
    let applied = home.catalog.applied_sweeps(&Viewer::local()).unwrap();
    let undone = home.catalog.undo_sweep(&Viewer::local(), &applied[0].id).await.unwrap();
    assert_eq!(undone.claims, 1);
    assert_eq!(home.uid("component:default/c3"), uid, "what returns gets its uid back");
    home.run("code", "repo", many(3), whole("3")).await;
    assert!(home.lives("component:default/c3"));
    assert_eq!(home.catalog.pending_sweeps(&Viewer::local(), false).unwrap().len(), 1);
    home.verify().await;
}

#[tokio::test]
async fn law_2_what_a_source_lost_lately_counts_together() {
    let home = Home::memory();
    for (scope, count) in [("a", 10), ("b", 10)] {
        let items = (0..count)
            .map(|at| component(&format!("{at}.yaml"), &format!("{scope}{at}")))
            .collect();
        home.run("code", scope, items, whole("1")).await;
    }
    for (step, left) in [(2, 7), (3, 4)] {
        let items = (0..left)
            .map(|at| component(&format!("{at}.yaml"), &format!("a{at}")))
            .collect();
        home.run("code", "a", items, whole(&step.to_string())).await;
    }
    assert!(
        home.lives("component:default/a6"),
        "three more would make six of twenty within a day"
    );
    assert_eq!(home.catalog.pending_sweeps(&Viewer::local(), false).unwrap().len(), 1);
    home.verify().await;
}

#[tokio::test]
async fn law_2_a_retired_scope_counts_every_claim_below_it_and_a_moved_one_counts_none() {
    let home = Home::memory();
    let members = |names: &[&str]| {
        names
            .iter()
            .map(|name| Delivery::Member(ScopeId::new(name)))
            .collect::<Vec<_>>()
    };
    let run = home.begin("code", true).await;
    let list = home.open(&run, "list", None).await;
    home.sink.deliver(list, members(&["a", "b"])).await.unwrap();
    let a = home.open(&run, "a", Some("list")).await;
    home.sink.deliver(a, many(8)).await.unwrap();
    home.sink.scope_close(a, whole("1")).await.unwrap();
    let b = home.open(&run, "b", Some("list")).await;
    home.sink.deliver(b, vec![component("x.yaml", "x")]).await.unwrap();
    home.sink.scope_close(b, whole("1")).await.unwrap();
    home.sink.scope_close(list, whole("1")).await.unwrap();
    home.end(&run).await;
    assert!(home.lives("component:default/c7"));

    // `a` is gone and its eight claims with it: held.
    let run = home.begin("code", true).await;
    let list = home.open(&run, "list", None).await;
    home.sink.deliver(list, members(&["b"])).await.unwrap();
    home.sink.scope_close(list, whole("2")).await.unwrap();
    home.end(&run).await;
    assert!(home.lives("component:default/c7"));
    assert_eq!(
        home.catalog.pending_sweeps(&Viewer::local(), false).unwrap()[0].claims,
        8
    );

    // The same entities come from `c`: they moved, nothing is lost, the old scope goes.
    let run = home.begin("code", true).await;
    let list = home.open(&run, "list", None).await;
    home.sink.deliver(list, members(&["b", "c"])).await.unwrap();
    let c = home.open(&run, "c", Some("list")).await;
    home.sink.deliver(c, many(8)).await.unwrap();
    home.sink.scope_close(c, whole("1")).await.unwrap();
    home.sink.scope_close(list, whole("3")).await.unwrap();
    let pending_before = home.catalog.pending_sweeps(&Viewer::local(), true).unwrap();
    home.end(&run).await;
    assert!(home.lives("component:default/c7"));
    let left = home.catalog.pending_sweeps(&Viewer::local(), true).unwrap();
    assert!(left.is_empty(), "{left:?} after {pending_before:?}");
    assert!(!home.codes().contains(&"duplicate_ref".to_owned()));
    home.verify().await;
}

#[tokio::test]
async fn law_3_order_does_not_matter() {
    let claims = |source: &str| -> Vec<Delivery> {
        vec![
            declares(
                "b.yaml",
                "component:default/x",
                json!({"title": format!("b of {source}")}),
                json!({"owner": "b"}),
            ),
            declares(
                "a.yaml",
                "component:default/x",
                json!({"title": source, "tags": [source]}),
                json!({"owner": "a"}),
            ),
            declares("s.yaml", "system:default/s", json!({}), json!({"owner": "ops"})),
            declares(
                "y.yaml",
                "component:default/y",
                json!({"labels": {"k": source}}),
                json!({"system": "s"}),
            ),
        ]
    };
    let mut hashes = Vec::new();
    for order in [[0, 1], [1, 0]] {
        for reversed in [false, true] {
            let home = Home::memory();
            for at in order {
                let source = ["one", "two"][at];
                let mut items = claims(source);
                if reversed {
                    items.reverse();
                }
                home.run(source, "repo", items, whole("1")).await;
            }
            hashes.push(home.verify().await.entities_hash);
            assert_eq!(home.value("component:default/x")["metadata"]["title"], "one");
            assert_eq!(
                home.value("component:default/x")["metadata"]["tags"],
                json!(["one", "two"])
            );
        }
    }
    assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]), "{hashes:?}");
}

#[tokio::test]
async fn law_3_applying_the_same_claims_twice_changes_nothing_and_appends_nothing() {
    let home = Home::memory();
    home.run("code", "repo", many(5), whole("1")).await;
    let head = home.catalog.head();
    let record = home.run("code", "repo", many(5), whole("1")).await;
    assert_eq!(home.catalog.head(), head);
    assert_eq!(
        (
            record.position,
            record.counts.claims_changed,
            record.counts.claims_delivered
        ),
        (None, 0, 5)
    );
}

#[tokio::test]
async fn law_4_everything_says_who_says_so() {
    let home = Home::memory();
    let titled = |title: &str| {
        vec![declares(
            "x.yaml",
            "component:default/x",
            json!({"title": title}),
            json!({}),
        )]
    };
    home.run("alpha", "repo", titled("A"), whole("1")).await;
    home.run("beta", "repo", titled("B"), whole("1")).await;
    let explained = home
        .catalog
        .explain(
            &Viewer::local(),
            &entity_ref("component:default/x"),
            Some("metadata.title"),
        )
        .unwrap()
        .unwrap();
    let [field] = explained.fields.as_slice() else {
        panic!("{explained:?}")
    };
    let winner = field.winner.as_ref().unwrap();
    assert_eq!(
        (winner.source.as_str(), winner.origin.path.as_str(), &winner.value),
        ("alpha", "x.yaml", &json!("A"))
    );
    assert_eq!(
        (field.losers[0].source.as_str(), &field.losers[0].value),
        ("beta", &json!("B"))
    );
    assert!(field.losers[0].reason.contains("alpha"), "{}", field.losers[0].reason);
    assert!(winner.since < field.losers[0].since);
}

#[tokio::test]
async fn law_5_nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (head, hash) = {
        let mut home = Home::at(folder.path());
        home.run("code", "repo", many(50), whole("1")).await;
        let seen = (home.catalog.head(), home.verify().await.entities_hash);
        home.stop();
        seen
    };
    // The store is closed when its last handle goes; followers and readers hold some for a moment.
    let home = loop {
        match crate::store::open::open(
            crate::store::open::EngineKind::Fjall,
            folder.path(),
            crate::store::open::StoreOptions::default(),
        ) {
            Ok(store) => break Home::over(store, None),
            Err(crate::store::StoreError::Locked { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(home.catalog.head(), head);
    assert_eq!(home.verify().await.entities_hash, hash);
    let record = home.run("code", "repo", many(50), whole("1")).await;
    assert_eq!(
        record.position, None,
        "after a restart the same claims are still the same"
    );
}

#[tokio::test]
async fn law_6_derived_equals_rebuilt_after_any_history() {
    let mut seed = 7_u64;
    let mut random = move |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let home = Home::memory();
    for step in 0..40 {
        let source = ["one", "two", "three"][usize::try_from(random(3)).unwrap()];
        let scope = ["a", "b"][usize::try_from(random(2)).unwrap()];
        let mut items = Vec::new();
        for at in 0..random(12) {
            let name = random(10);
            let owner = ["pay", "ops", "group:other/x"][usize::try_from(random(3)).unwrap()];
            let mut spec = json!({"type": "service", "system": format!("s{}", random(3))});
            if random(2) == 0 {
                spec["owner"] = json!(owner);
            }
            let metadata = json!({"annotations": {"github.com/team-slug": format!("acme/t{}", random(4))}});
            items.push(match random(4) {
                0 => declares(
                    &format!("s{at}"),
                    &format!("system:default/s{}", random(3)),
                    json!({}),
                    json!({"owner": owner, "domain": "d"}),
                ),
                1 => declares(
                    &format!("g{at}"),
                    &format!("group:default/{owner}").replace("group:default/group:", "group:"),
                    json!({}),
                    json!({"type": "team", "children": []}),
                ),
                _ => declares(&format!("c{at}"), &format!("component:default/c{name}"), metadata, spec),
            });
        }
        let closing = if random(4) == 0 {
            Closing::Partial
        } else {
            whole(&step.to_string())
        };
        home.run(source, scope, items, closing).await;
        for sweep in home.catalog.pending_sweeps(&Viewer::local(), false).unwrap() {
            home.catalog
                .decide_sweep(&Viewer::local(), &sweep.id, random(2) == 0)
                .await
                .unwrap();
        }
        home.verify().await;
    }
}

#[tokio::test]
async fn law_7_cost_follows_change() {
    let home = Home::memory();
    home.run("code", "repo", many(100), whole("1")).await;
    let mut items = many(100);
    items[5] = declares(
        "5.yaml",
        "component:default/c5",
        json!({"title": "new"}),
        json!({"owner": "pay"}),
    );
    let record = home.run("code", "repo", items, whole("2")).await;
    assert_eq!(
        (
            record.counts.claims_changed,
            record.counts.entities_changed,
            record.counts.commits
        ),
        (1, 1, 1)
    );
    let head = home.catalog.head();
    let run = home.begin("code", true).await;
    let ticket = home.open(&run, "repo", None).await;
    home.sink.scope_close(ticket, Closing::Unchanged).await.unwrap();
    let record = home.end(&run).await;
    assert_eq!(
        home.catalog.head(),
        head,
        "an unchanged source writes its ledger row and nothing else"
    );
    assert_eq!((record.counts.scopes_unchanged, record.counts.commits), (1, 0));
    assert!(home.lives("component:default/c99"));
}

#[tokio::test]
async fn law_7_a_delta_confirms_what_it_does_not_mention() {
    let home = Home::memory();
    home.run("code", "repo", many(10), whole("1")).await;
    let delta = |base: &str, to: &str| Closing::Delta {
        base: cursor(base),
        proof: Proof::Version(to.to_owned()),
        cursor: cursor(to),
    };
    let items = vec![
        Delivery::Gone("3.yaml".to_owned()),
        Delivery::OriginRead("4.yaml".to_owned()),
        component("9.yaml", "c9"),
    ];
    home.run("code", "repo", items, delta("1", "2")).await;
    assert!(!home.lives("component:default/c3") && !home.lives("component:default/c4"));
    assert!(home.lives("component:default/c5"));
    let run = home.begin("code", true).await;
    let ticket = home.open(&run, "repo", None).await;
    let refused = home.sink.scope_close(ticket, delta("1", "3")).await.unwrap();
    assert_eq!(refused, bailiwick_schema::ScopeClosed::BaseRefused);
    home.end(&run).await;
    home.verify().await;
}

#[tokio::test]
async fn law_7_a_difference_within_an_origin_names_single_claims() {
    let home = Home::memory();
    let both = |title: &str| {
        vec![
            declares("all.ndjson", "component:default/a", json!({"title": title}), json!({})),
            component("all.ndjson", "b"),
            component("all.ndjson", "c"),
        ]
    };
    home.run("code", "file", both("old"), whole("1")).await;
    let gone = |name: &str| Delivery::GoneClaim {
        origin: "all.ndjson".to_owned(),
        subject: Subject::Ref(entity_ref(&format!("component:default/{name}"))),
    };
    let delta = |base: &str, to: &str| Closing::Delta {
        base: cursor(base),
        proof: Proof::Version(to.to_owned()),
        cursor: cursor(to),
    };
    let mut items = both("new");
    items.truncate(1);
    items.extend([gone("b"), gone("never-there")]);
    home.run("code", "file", items, delta("1", "2")).await;
    assert_eq!(home.value("component:default/a")["metadata"]["title"], "new");
    assert!(!home.lives("component:default/b") && home.lives("component:default/c"));
    home.verify().await;
    // Which finding goes with which claim is not known: such an origin is read whole.
    let mut items = both("new");
    items.push(Delivery::Finding(
        Finding::new("odd", Severity::Warning, "it is odd").at("all.ndjson", Some(2), None),
    ));
    home.run("code", "file", items, whole("3")).await;
    let run = home.begin("code", true).await;
    let ticket = home.open(&run, "file", None).await;
    home.sink.deliver(ticket, vec![gone("b")]).await.unwrap();
    let refused = home.sink.scope_close(ticket, delta("3", "4")).await.unwrap();
    assert_eq!(refused, bailiwick_schema::ScopeClosed::BaseRefused);
    home.sink.deliver(ticket, both("newer")).await.unwrap();
    home.sink.scope_close(ticket, whole("4")).await.unwrap();
    home.end(&run).await;
    assert!(home.lives("component:default/b"));
    home.verify().await;
}

#[tokio::test]
async fn law_1_a_reading_that_was_cut_off_leaves_nothing_to_confirm() {
    let home = Home::memory();
    home.run("code", "repo", many(3), whole("1")).await;
    let other = || {
        vec![declares(
            "0.yaml",
            "component:default/c0",
            json!({"title": "other"}),
            json!({}),
        )]
    };
    // Half of another state came in, and then the source is as it was.
    home.run("code", "repo", other(), Closing::Partial).await;
    let run = home.begin("code", true).await;
    let ticket = home.open(&run, "repo", None).await;
    let refused = home.sink.scope_close(ticket, Closing::Unchanged).await.unwrap();
    assert_eq!(refused, bailiwick_schema::ScopeClosed::BaseRefused);
    home.sink.deliver(ticket, many(3)).await.unwrap();
    home.sink.scope_close(ticket, whole("1")).await.unwrap();
    home.end(&run).await;
    assert_ne!(home.value("component:default/c0")["metadata"]["title"], "other");
    // What a reading in part found goes with the next whole one, so there is one.
    let finding = Finding::new("odd", Severity::Warning, "it is odd").at("0.yaml", None, None);
    home.run("code", "repo", vec![Delivery::Finding(finding)], Closing::Partial)
        .await;
    let run = home.begin("code", true).await;
    let ticket = home.open(&run, "repo", None).await;
    let refused = home.sink.scope_close(ticket, Closing::Unchanged).await.unwrap();
    assert_eq!(refused, bailiwick_schema::ScopeClosed::BaseRefused);
    home.end(&run).await;
    home.verify().await;
}

#[tokio::test]
async fn law_8_a_late_scan_never_undoes_a_newer_event_and_never_revives() {
    let home = Home::memory();
    home.run("code", "repo", many(3), whole("1")).await;
    // A full scan opens, then events come in while it is under way.
    let scan = home.begin("code", true).await;
    let slow = home.open(&scan, "repo", None).await;
    home.clock.advance(Duration::from_secs(5));
    let event = home.begin("code", false).await;
    let quick = home.open(&event, "repo", None).await;
    let renamed = declares("0.yaml", "component:default/c0", json!({"title": "newer"}), json!({}));
    let new = component("new.yaml", "new");
    home.sink
        .deliver(quick, vec![renamed, new, Delivery::Gone("1.yaml".to_owned())])
        .await
        .unwrap();
    let delta = Closing::Delta {
        base: cursor("1"),
        proof: Proof::Version("e".to_owned()),
        cursor: cursor("e"),
    };
    home.sink.scope_close(quick, delta).await.unwrap();
    home.end(&event).await;
    assert!(!home.lives("component:default/c1"));
    // The scan still shows the world as it was, without `new`.
    home.sink.deliver(slow, many(3)).await.unwrap();
    home.sink.scope_close(slow, whole("2")).await.unwrap();
    home.end(&scan).await;
    assert_eq!(
        home.value("component:default/c0")["metadata"]["title"],
        "newer",
        "not undone"
    );
    assert!(!home.lives("component:default/c1"), "not revived");
    assert!(
        home.lives("component:default/new"),
        "newer than the opening of the scan: not missing from it"
    );
    home.verify().await;
}

#[tokio::test]
async fn law_8_no_two_full_runs_of_a_source_at_once() {
    let home = Home::memory();
    let _open = home.begin("code", true).await;
    let begin = bailiwick_schema::RunBegin {
        id: bailiwick_schema::RunId::new("second"),
        source: super::home::source("code"),
        source_type: "test".to_owned(),
        cause: bailiwick_schema::RunCause::Schedule,
        full: true,
        allow: bailiwick_schema::AllowPolicy::all(),
        rank: 0,
        started_at: bailiwick_schema::Timestamp::ZERO,
    };
    assert!(matches!(
        home.sink.run_begin(begin).await,
        Err(bailiwick_schema::SinkError::RunOpen(_))
    ));
    home.begin("code", false).await;
}

#[tokio::test]
async fn law_2_a_retired_scope_that_was_undone_is_missed_again() {
    let home = Home::memory();
    for (version, members) in [("1", vec!["a", "b"]), ("2", vec!["b"])] {
        let run = home.begin("code", true).await;
        let list = home.open(&run, "list", None).await;
        let named = members
            .iter()
            .map(|name| Delivery::Member(ScopeId::new(name)))
            .collect();
        home.sink.deliver(list, named).await.unwrap();
        for scope in &members {
            let ticket = home.open(&run, scope, Some("list")).await;
            home.sink
                .deliver(ticket, vec![component("x.yaml", scope)])
                .await
                .unwrap();
            home.sink.scope_close(ticket, whole(version)).await.unwrap();
        }
        home.sink.scope_close(list, whole(version)).await.unwrap();
        home.end(&run).await;
    }
    assert!(!home.lives("component:default/a"));
    let applied = home.catalog.applied_sweeps(&Viewer::local()).unwrap();
    home.catalog.undo_sweep(&Viewer::local(), &applied[0].id).await.unwrap();
    assert!(home.lives("component:default/a"));
    let run = home.begin("code", true).await;
    let list = home.open(&run, "list", None).await;
    home.sink
        .deliver(list, vec![Delivery::Member(ScopeId::new("b"))])
        .await
        .unwrap();
    home.sink.scope_close(list, whole("3")).await.unwrap();
    home.end(&run).await;
    assert!(home.lives("component:default/a"), "the next sweep of the listing waits");
    let pending = home.catalog.pending_sweeps(&Viewer::local(), false).unwrap();
    home.catalog
        .decide_sweep(&Viewer::local(), &pending[0].id, true)
        .await
        .unwrap();
    assert!(!home.lives("component:default/a"));
    home.verify().await;
}

#[tokio::test]
async fn law_2_what_a_person_approved_is_no_recent_loss() {
    let home = Home::memory();
    home.run("code", "a", many(20), whole("1")).await;
    home.run("code", "a", many(10), whole("2")).await;
    let id = home.catalog.pending_sweeps(&Viewer::local(), false).unwrap()[0]
        .id
        .clone();
    home.catalog.decide_sweep(&Viewer::local(), &id, true).await.unwrap();
    home.run("code", "a", many(9), whole("3")).await;
    assert!(
        !home.lives("component:default/c9"),
        "one of ten passes the guard on its own"
    );
    home.verify().await;
}
