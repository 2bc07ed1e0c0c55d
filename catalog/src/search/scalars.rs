//! The scalars of a body by their paths, read as a stream: indexing looks at each once, and a tree of them would cost
//! more than all else that is done with them.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::limits::PATH_DEPTH_MAX;

/// The parts of a body that are walked, in order: when an entity has too many values, the last ones are left out.
const ROOTS: [&str; 5] = ["apiVersion", "identifiers", "kind", "metadata", "spec"];
/// Walked after the others, before which it stands in a body.
const LAST_ROOT: &str = "facts";

/// Calls back with every scalar below the roots, with its path: keys joined by dots, members of a list under the path
/// of the list. Deeper ones than [`PATH_DEPTH_MAX`] are left out.
///
/// Errors: the body is no JSON object; what came before the place was told.
pub(super) fn for_scalars(body: &[u8], visit: &mut dyn FnMut(&str, &str)) -> Result<(), serde_json::Error> {
    let mut has_last = false;
    walk(body, visit, &mut |key| {
        has_last |= key == LAST_ROOT;
        ROOTS.contains(&key)
    })?;
    if has_last {
        walk(body, visit, &mut |key| key == LAST_ROOT)?;
    }
    Ok(())
}

fn walk(
    body: &[u8],
    visit: &mut dyn FnMut(&str, &str),
    is_root: &mut dyn FnMut(&str) -> bool,
) -> Result<(), serde_json::Error> {
    let mut path = String::new();
    let roots = Roots {
        path: &mut path,
        visit,
        is_root,
    };
    serde_json::Deserializer::from_slice(body).deserialize_map(roots)
}

struct Roots<'a> {
    path: &'a mut String,
    visit: &'a mut dyn FnMut(&str, &str),
    is_root: &'a mut dyn FnMut(&str) -> bool,
}

impl<'de> Visitor<'de> for Roots<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a body")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.path.clear();
        while map.next_key_seed(Key(self.path))?.is_some() {
            if (self.is_root)(self.path) {
                map.next_value_seed(Walk {
                    path: self.path,
                    depth: PATH_DEPTH_MAX,
                    visit: self.visit,
                })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            self.path.clear();
        }
        Ok(())
    }
}

/// Appends a key to a path.
struct Key<'a>(&'a mut String);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<(), E> {
        self.0.push_str(key);
        Ok(())
    }
}

struct Walk<'a> {
    path: &'a mut String,
    depth: usize,
    visit: &'a mut dyn FnMut(&str, &str),
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.depth == 0 {
            return deserializer.deserialize_ignored_any(IgnoredAny).map(drop);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        (self.visit)(self.path, if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        (self.visit)(self.path, &value.to_string());
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        (self.visit)(self.path, &value.to_string());
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        if let Some(number) = Number::from_f64(value) {
            (self.visit)(self.path, &number.to_string());
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        (self.visit)(self.path, value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        loop {
            let item = Walk {
                path: self.path,
                depth: self.depth - 1,
                visit: self.visit,
            };
            if items.next_element_seed(item)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let length = self.path.len();
        self.path.push('.');
        while members.next_key_seed(Key(self.path))?.is_some() {
            members.next_value_seed(Walk {
                path: self.path,
                depth: self.depth - 1,
                visit: self.visit,
            })?;
            self.path.truncate(length + 1);
        }
        self.path.truncate(length);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_come_with_their_paths_and_facts_come_last() {
        let body = br#"{"apiVersion":"v1","facts":{"git":{"stars":7}},"identifiers":["a:b"],"kind":"X",
            "metadata":{"labels":{"a.b/c":"d\n"},"tags":["x",["y"]],"none":null},
            "other":{"left":"out"},"spec":{"on":true,"f":1.5,"n":-3,"deep":{"er":{}}}}"#;
        let mut found = Vec::new();
        for_scalars(body, &mut |path, value| found.push(format!("{path}={value}"))).unwrap();
        let expected = [
            "apiVersion=v1",
            "identifiers=a:b",
            "kind=X",
            "metadata.labels.a.b/c=d\n",
            "metadata.tags=x",
            "metadata.tags=y",
            "spec.on=true",
            "spec.f=1.5",
            "spec.n=-3",
            "facts.git.stars=7",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_lies_too_deep_is_left_out_and_no_body_is_an_error() {
        let deep = |levels: usize| format!("{{\"spec\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
        let count = |body: &str| {
            let mut count = 0;
            for_scalars(body.as_bytes(), &mut |_, _| count += 1).map(|()| count)
        };
        assert_eq!(count(&deep(PATH_DEPTH_MAX - 1)).unwrap(), 1);
        assert_eq!(count(&deep(PATH_DEPTH_MAX)).unwrap(), 0);
        for body in ["", "[]", "7", "{\"spec\":", "{\"spec\":{\"a\":}}"] {
            assert!(count(body).is_err(), "{body}");
        }
    }
}
