//! Ownership across entities: inheritance, handles, and what follows from a change elsewhere.

use bailiwick_schema::{Claim, ClaimBody, Delivery, Origin, OwnerEvidence, OwnerMethod, Subject};
use serde_json::json;

use super::home::{Home, declares, entity_ref, whole};

fn evidence(entity: &str, method: OwnerMethod, who: &str) -> Delivery {
    let said = OwnerEvidence {
        method,
        who: vec![who.to_owned()],
        detail: "line 1".to_owned(),
    };
    let body = ClaimBody {
        owners: vec![said],
        ..ClaimBody::default()
    };
    let subject = Subject::Ref(entity_ref(entity));
    Delivery::Claim(Box::new(Claim::observes(subject, Origin::path(":codeowners"), body)))
}

#[tokio::test]
async fn an_owner_is_inherited_and_follows_its_parent() {
    let home = Home::memory();
    let part = declares("c", "component:default/c", json!({}), json!({"system": "s"}));
    let deep = declares("d", "component:default/d", json!({}), json!({"subcomponentOf": "c"}));
    home.run("one", "repo", vec![part, deep], whole("1")).await;
    assert_eq!(home.owners("component:default/d"), Vec::<String>::new());
    let system = |owner: &str| vec![declares("s", "system:default/s", json!({}), json!({"owner": owner}))];
    home.run("two", "repo", system("pay"), whole("1")).await;
    assert_eq!(home.owners("component:default/c"), ["group:default/pay"]);
    assert_eq!(
        home.owners("component:default/d"),
        ["group:default/pay"],
        "through a parent that inherits itself"
    );
    home.run("two", "repo", system("ops"), whole("2")).await;
    assert_eq!(home.owners("component:default/d"), ["group:default/ops"]);
    home.run("two", "repo", vec![], whole("3")).await;
    assert_eq!(home.owners("component:default/d"), Vec::<String>::new());
    home.verify().await;
}

#[tokio::test]
async fn a_code_owner_counts_once_the_catalog_knows_the_team() {
    let home = Home::memory();
    let items = vec![
        declares("c", "component:default/c", json!({}), json!({})),
        evidence(
            "component:default/c",
            OwnerMethod::Codeowners,
            "handle:github.com/@acme/pay",
        ),
    ];
    home.run("code", "repo", items, whole("1")).await;
    assert!(home.owners("component:default/c").is_empty());
    let team = declares(
        "g",
        "group:default/pay",
        json!({}),
        json!({"type": "team", "children": []}),
    );
    home.run("org", "repo", vec![team], whole("1")).await;
    assert_eq!(home.owners("component:default/c"), ["group:default/pay"]);
    let annotated = declares(
        "g",
        "group:default/payments",
        json!({"annotations": {"github.com/team-slug": "acme/pay"}}),
        json!({"type": "team", "children": []}),
    );
    home.run("org", "repo", vec![annotated], whole("2")).await;
    assert_eq!(
        home.owners("component:default/c"),
        ["group:default/payments"],
        "the handle itself comes first"
    );
    home.run("org", "repo", vec![], whole("3")).await;
    assert!(home.owners("component:default/c").is_empty());
    home.verify().await;
}
