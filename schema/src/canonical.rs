//! Canonical JSON and the hash over it: equal content has equal bytes, whatever order its keys came in.
//!
//! Keys are sorted by their bytes, there is no white space, numbers print as `serde_json` prints them. The form does
//! not depend on whether a dependency switches on insertion-ordered maps.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The first 128 bits of a BLAKE3 hash: tells content apart, authenticates nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
pub struct ContentHash([u8; 16]);

impl ContentHash {
    /// Hashes bytes as they are.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_full(blake3::hash(bytes))
    }

    /// Hashes several parts; the length of each is part of the hash, so `ab + c` differs from `a + bc`.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self::from_full(hasher.finalize())
    }

    fn from_full(hash: blake3::Hash) -> Self {
        let mut short = [0; 16];
        short.copy_from_slice(&hash.as_bytes()[..16]);
        Self(short)
    }

    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The first eight bytes as a number, for sums over many hashes.
    pub fn low_u64(&self) -> u64 {
        let mut low = [0; 8];
        low.copy_from_slice(&self.0[..8]);
        u64::from_le_bytes(low)
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Writes a value in canonical form.
pub fn to_vec(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write(value, &mut out);
    out
}

/// Appends a value in canonical form.
pub fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(map) => write_map(map, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        scalar => write_scalar(scalar, out),
    }
}

/// Appends an object in canonical form.
pub fn write_map(map: &Map<String, Value>, out: &mut Vec<u8>) {
    let sorted = map.keys().is_sorted();
    let mut entries: Vec<(&String, &Value)> = Vec::new();
    if !sorted {
        // Only where `preserve_order` is on somewhere in the build.
        entries = map.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
    }
    out.push(b'{');
    let mut first = true;
    let mut entry = |(key, value): (&String, &Value)| {
        if !first {
            out.push(b',');
        }
        first = false;
        write_scalar(key, out);
        out.push(b':');
        write(value, out);
    };
    if sorted {
        map.iter().for_each(&mut entry)
    } else {
        entries.into_iter().for_each(&mut entry)
    }
    out.push(b'}');
}

fn write_scalar<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("a JSON scalar serialises into memory");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_content_has_equal_bytes() {
        let one: Value = serde_json::from_str(r#"{"b":[1,{"y":null,"x":"é"}],"a":1.5}"#).unwrap();
        let two: Value = serde_json::from_str(r#"{ "a": 1.5, "b": [1, {"x": "é", "y": null}] }"#).unwrap();
        assert_eq!(to_vec(&one), to_vec(&two));
        assert_eq!(
            String::from_utf8(to_vec(&one)).unwrap(),
            r#"{"a":1.5,"b":[1,{"x":"é","y":null}]}"#
        );
        assert_eq!(serde_json::from_slice::<Value>(&to_vec(&one)).unwrap(), one);
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(
            ContentHash::of_parts(&[b"ab", b"c"]),
            ContentHash::of_parts(&[b"a", b"bc"])
        );
        assert_ne!(
            ContentHash::of(&to_vec(&json!(1))),
            ContentHash::of(&to_vec(&json!("1")))
        );
    }
}
