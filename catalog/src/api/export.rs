//! Exporting everything that a viewer may see.

use std::ops::ControlFlow;

use bailiwick_schema::Viewer;
use serde_json::Value;

use super::{Catalog, CatalogError};
use crate::graph::filter::Filter;

impl Catalog {
    /// Every entity that the viewer may see, by ref. `content_only` leaves out uid and position, so that two stores
    /// with the same content export the same bytes.
    pub fn export(
        &self,
        viewer: &Viewer,
        content_only: bool,
        visit: &mut dyn FnMut(Value) -> ControlFlow<()>,
    ) -> Result<(), CatalogError> {
        let snapshot = self.snapshot();
        let mut nodes = snapshot.matching(viewer, &Filter::everything());
        nodes.sort_by(|one, two| one.entity.cmp(&two.entity));
        for node in nodes {
            let mut value = self.entity_value(&node)?;
            if let Value::Object(root) = &mut value {
                root.insert("ref".to_owned(), Value::String(node.entity.to_string()));
                let relations = node.relations.iter().filter_map(|edge| {
                    let target = snapshot.name(edge.target)?;
                    Some(serde_json::json!({
                        "type": snapshot.relation_types().name(edge.relation),
                        "target": target.as_str(),
                    }))
                });
                root.insert("relations".to_owned(), relations.collect());
                let owners = node
                    .owners
                    .iter()
                    .filter_map(|no| snapshot.name(*no))
                    .map(|name| name.as_str().into());
                root.insert("owners".to_owned(), Value::Array(owners.collect()));
                if !content_only {
                    root.insert("uid".to_owned(), Value::String(node.uid.to_string()));
                    root.insert("position".to_owned(), node.position.0.into());
                }
            }
            if visit(value).is_break() {
                break;
            }
        }
        Ok(())
    }
}
