//! Refs, identifiers, addresses of repositories and schedules: short texts with a normal form.

use bailiwick_ingestors::fuzzing::{origin, remote as read_remote, repository};
use bailiwick_ingestors::scheduler::Schedule;
use bailiwick_schema::entity_ref::REF_BYTES_MAX;
use bailiwick_schema::identifier::{IDENTIFIER_BYTES_MAX, normalise_remote};
use bailiwick_schema::{EntityRef, Identifier, Timestamp};

use super::named;

/// A ref that was read has three parts, is within its limit, and is read again as itself.
pub fn entity_ref(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let read = EntityRef::parse(&text);
    assert_eq!(read, EntityRef::parse(&text), "the same text has the same verdict");
    let (defaults, text) = named(bytes);
    let text = String::from_utf8_lossy(text);
    let (kind, namespace) = defaults.split_once(' ').unwrap_or((defaults, "default"));
    let with_defaults = EntityRef::parse_with_defaults(&text, Some(kind), namespace);
    let parts: Vec<&str> = defaults.split(' ').collect();
    let of_parts = match parts[..] {
        [kind, namespace, name] => EntityRef::new(kind, namespace, name).ok(),
        _ => None,
    };
    for entity in read.into_iter().chain(with_defaults).chain(of_parts) {
        assert!(entity.as_str().len() <= REF_BYTES_MAX, "{entity:?} is too long");
        let parts = [entity.kind(), entity.namespace(), entity.name()];
        assert!(
            parts.iter().all(|part| !part.is_empty()),
            "{entity:?} has an empty part"
        );
        assert_eq!(
            format!("{}:{}/{}", parts[0], parts[1], parts[2]),
            entity.as_str(),
            "the parts are the whole"
        );
        assert_eq!(
            EntityRef::parse(entity.as_str()).as_ref(),
            Ok(&entity),
            "a ref is read again as itself"
        );
        let json = serde_json::to_string(&entity).expect("a ref is a string");
        let again: EntityRef = serde_json::from_str(&json).expect("a ref is read back from JSON");
        assert_eq!(again, entity, "JSON changes no ref");
    }
}

/// Normalising twice changes nothing, and the normal form is within the limit.
pub fn identifier(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let read = Identifier::parse(&text);
    assert_eq!(read, Identifier::parse(&text), "the same text has the same verdict");
    let known = ["repo", "email", "host", "image", "handle", "slack", "arn"];
    let built = known.iter().filter_map(|kind| Identifier::new(kind, &text).ok());
    for identifier in read.into_iter().chain(built) {
        let shown = identifier.as_str();
        assert!(shown.len() <= IDENTIFIER_BYTES_MAX, "{identifier:?} is too long");
        assert!(
            !identifier.kind().is_empty() && !identifier.value().is_empty(),
            "{identifier:?} has an empty part"
        );
        assert_eq!(
            Identifier::parse(shown).as_ref(),
            Ok(&identifier),
            "an identifier is read again as itself"
        );
    }
}

/// What a remote is fetched from has the same identity, which is in normal form and holds no password; and its
/// repository has a name that an entity can have.
pub fn remote(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let read = read_remote(&text);
    assert_eq!(read, read_remote(&text), "the same text has the same verdict");
    if let Some(read) = read {
        let again = read_remote(&read.url).map(|again| again.identity);
        assert_eq!(again.as_ref(), Some(&read.identity), "{} is the same remote", read.url);
        assert_eq!(
            origin(&read.url).as_ref(),
            Some(&read.identity),
            "as the origin of a clone"
        );
        let (host, path) = read.identity.split_once('/').expect("an identity has host and path");
        assert!(
            !host.is_empty() && !path.is_empty() && !host.contains('@'),
            "{}",
            read.identity
        );
        assert!(!host.starts_with('-'), "{host} would be an option of ssh");
    }
    if let Some(identity) = normalise_remote(&text) {
        assert_eq!(
            normalise_remote(&identity).as_ref(),
            Some(&identity),
            "a normal form is its own"
        );
        name_is_valid(&repository(&identity, true));
    }
    name_is_valid(&repository(&text, true));
    name_is_valid(&repository(&text, false));
}

/// Names and namespaces of entities: at most 63 letters, digits and single separators, with a letter or digit at both
/// ends.
fn name_is_valid(entity: &EntityRef) {
    for (part, separators) in [(entity.namespace(), "-"), (entity.name(), "-_.")] {
        let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        assert!(
            part.len() <= 63
                && part.starts_with(alphanumeric)
                && part.ends_with(alphanumeric)
                && part.chars().all(|c| alphanumeric(c) || separators.contains(c)),
            "{entity:?} is no name of an entity"
        );
    }
}

/// What comes due comes after the moment that was asked for, and moves on.
pub fn schedule(bytes: &[u8]) {
    let (zone, expression) = named(bytes);
    let expression = String::from_utf8_lossy(expression);
    let zone = if zone.is_empty() { "UTC" } else { zone };
    let Ok(schedule) = Schedule::parse(&expression, zone) else {
        return;
    };
    assert_eq!(schedule.expression(), expression.trim(), "it says what was written");
    let again = Schedule::parse(schedule.expression(), schedule.time_zone());
    let again = again.unwrap_or_else(|error| panic!("what was accepted is accepted again: {error}"));
    let mut at = Timestamp::from_secs(1_793_000_000);
    for _ in 0..3 {
        let next = schedule.next_after(at);
        assert_eq!(next, again.next_after(at), "equal schedules come due together");
        let Some(next) = next else { break };
        assert!(next > at, "{next:?} is not after {at:?}");
        at = next;
    }
    for at in [
        Timestamp::from_micros(i64::MIN),
        Timestamp::ZERO,
        Timestamp::from_micros(i64::MAX),
    ] {
        assert!(schedule.next_after(at).is_none_or(|next| next > at), "the ends of time");
    }
}
