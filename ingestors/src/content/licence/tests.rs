//! Key phrases of the known texts, and what must stay unknown.

use super::*;

fn spdx(content: &str) -> Option<String> {
    parse("LICENSE", content.as_bytes()).spdx
}

#[test]
fn known_texts_are_told_apart() {
    let redistribution = "Redistributions of source code must retain the above copyright notice. Redistributions in binary form must reproduce the above copyright notice.";
    let grant = "Permission is hereby granted, free of charge, to any person obtaining a copy of this software, to deal in the Software without restriction,";
    let table = [
        (format!("MIT License\n\nCopyright (c) 2024 A\n\n{grant} subject to: The above copyright notice and this permission notice shall be included in all copies or substantial portions"), "MIT"),
        (format!("{grant} without limitation."), "MIT-0"),
        ("                                 Apache License\n                           Version 2.0, January 2004\n ... 3. Grant of Patent License.".to_owned(), "Apache-2.0"),
        ("Apache License Version 2.0 Grant of Patent License ---- LLVM Exceptions to the Apache 2.0 License ----".to_owned(), "Apache-2.0 WITH LLVM-exception"),
        (format!("{redistribution} Neither the name of the holder may be used to endorse or promote products derived from this"), "BSD-3-Clause"),
        (redistribution.to_owned(), "BSD-2-Clause"),
        ("GNU GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007 ... under version 3 of the GNU Affero General Public License ... the GNU Lesser General Public License instead".to_owned(), "GPL-3.0"),
        ("GNU GENERAL PUBLIC LICENSE\nVersion 2, June 1991 ... GNU Lesser General Public License".to_owned(), "GPL-2.0"),
        ("GNU LESSER GENERAL PUBLIC LICENSE Version 3, 29 June 2007 ... version 3 of the GNU General Public License".to_owned(), "LGPL-3.0"),
        ("GNU LESSER GENERAL PUBLIC LICENSE Version 2.1, February 1999".to_owned(), "LGPL-2.1"),
        ("GNU AFFERO GENERAL PUBLIC LICENSE Version 3, 19 November 2007 ... GNU General Public License".to_owned(), "AGPL-3.0"),
        ("Mozilla Public License Version 2.0 ... GNU General Public License, Version 2.0".to_owned(), "MPL-2.0"),
        ("Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted, provided that the above copyright notice".to_owned(), "ISC"),
        ("Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted.".to_owned(), "0BSD"),
        ("This is free and unencumbered software released into the public domain.".to_owned(), "Unlicense"),
        ("Eclipse Public License - v 2.0 ... GNU General Public License".to_owned(), "EPL-2.0"),
        ("CC0 1.0 Universal".to_owned(), "CC0-1.0"),
        ("Boost Software License - Version 1.0".to_owned(), "BSL-1.0"),
        ("Business Source License 1.1 ... Change Date: 2028 ... Change License: Apache License, Version 2.0".to_owned(), "BUSL-1.1"),
    ];
    for (content, id) in table {
        assert_eq!(spdx(&content).as_deref(), Some(id), "{content}");
    }
}

#[test]
fn an_identifier_line_decides_and_nonsense_in_it_does_not() {
    assert_eq!(
        spdx("/* SPDX-License-Identifier: (MIT OR Apache-2.0) */").as_deref(),
        Some("(MIT OR Apache-2.0)")
    );
    assert_eq!(spdx("SPDX-License-Identifier: <script>"), None);
}

#[test]
fn unknown_texts_stay_unknown_with_their_path() {
    for content in ["", "All rights reserved.", "You may do as you like.", "\u{0}\u{ffff}"] {
        assert_eq!(
            parse("LICENSE", content.as_bytes()),
            Licence {
                path: "LICENSE".to_owned(),
                spdx: None
            }
        );
    }
}

#[test]
fn several_files_are_one_expression() {
    let licence = |path: &str, spdx: Option<&str>| Licence {
        path: path.to_owned(),
        spdx: spdx.map(str::to_owned),
    };
    let all = [
        licence("LICENSE-MIT", Some("MIT")),
        licence("COPYING", None),
        licence("LICENSE-APACHE", Some("Apache-2.0")),
        licence("LICENSE2", Some("MIT")),
    ];
    assert_eq!(combine(&all).as_deref(), Some("Apache-2.0 OR MIT"));
    assert_eq!(combine(&all[1..2]), None);
}
