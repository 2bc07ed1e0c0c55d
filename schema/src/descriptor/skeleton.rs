//! Tells the skeletons of templates from descriptors.

use super::Problem;
use crate::yaml::Node;

/// What a template fills in begins with this.
const TEMPLATE_VALUE: &str = "${{";

/// The first field that makes up an entity's identity and holds a value that a template fills in.
pub(super) fn find(root: &Node) -> Option<Problem> {
    let metadata = root.get("metadata");
    let fields = [
        ("kind", root.get("kind")),
        ("apiVersion", root.get("apiVersion")),
        ("metadata.name", metadata.and_then(|metadata| metadata.get("name"))),
        (
            "metadata.namespace",
            metadata.and_then(|metadata| metadata.get("namespace")),
        ),
    ];
    let (path, node) = fields
        .into_iter()
        .filter_map(|(path, node)| Some((path, node?)))
        .find(|(_, node)| node.as_str().is_some_and(|text| text.contains(TEMPLATE_VALUE)))?;
    let message = format!("`{path}` is filled in by a template; the document belongs to a skeleton and is no entity");
    Some(Problem::at(
        "template_skeleton",
        message,
        node.position,
        path.to_owned(),
    ))
}
