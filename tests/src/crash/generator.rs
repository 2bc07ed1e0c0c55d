//! Sets of entities over the same names, so unlike each other that going from one to the next is work for many commits.
//!
//! From one round to the next every entity differs: text, tags, owner, relations, type. Some are missing, some lie in
//! another file. Everything follows from seed, size and round. Each entity says of which round it is, so that a store
//! that was killed can be judged: what it holds is whole, as some round has it.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::random::Random;

/// Entities of a file.
const PER_FILE: usize = 250;
/// One of so many entities is missing, each round others.
const MISSING_EVERY: u64 = 20;
/// The annotation that names the round.
const ROUND: &str = "crash.test/round";
/// One of so many components has a long definition beside it, as an API.
const API_EVERY: usize = 10;
/// Entities for each team and each system.
const PER_TEAM: usize = 25;
/// Length of a definition, in bytes.
const DEFINITION_BYTES: usize = 9_000;
/// Words of a description, at most.
const WORDS_MAX: usize = 40;

const WORDS: &[&str] = &[
    "ledger", "payment", "invoice", "harbour", "freight", "customs", "berth", "crane", "tariff", "pilot", "dredge",
    "quay", "manifest", "beacon", "signal", "tide", "ferry", "cargo", "pallet", "weigh", "clear", "settle", "refund",
    "audit", "report", "stream", "batch", "queue", "cache", "store", "index", "search", "route", "gate", "shift",
];

/// Makes the sets.
#[derive(Debug, Clone, Copy)]
pub struct Generator {
    pub seed: u64,
    /// About how many entities a set has.
    pub entities: usize,
}

impl Generator {
    /// Writes the set of a round as NDJSON files into a folder that is made anew.
    pub fn write(&self, round: u64, folder: &Path) -> io::Result<()> {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::create_dir_all(folder)?;
        let files = self.entities.div_ceil(PER_FILE).max(1);
        let mut texts = vec![String::new(); files];
        for number in self.numbers(round) {
            // Every third entity wanders from file to file.
            let moved = if number % 3 == 0 { round } else { 0 };
            let file = (number as u64 / PER_FILE as u64 + moved) % files as u64;
            let text = &mut texts[usize::try_from(file).expect("below a usize")];
            for entity in self.entity(round, number) {
                writeln!(text, "{entity}").expect("a string takes everything");
            }
        }
        for (number, text) in texts.iter().enumerate() {
            std::fs::write(folder.join(format!("{number:05}.ndjson")), text)?;
        }
        Ok(())
    }

    /// Judges what `export --content` printed, after rounds up to `round` were begun: every entity must be just as the
    /// round that it names has it. Gives how much of the set of `round` is not there yet, older entities that have to
    /// go counted too. Errors: the first entity that is otherwise.
    pub fn judge(&self, content: &str, round: u64) -> Result<usize, String> {
        let wanted = self
            .numbers(round)
            .map(|number| self.entity(round, number).len())
            .sum::<usize>();
        let (mut there, mut old) = (0, 0);
        for line in content.lines() {
            let held: Value = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
            let named = held["metadata"]["annotations"][ROUND].as_str();
            let of = named.and_then(|text| text.parse().ok()).filter(|of| *of <= round);
            let digits = held["metadata"]["name"]
                .as_str()
                .and_then(|name| name.rsplit('-').next());
            let (Some(of), Some(number)) = (of, digits.and_then(|digits| digits.parse::<usize>().ok())) else {
                return Err(format!("it is of no round: {line}"));
            };
            let number = if held["kind"] == "Group" {
                number * PER_TEAM
            } else {
                number
            };
            let said = self.entity(of, number);
            let same = |said: &Value| {
                said["kind"] == held["kind"]
                    && said["spec"] == held["spec"]
                    && said["metadata"]["name"] == held["metadata"]["name"]
                    && said["metadata"]["description"] == held["metadata"]["description"]
                    && said["metadata"]["tags"] == held["metadata"]["tags"]
            };
            if !said.iter().any(same) || self.is_missing(of, number) {
                return Err(format!("it is not as round {of} has it: {line}"));
            }
            if of == round {
                there += 1;
            } else {
                old += 1;
            }
        }
        Ok((wanted - there) + old)
    }

    fn is_missing(&self, round: u64, number: usize) -> bool {
        (number as u64 + round * 7) % MISSING_EVERY == 3
    }

    fn numbers(&self, round: u64) -> impl Iterator<Item = usize> {
        (0..self.entities).filter(move |number| !self.is_missing(round, *number))
    }

    /// The entity of a number, and the API of some.
    fn entity(&self, round: u64, number: usize) -> Vec<Value> {
        let mut random = Random::new(Random::new(self.seed ^ (number as u64) << 20 ^ round).number());
        let text = sentence(&mut random);
        let owner = format!("group:default/team-{}", random.index(self.teams()));
        let name = |kind: &str, number: usize| format!("{kind}-{number}");
        let annotations = json!({ ROUND: round.to_string() });
        match number % PER_TEAM {
            0 => vec![json!({
                "apiVersion": "backstage.io/v1alpha1",
                "kind": "Group",
                "metadata": { "name": name("team", number / PER_TEAM), "description": text, "annotations": annotations },
                "spec": { "type": "team", "children": [] },
            })],
            1 => vec![json!({
                "apiVersion": "backstage.io/v1alpha1",
                "kind": "System",
                "metadata": { "name": name("system", number), "description": text, "annotations": annotations },
                "spec": { "owner": owner },
            })],
            _ => self.component(number, &mut random, &text, &owner, &annotations),
        }
    }

    fn component(
        &self,
        number: usize,
        random: &mut Random,
        text: &str,
        owner: &str,
        annotations: &Value,
    ) -> Vec<Value> {
        let other = random.index(self.entities.max(1));
        let system = random.index(self.teams()) * PER_TEAM + 1;
        let mut tags: Vec<&str> = (0..random.index(5)).map(|_| WORDS[random.index(WORDS.len())]).collect();
        tags.sort_unstable();
        tags.dedup();
        let mut spec = json!({
            "type": if random.below(3) == 0 { "website" } else { "service" },
            "lifecycle": if random.below(2) == 0 { "production" } else { "experimental" },
            "owner": owner,
            "system": format!("system-{system}"),
            "dependsOn": [format!("component:default/component-{other}")],
        });
        let mut entities = Vec::new();
        if number % API_EVERY == 3 {
            let api = format!("api-{number}");
            spec["providesApis"] = json!([api]);
            let mut definition = String::new();
            while definition.len() < DEFINITION_BYTES {
                definition.push_str(&sentence(random));
                definition.push('\n');
            }
            entities.push(json!({
                "apiVersion": "backstage.io/v1alpha1",
                "kind": "API",
                "metadata": { "name": api, "annotations": annotations },
                "spec": { "type": "openapi", "lifecycle": "production", "owner": owner, "definition": definition },
            }));
        }
        let mut metadata =
            json!({ "name": format!("component-{number}"), "description": text, "annotations": annotations });
        if !tags.is_empty() {
            metadata["tags"] = json!(tags);
        }
        entities.push(json!({
            "apiVersion": "backstage.io/v1alpha1",
            "kind": "Component",
            "metadata": metadata,
            "spec": spec,
        }));
        entities
    }

    fn teams(&self) -> usize {
        self.entities.div_ceil(PER_TEAM).max(1)
    }
}

fn sentence(random: &mut Random) -> String {
    let count = 3 + random.index(WORDS_MAX - 2);
    let words: Vec<&str> = (0..count).map(|_| WORDS[random.index(WORDS.len())]).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(generator: &Generator, round: u64) -> String {
        let entities = generator
            .numbers(round)
            .flat_map(|number| generator.entity(round, number));
        entities.map(|entity| format!("{entity}\n")).collect()
    }

    #[test]
    fn a_round_is_the_same_each_time_and_nothing_in_it_is_as_in_the_next() {
        let generator = Generator { seed: 3, entities: 500 };
        let (one, next) = (content(&generator, 1), content(&generator, 2));
        assert_eq!(one, content(&generator, 1));
        assert!(one.lines().all(|line| !next.contains(line)));
    }

    #[test]
    fn what_is_of_no_round_is_found_out() {
        let generator = Generator { seed: 3, entities: 200 };
        let (one, next) = (content(&generator, 1), content(&generator, 2));
        assert_eq!(generator.judge(&next, 2), Ok(0));
        assert_eq!(generator.judge("", 2), Ok(next.lines().count()));
        assert_eq!(generator.judge(&one, 2), Ok(one.lines().count() + next.lines().count()));
        assert!(generator.judge(&next, 1).is_err(), "it has not begun");
        assert!(generator.judge(&one.replace("\"service\"", "\"library\""), 2).is_err());
    }
}
