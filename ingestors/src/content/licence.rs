//! The licence of a repository from its licence file: an SPDX identifier where the text is a common one.
//!
//! Recognition is by phrases that stand in one licence text and not in its neighbours, after case, white space and
//! punctuation are taken away. A text that is not known stays `None`, with its path: to guess would be worse.
//! Identifiers: SPDX licence list 3.25.

use serde::Serialize;

use super::text;

/// Bytes at the front that are looked at; the longest of the known texts has 36 KB.
pub const LICENCE_BYTES_READ: usize = 128 * 1024;

/// A licence file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Licence {
    /// Path in the repository.
    pub path: String,
    /// SPDX identifier or expression; `None` where the text is not known.
    pub spdx: Option<String>,
}

/// One text: its identifier, phrases that must all be there, phrases of which none may be.
struct Fingerprint {
    spdx: &'static str,
    all: &'static [&'static str],
    none: &'static [&'static str],
}

/// Most special first: a text that quotes another (AGPL names GPL) is found before it.
const FINGERPRINTS: &[Fingerprint] = &[
    Fingerprint {
        spdx: "BUSL-1.1",
        all: &["business source license 1 1", "change date"],
        none: &[],
    },
    Fingerprint {
        spdx: "AGPL-3.0",
        all: &["gnu affero general public license", "version 3"],
        none: &[],
    },
    Fingerprint {
        spdx: "LGPL-3.0",
        all: &["gnu lesser general public license", "version 3 29 june 2007"],
        none: &[],
    },
    Fingerprint {
        spdx: "LGPL-2.1",
        all: &["gnu lesser general public license", "version 2 1"],
        none: &["version 3 29 june 2007"],
    },
    Fingerprint {
        spdx: "GPL-3.0",
        all: &["gnu general public license", "version 3 29 june 2007"],
        none: &["gnu lesser general public license version 3"],
    },
    Fingerprint {
        spdx: "GPL-2.0",
        all: &["gnu general public license", "version 2 june 1991"],
        none: &["version 3 29 june 2007"],
    },
    Fingerprint {
        spdx: "Apache-2.0 WITH LLVM-exception",
        all: &[
            "apache license",
            "version 2 0",
            "llvm exceptions to the apache 2 0 license",
        ],
        none: &[],
    },
    Fingerprint {
        spdx: "Apache-2.0",
        all: &["apache license", "version 2 0", "grant of patent license"],
        none: &[],
    },
    Fingerprint {
        spdx: "Apache-2.0",
        all: &["licensed under the apache license version 2 0"],
        none: &["grant of patent license"],
    },
    Fingerprint {
        spdx: "MPL-2.0",
        all: &["mozilla public license", "version 2 0"],
        none: &[],
    },
    Fingerprint {
        spdx: "MPL-2.0",
        all: &["mozilla public license v 2 0"],
        none: &[],
    },
    Fingerprint {
        spdx: "EPL-2.0",
        all: &["eclipse public license v 2 0"],
        none: &[],
    },
    Fingerprint {
        spdx: "EPL-1.0",
        all: &["eclipse public license v 1 0"],
        none: &[],
    },
    Fingerprint {
        spdx: "BSL-1.0",
        all: &["boost software license version 1 0"],
        none: &[],
    },
    Fingerprint {
        spdx: "CC0-1.0",
        all: &["cc0 1 0 universal"],
        none: &[],
    },
    Fingerprint {
        spdx: "CC-BY-SA-4.0",
        all: &["attribution sharealike 4 0 international"],
        none: &["noncommercial sharealike 4 0"],
    },
    Fingerprint {
        spdx: "CC-BY-4.0",
        all: &["creative commons attribution 4 0 international"],
        none: &[],
    },
    Fingerprint {
        spdx: "Unlicense",
        all: &["this is free and unencumbered software released into the public domain"],
        none: &[],
    },
    Fingerprint {
        spdx: "Zlib",
        all: &[
            "provided as is without any express or implied warranty",
            "altered source versions must be plainly marked as such",
        ],
        none: &[],
    },
    Fingerprint {
        spdx: "BSD-3-Clause",
        all: &[
            "redistributions of source code must retain the",
            "redistributions in binary form must reproduce the",
            "to endorse or promote products derived from",
        ],
        none: &["all advertising materials mentioning features"],
    },
    Fingerprint {
        spdx: "BSD-2-Clause",
        all: &[
            "redistributions of source code must retain the",
            "redistributions in binary form must reproduce the",
        ],
        none: &[
            "to endorse or promote products derived from",
            "all advertising materials mentioning features",
        ],
    },
    Fingerprint {
        spdx: "0BSD",
        all: &[
            "permission to use copy modify and or distribute this software for any purpose with or without fee is hereby granted",
        ],
        none: &["provided that the above copyright notice"],
    },
    Fingerprint {
        spdx: "ISC",
        all: &[
            "permission to use copy modify and",
            "distribute this software for any purpose with or without fee is hereby granted",
            "provided that the above copyright notice",
        ],
        none: &[],
    },
    Fingerprint {
        spdx: "MIT-0",
        all: &[
            "permission is hereby granted free of charge to any person obtaining a copy of this software",
            "without restriction",
        ],
        none: &[
            "shall be included in all copies or substantial portions",
            "the above copyright notice and this permission notice",
        ],
    },
    Fingerprint {
        spdx: "MIT",
        all: &[
            "permission is hereby granted free of charge to any person obtaining a copy",
            "the above copyright notice and this permission notice",
            "shall be included in all copies or substantial portions",
        ],
        none: &["except as contained in this notice the name"],
    },
    Fingerprint {
        spdx: "BlueOak-1.0.0",
        all: &["blue oak model license version 1 0 0"],
        none: &["licensed under the blue oak model license as follows"],
    },
    Fingerprint {
        spdx: "WTFPL",
        all: &["do what the fuck you want to public license"],
        none: &[],
    },
];

/// Is this a licence file at the root? `LICENSE`, `LICENCE.md`, `COPYING`, `LICENSE-MIT`, `UNLICENSE`.
pub fn is_licence_path(path: &str) -> bool {
    let name = path.to_ascii_lowercase();
    if name.contains('/') {
        return false;
    }
    let stem = ["unlicense", "licenses", "license", "licence", "copying"]
        .iter()
        .find_map(|start| name.strip_prefix(start));
    let Some(rest) = stem else { return false };
    // Licences of what is shipped along say nothing of the repository itself.
    if rest.contains("third") || rest.contains("3rd") {
        return false;
    }
    let ends = [
        ".yml", ".yaml", ".json", ".js", ".ts", ".go", ".py", ".sh", ".rb", ".xml", ".toml", ".html",
    ];
    (rest.is_empty() || rest.starts_with(['.', '-', '_'])) && !ends.iter().any(|end| rest.ends_with(end))
}

/// Reads a licence file. Never fails.
pub fn parse(path: &str, bytes: &[u8]) -> Licence {
    let content = text::lossy(&bytes[..bytes.len().min(LICENCE_BYTES_READ)]);
    let spdx = declared(&content).or_else(|| {
        let words = normalise(&content);
        recognise(&words).map(str::to_owned)
    });
    Licence {
        path: path.to_owned(),
        spdx,
    }
}

/// One identifier for several licence files of a repository, joined by `OR` in path order; unknown ones are left out.
pub fn combine<'a>(licences: impl IntoIterator<Item = &'a Licence>) -> Option<String> {
    let mut known: Vec<(&str, &str)> = licences
        .into_iter()
        .filter_map(|licence| Some((licence.path.as_str(), licence.spdx.as_deref()?)))
        .collect();
    known.sort_unstable();
    let mut ids: Vec<&str> = Vec::new();
    for (_, id) in known {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    (!ids.is_empty()).then(|| ids.join(" OR "))
}

/// What a line `SPDX-License-Identifier: …` says.
fn declared(content: &str) -> Option<String> {
    const EXPRESSION_CHARS_MAX: usize = 120;
    let (_, rest) = content.split_once("SPDX-License-Identifier:")?;
    let line = rest
        .lines()
        .next()?
        .trim()
        .trim_end_matches("*/")
        .trim_end_matches("-->")
        .trim();
    let fits = !line.is_empty()
        && line.chars().count() <= EXPRESSION_CHARS_MAX
        && line
            .chars()
            .all(|char| char.is_ascii_alphanumeric() || " .-+():".contains(char));
    fits.then(|| line.to_owned())
}

/// The first fingerprint that fits the words at the place where the text introduces itself.
///
/// A text of GPL's family names its relatives far below its own title, so the title decides where there is one.
fn recognise(words: &str) -> Option<&'static str> {
    const TITLE_BYTES: usize = 700;
    let head = &words[..floor(words, TITLE_BYTES)];
    let titled = FINGERPRINTS.iter().find(|print| {
        let title = print.all[0];
        print.spdx.contains("GPL")
            && print.all.iter().all(|phrase| head.contains(phrase))
            && is_first_title(head, title)
    });
    if let Some(print) = titled {
        return Some(print.spdx);
    }
    FINGERPRINTS
        .iter()
        .filter(|print| !print.spdx.contains("GPL"))
        .find(|print| {
            print.all.iter().all(|phrase| words.contains(phrase))
                && !print.none.iter().any(|phrase| words.contains(phrase))
        })
        .map(|print| print.spdx)
}

/// Does `title` come before the titles of its relatives?
fn is_first_title(head: &str, title: &str) -> bool {
    const TITLES: [&str; 3] = [
        "gnu affero general public license",
        "gnu lesser general public license",
        "gnu general public license",
    ];
    let first = TITLES
        .iter()
        .filter_map(|other| head.find(other).map(|at| (at, *other)))
        .min();
    first.is_some_and(|(_, other)| other == title)
}

/// Lower-case words with single spaces; everything else is gone.
fn normalise(content: &str) -> String {
    let mut out = String::with_capacity(content.len());
    for char in content.chars() {
        if char.is_alphanumeric() {
            out.extend(char.to_lowercase());
        } else if !out.ends_with(' ') {
            out.push(' ');
        }
    }
    out
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests;
