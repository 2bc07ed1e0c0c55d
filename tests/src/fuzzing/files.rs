//! The files of the `files` source: cut into pieces, judged piece by piece.

use std::sync::{Arc, LazyLock};

use bailiwick_ingestors::descriptors::Item;
use bailiwick_ingestors::fuzzing::{FileJudge, FilePiece, pieces};
use bailiwick_schema::kind::KindSet;

use super::{named, yaml::last_line};

/// Documents may have so many bytes, so that small inputs have some that are too long.
const DOCUMENT_BYTES_MAX: usize = 512;

static JUDGE: LazyLock<FileJudge> =
    LazyLock::new(|| FileJudge::new(Arc::new(KindSet::builtin()), 10 * DOCUMENT_BYTES_MAX));

/// The first line is the file's name. However a file is cut, its pieces are the whole, say the lines they stand at, and
/// give the same items.
pub fn files(bytes: &[u8]) {
    let (name, text) = named(bytes);
    let Some(whole) = pieces(name, text, usize::MAX, usize::MAX) else {
        return;
    };
    assert!(whole.len() <= 1, "nothing is cut without need");
    let cut = pieces(name, text, usize::MAX, 1).expect("the format is the same");
    for list in [&whole, &cut] {
        let (mut joined, mut line): (Vec<u8>, u32) = (Vec::new(), 1);
        for piece in list {
            let FilePiece::Text(bytes, first_line) = piece else {
                panic!("nothing is too long");
            };
            assert_eq!(*first_line, line, "a piece says where it begins");
            line += newlines(bytes);
            joined.extend_from_slice(bytes);
        }
        assert_eq!(joined, text, "the pieces are the whole");
    }
    if text.len() <= DOCUMENT_BYTES_MAX * 4 {
        assert_eq!(items(name, &cut), items(name, &whole), "cutting changes nothing");
    }

    let limited = pieces(name, text, DOCUMENT_BYTES_MAX, 1).expect("the format is the same");
    let mut line = 0;
    for piece in &limited {
        let first = match piece {
            FilePiece::Text(bytes, first_line) => {
                assert!(!bytes.is_empty(), "a piece holds something");
                *first_line
            }
            FilePiece::TooLong(line) => *line,
        };
        assert!(line < first && first <= last_line(text), "line {first} follows {line}");
        line = first;
    }
    if text.len() <= DOCUMENT_BYTES_MAX {
        assert_eq!(limited, cut, "a short file holds no long document");
    }
}

fn newlines(bytes: &[u8]) -> u32 {
    let count = bytes.iter().filter(|byte| **byte == b'\n').count();
    u32::try_from(count).expect("an input has few lines")
}

fn items(name: &str, pieces: &[FilePiece]) -> Vec<Item> {
    let judged = pieces.iter().flat_map(|piece| match piece {
        FilePiece::Text(bytes, first_line) => JUDGE.judge(name, bytes, *first_line),
        FilePiece::TooLong(_) => Vec::new(),
    });
    judged.collect()
}
