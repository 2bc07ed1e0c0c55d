//! Folders that a Template fills in: what lies below them is no descriptor yet.

use bailiwick_schema::yaml::Node;
use bailiwick_schema::{Finding, Severity};

use super::{Tree, is_url};

/// What a template puts in begins with this.
const TEMPLATE_VALUE: &str = "${{";

/// The folders (or files) that the steps of a Template copy, as paths of the tree.
///
/// A folder that holds the template itself does not count: its other files are as likely to be descriptors.
pub(super) fn of_template(tree: &dyn Tree, path: &str, root: &Node) -> Vec<String> {
    let steps = root
        .get("spec")
        .and_then(|spec| spec.get("steps"))
        .and_then(Node::as_sequence)
        .unwrap_or_default();
    let mut folders: Vec<String> = Vec::new();
    for step in steps {
        let copies = step
            .get("action")
            .and_then(Node::as_str)
            .is_some_and(|action| action.starts_with("fetch:template") || action.starts_with("fetch:plain"));
        let url = step
            .get("input")
            .and_then(|input| input.get("url"))
            .and_then(Node::as_str);
        let Some(url) = url.filter(|url| copies && !is_url(url)) else {
            continue;
        };
        let literal = match url.find(TEMPLATE_VALUE) {
            // The folder above what is filled in.
            Some(at) => url[..at].rsplit_once('/').map_or("", |(folder, _)| folder),
            None => url,
        };
        let Some(folder) = tree.resolve(path, literal) else {
            continue;
        };
        if !below(path, &folder) && !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

/// Whether a file lies below (or is) one of these folders.
pub fn in_skeleton<'a>(path: &str, mut folders: impl Iterator<Item = &'a str>) -> bool {
    folders.any(|folder| below(path, folder))
}

fn below(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The finding for a file below a skeleton folder.
pub fn skeleton_finding(file: &str) -> Finding {
    let message =
        "the file lies in the skeleton of a template, which fills it in later; it is not read as a descriptor";
    Finding::new("template_skeleton", Severity::Info, message).at(file, None, None)
}
