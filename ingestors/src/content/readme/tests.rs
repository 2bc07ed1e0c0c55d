//! READMEs as they are written.

use super::*;

fn read(path: &str, content: &str) -> (Option<String>, Option<String>) {
    let readme = parse(path, content.as_bytes());
    (readme.title, readme.paragraph)
}

fn is(path: &str, content: &str, title: &str, paragraph: &str) {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    assert_eq!(read(path, content), (some(title), some(paragraph)), "{content}");
}

#[test]
fn markdown_titles_and_paragraphs() {
    is(
        "README.md",
        "# Pay\n\nPays *fast* and `safe_ly`, see [the docs](https://x/y_z).\nSecond line.\n\nNext.",
        "Pay",
        "Pays fast and safe_ly, see the docs. Second line.",
    );
    is("README.md", "Pay\n===\nPays.", "Pay", "Pays.");
    is(
        "readme.MD",
        "\u{feff}---\ntitle: x\n---\n<!-- a\n\nb -->\n## Pay ##\r\n\r\n[![ci](a)](b)\r\n![x](y)\r\n\r\nPays.\r\n",
        "Pay",
        "Pays.",
    );
    is(
        "README.md",
        "<p align=\"center\">\n<img src=\"a\"/>\n</p>\n\n<h1 align=\"center\">\n  <a href=\"x\">Pay</a>\n</h1>\n\n> A quote\n\n- a list\n\n```sh\ncode\n```\n\n    indented\n\nPays &amp; more, <https://pay>.",
        "Pay",
        "Pays & more, https://pay.",
    );
    is(
        "README.md",
        "# [![logo](a)](b) Pay\n\n[![ci](https://a)\n](https://b)\n[ci]: https://a\n\n**Pays** snake_case_names with `Vec<Vec<u8>>`\n# Next\nNo.",
        "Pay",
        "Pays snake_case_names with Vec<Vec<u8>>",
    );
    is("README.md", "Only words.", "", "Only words.");
    is("README.md", "# Title only", "Title only", "");
    is("README.md", "", "", "");
    is("README.md", "# A\n\nhttps://a.b\n\nWords.", "A", "Words.");
    is("README.md", "# A\n<!-- never closed\n\nWords.", "A", "");
}

#[test]
fn restructured_text_and_asciidoc_and_plain_text() {
    is(
        "README.rst",
        "===\nPay\n===\n\n.. image:: a\n   :target: b\n\n|badge|\n\nPays *fast*.\n\nNext\n----\n",
        "Pay",
        "Pays fast.",
    );
    is("README.rst", "Pay\n---\n\nPays.", "Pay", "Pays.");
    is(
        "README.adoc",
        "= Pay\n:toc:\n:icons: font\n\nimage::a.png[]\n\n// comment\nPays _fast_.\n\n== Next\n",
        "Pay",
        "Pays fast.",
    );
    is("README.txt", "Pay\n\nPays fast.\n\nNext.", "Pay", "Pays fast.");
    is("README", "Pays fast.\nAnd well.\n", "", "Pays fast. And well.");
}

#[test]
fn long_text_is_cut_at_a_word() {
    let (_, paragraph) = read("README.md", &"words and ".repeat(200));
    let paragraph = paragraph.expect("there are words");
    assert!(paragraph.chars().count() <= PARAGRAPH_CHARS_MAX);
    assert!(paragraph.ends_with("and…") || paragraph.ends_with("words…"));
}

#[test]
fn the_readme_that_github_shows_is_chosen() {
    assert_eq!(
        choose(["docs/README.md", "README.rst", "README.md", "src/README.md"]),
        Some("README.md")
    );
    assert_eq!(
        choose(["README.md", "docs/README.md", ".github/README.md"]),
        Some(".github/README.md")
    );
    assert_eq!(choose(["src/README.md"]), None);
}
