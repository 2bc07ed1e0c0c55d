//! Random histories: whatever way repositories took, the catalog is what a fresh read of their present would give.

use std::collections::BTreeSet;
use std::sync::Arc;

use bailiwick_ingestors::scheduler::Scheduler;
use bailiwick_schema::Viewer;
use serde_json::Value;

use crate::support::{Api, Home, Repo, component};

/// Numbers that look random and are the same each time (Steele and Vigna, SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}

/// A repository and which of its descriptors are there, and which of these are garbage now.
struct Tracked {
    repo: Repo,
    files: BTreeSet<String>,
    broken: BTreeSet<String>,
}

impl Tracked {
    fn new(repo: Repo) -> Self {
        Self {
            repo,
            files: BTreeSet::new(),
            broken: BTreeSet::new(),
        }
    }

    fn any(&self, numbers: &mut Numbers) -> Option<String> {
        let at = numbers.below(self.files.len().max(1));
        self.files.iter().nth(at).cloned()
    }

    fn put(&mut self, file: &str, text: String) {
        self.repo.write(file, text);
        self.files.insert(file.to_owned());
        self.broken.remove(file);
    }

    fn drop_file(&mut self, file: &str) {
        self.repo.remove(file);
        self.files.remove(file);
        self.broken.remove(file);
    }
}

fn described(number: usize, version: usize) -> String {
    let mut text = component(&format!("thing-{number}"), &format!("version {version}"));
    if number.is_multiple_of(3) {
        text.push_str(&format!("  system: system-{}\n", version % 2));
    }
    if number.is_multiple_of(5) {
        text = text
            .replace("  owner: team-a\n", "  owner: ''\n")
            .replace("  owner: ''\n", "  owner: team-b\n");
    }
    text
}

/// One change of one repository, or of two. Gives what it did, for the message of a failure.
fn change(worlds: &mut [Tracked], step: usize, numbers: &mut Numbers) -> String {
    let at = numbers.below(worlds.len());
    let other = numbers.below(worlds.len());
    let number = numbers.below(24);
    let file = format!("d{number}/catalog-info.yaml");
    let world = &mut worlds[at];
    match numbers.below(11) {
        0..=2 => {
            world.put(&file, described(number, step));
            format!("write {file} in {at}")
        }
        3 => {
            let Some(file) = world.any(numbers) else {
                return "nothing to remove".to_owned();
            };
            world.drop_file(&file);
            format!("remove {file} from {at}")
        }
        4 => {
            let Some(file) = world.any(numbers) else {
                return "nothing to break".to_owned();
            };
            world.repo.write(&file, "kind: [\n");
            world.broken.insert(file.clone());
            format!("break {file} in {at}")
        }
        5 => {
            let Some(from) = world.any(numbers).filter(|file| !world.broken.contains(file)) else {
                return "nothing to move".to_owned();
            };
            let text = std::fs::read_to_string(world.repo.path.join(&from)).unwrap();
            world.drop_file(&from);
            let to = format!("m{step}/catalog-info.yml");
            worlds[other].put(&to, text);
            format!("move {from} from {at} to {to} in {other}")
        }
        6 => {
            let text = format!(
                "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {{name: api-{at}}}\n\
                 spec: {{type: openapi, lifecycle: production, owner: team-a, definition: {{$text: ./api.txt}}}}\n"
            );
            world.put("api/catalog-info.yaml", text);
            world.repo.write("api/api.txt", format!("definition {step}"));
            format!("define an API in {at}")
        }
        7 => {
            if !world.files.contains("api/catalog-info.yaml") {
                return "no definition to change".to_owned();
            }
            world.repo.write("api/api.txt", format!("definition {step}"));
            format!("change only what a placeholder names in {at}")
        }
        8 => {
            world
                .repo
                .write("CODEOWNERS", format!("* @acme/team-{step}\n/d1/ @acme/other\n"));
            world.repo.write(
                "Cargo.toml",
                format!("[package]\nname = \"p{step}\"\nversion = \"0.{step}.0\"\n"),
            );
            format!("change owners and manifest of {at}")
        }
        9 => {
            let text = "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {name: places}\n\
                        spec: {targets: [./more/*.yaml]}\n";
            world.put(
                "places/catalog-info.yaml",
                text.replace("places", &format!("places-{at}")),
            );
            world
                .repo
                .write(&format!("places/more/{number}.yaml"), described(100 + number, step));
            format!("add {number} behind a Location in {at}")
        }
        _ => {
            // Two steps back and another way on: what a force push leaves.
            let commits: usize = world.repo.git(&["rev-list", "--count", "HEAD"]).parse().unwrap();
            if commits < 4 {
                return "too young to rewrite".to_owned();
            }
            world.repo.git(&["reset", "--quiet", "--hard", "HEAD~2"]);
            rescan(world);
            format!("rewrite the history of {at}")
        }
    }
}

/// Looks again which descriptors there are.
fn rescan(world: &mut Tracked) {
    world.files.clear();
    world.broken.clear();
    let listed = world.repo.git(&["ls-files"]);
    for file in listed.lines().filter(|file| file.contains("catalog-info.")) {
        if std::fs::read(world.repo.path.join(file)).unwrap() == b"kind: [\n" {
            world.broken.insert(file.to_owned());
        }
        world.files.insert(file.to_owned());
    }
}

/// Everything that the catalog says, apart from uids and positions.
fn content(home: &Home) -> (Vec<Value>, Vec<String>) {
    let mut entities = Vec::new();
    let mut visit = |value: Value| {
        entities.push(value);
        std::ops::ControlFlow::Continue(())
    };
    home.catalog().export(&Viewer::local(), true, &mut visit).unwrap();
    let mut findings: Vec<String> = home
        .findings()
        .into_iter()
        .map(|row| format!("{:?}", row.finding))
        .collect();
    findings.sort();
    (entities, findings)
}

/// Says yes to every removal that waits.
async fn approve_all(home: &Home, api: &Api) {
    let pending = api.data("{ pendingSweeps { id } }").await;
    for sweep in pending["pendingSweeps"].as_array().unwrap() {
        let id = sweep["id"].as_str().unwrap();
        api.data(&format!(
            r#"mutation {{ decideSweep(id: "{id}", approve: true) {{ __typename }} }}"#
        ))
        .await;
    }
    home.settle().await;
}

async fn a_history(seed: u64) {
    let mut numbers = Numbers(seed);
    let home = Home::new();
    let api = Api::open(
        home.catalog(),
        Arc::new(Scheduler::start(home.surroundings(), Vec::new())),
    );
    let mut worlds: Vec<Tracked> = (0..3)
        .map(|at| Tracked::new(Repo::new(home.path().join(format!("repo-{at}")))))
        .collect();
    for (at, world) in worlds.iter_mut().enumerate() {
        world.put(&format!("first/{at}/catalog-info.yaml"), described(50 + at, 0));
        world.repo.commit();
    }
    let paths: Vec<String> = worlds
        .iter()
        .map(|world| world.repo.path.to_str().unwrap().to_owned())
        .collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let mut done = Vec::new();
    for step in 1..=30 {
        done.push(change(&mut worlds, step, &mut numbers));
        for world in &mut worlds {
            world.repo.commit();
        }
        if numbers.below(3) > 0 {
            home.run(&home.git(&paths)).await;
        }
        if numbers.below(4) == 0 {
            approve_all(&home, &api).await;
        }
    }
    // What is broken would be remembered by the one and unknown to the other.
    for world in &mut worlds {
        for file in std::mem::take(&mut world.broken) {
            world.put(&file, described(200 + file.len(), 1));
        }
        world.repo.commit();
    }
    home.run(&home.git(&paths)).await;
    approve_all(&home, &api).await;
    home.run(&home.git(&paths)).await;
    home.verify();

    let fresh = Home::new();
    fresh.run(&fresh.git(&paths)).await;
    let ((lived, lived_findings), (read, read_findings)) = (content(&home), content(&fresh));
    let said = format!("seed {seed}: {done:#?}");
    assert!(read.len() > 10, "there is something to compare: {said}");
    assert_eq!(lived.len(), read.len(), "{said}");
    for (one, other) in lived.iter().zip(&read) {
        assert_eq!(one, other, "lived through, left, and read afresh, right; {said}");
    }
    assert_eq!(lived_findings, read_findings, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn law_6_what_was_lived_through_equals_what_is_read_afresh() {
    for seed in [1, 2] {
        a_history(seed).await;
    }
}
