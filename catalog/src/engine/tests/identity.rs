//! Identity: identifiers that resolve late, contested ones, uids that stay.

use bailiwick_schema::{
    Assertion, Claim, ClaimBody, Delivery, Identifier, IdentifierClaim, Origin, RelationClaim, ScopeId, Sink, Subject,
    Viewer,
};
use serde_json::json;

use super::home::{Home, declares, entity_ref, whole};
use crate::api::Found;

fn facts_about(identifier: &str) -> Delivery {
    let body = ClaimBody {
        facts: json!({"seen": true}).as_object().cloned().unwrap(),
        ..ClaimBody::default()
    };
    let subject = Subject::Identifier(Identifier::parse(identifier).unwrap());
    Delivery::Claim(Box::new(Claim::observes(subject, Origin::path(":facts"), body)))
}

fn serviced(path: &str, name: &str) -> Delivery {
    let annotations = json!({"annotations": {"github.com/team-slug": "acme/p1"}});
    declares(path, &format!("component:default/{name}"), annotations, json!({}))
}

#[tokio::test]
async fn a_claim_through_an_identifier_waits_for_its_holder() {
    let home = Home::memory();
    home.run(
        "facts",
        "all",
        vec![facts_about("handle:github.com/@acme/p1")],
        whole("1"),
    )
    .await;
    home.run("code", "repo", vec![serviced("a", "a")], whole("1")).await;
    assert_eq!(home.value("component:default/a")["facts"]["test"]["seen"], true);
    // A second holder contests it: the claim counts for nobody.
    home.run("more", "repo", vec![serviced("b", "b")], whole("1")).await;
    assert!(home.value("component:default/a").get("facts").is_none());
    assert_eq!(
        home.codes()
            .iter()
            .filter(|code| *code == "identifier_contested")
            .count(),
        2
    );
    assert!(matches!(
        home.catalog.find(&Viewer::local(), "handle:github.com/@acme/p1"),
        Found::Contested { .. }
    ));
    home.run("code", "repo", vec![], whole("2")).await;
    assert_eq!(home.value("component:default/b")["facts"]["test"]["seen"], true);
    assert!(!home.codes().contains(&"identifier_contested".to_owned()));
    home.verify().await;
}

#[tokio::test]
async fn a_relation_to_an_identifier_is_resolved_late() {
    let home = Home::memory();
    let relation = RelationClaim {
        relation: "dependsOn".to_owned(),
        target: Subject::Identifier(Identifier::parse("handle:github.com/@acme/p1").unwrap()),
    };
    let body = ClaimBody {
        entity: json!({"kind": "Component", "metadata": {"name": "x"}})
            .as_object()
            .cloned()
            .unwrap(),
        relations: vec![relation],
        ..ClaimBody::default()
    };
    let claim = Claim::declares(entity_ref("component:default/x"), Origin::path("x"), body);
    assert_eq!(claim.assertion, Assertion::Declares);
    home.run("one", "repo", vec![Delivery::Claim(Box::new(claim))], whole("1"))
        .await;
    home.run("two", "repo", vec![serviced("a", "a")], whole("1")).await;
    let snapshot = home.catalog.snapshot();
    let node = snapshot
        .get(&Viewer::local(), &entity_ref("component:default/x"))
        .unwrap();
    assert_eq!(
        snapshot.name(node.relations[0].target).unwrap().as_str(),
        "component:default/a"
    );
    home.verify().await;
}

#[tokio::test]
async fn a_uid_is_given_back_to_what_returns() {
    let home = Home::memory();
    home.run("code", "repo", vec![serviced("a", "a")], whole("1")).await;
    let uid = home.uid("component:default/a");
    home.run("code", "repo", vec![], whole("2")).await;
    home.run("code", "repo", vec![serviced("elsewhere", "A")], whole("3"))
        .await;
    assert_eq!(home.uid("component:default/a"), uid);
    home.verify().await;
}

#[tokio::test]
async fn what_moved_takes_the_uid_of_what_it_was() {
    let home = Home::memory();
    let repository = |name: &str, continues: Option<&str>| {
        let body = ClaimBody {
            entity: json!({"kind": "Repository", "metadata": {"name": name, "namespace": "local"}})
                .as_object()
                .cloned()
                .unwrap(),
            identifiers: vec![IdentifierClaim {
                identifier: Identifier::new("path", name).unwrap(),
                exclusive: true,
            }],
            continues: continues.map(entity_ref),
            ..ClaimBody::default()
        };
        let entity = entity_ref(&format!("repository:local/{name}"));
        Delivery::Claim(Box::new(Claim::declares(entity, Origin::path(":repository"), body)))
    };
    let member = |name: &str| Delivery::Member(ScopeId::new(name));
    for (version, scope, claim) in [
        ("1", "old", repository("old", None)),
        ("2", "new", repository("new", Some("repository:local/old"))),
    ] {
        let run = home.begin("code", true).await;
        let list = home.open(&run, "list", None).await;
        home.sink.deliver(list, vec![member(scope)]).await.unwrap();
        let ticket = home.open(&run, scope, Some("list")).await;
        home.sink.deliver(ticket, vec![claim]).await.unwrap();
        home.sink.scope_close(ticket, whole(version)).await.unwrap();
        home.sink.scope_close(list, whole(version)).await.unwrap();
        if version == "1" {
            home.end(&run).await;
            continue;
        }
        let uid = home.uid("repository:local/old");
        home.end(&run).await;
        assert!(!home.lives("repository:local/old"));
        assert_eq!(home.uid("repository:local/new"), uid);
    }
    home.verify().await;
}
