//! From a document to what a source emits for it.

use bailiwick_schema::descriptor::{
    self, DescriptorEntity, DescriptorItem, InvalidDocument, Problem, entity_value, validate,
};
use bailiwick_schema::yaml::{self, Document};
use bailiwick_schema::{EntityRef, Finding, Severity};
use serde_json::Value;

use super::{EntityItem, Item, Judged, Judging, location, placeholder, skeleton};

/// Judges every document of a descriptor file. `path` is the file as the tree names it.
pub fn judge_text(cx: &Judging<'_>, path: &str, text: &[u8]) -> Judged {
    let mut all = Judged::default();
    for document in yaml::parse_documents(text, cx.limits) {
        let judged = judge(cx, path, document);
        all.items.extend(judged.items);
        all.reads.extend(judged.reads);
    }
    all
}

/// Judges one document: an entity with the findings of its placeholders, or what is wrong with it, or nothing for an
/// empty document.
pub fn judge(cx: &Judging<'_>, path: &str, document: Document) -> Judged {
    let file = cx.tree.shown(path);
    match descriptor::read_descriptor(document, cx.kinds) {
        DescriptorItem::Empty(_) => Judged::default(),
        DescriptorItem::TemplateSkeleton(_, problem) => {
            let items = vec![Item::Finding(finding_of(&problem, Severity::Info, &file, None))];
            Judged {
                items,
                reads: Vec::new(),
            }
        }
        DescriptorItem::Invalid(InvalidDocument {
            problems, entity_ref, ..
        }) => Judged {
            items: unreadable(&problems, &file, entity_ref.as_ref()),
            reads: Vec::new(),
        },
        DescriptorItem::Entity(entity) => judge_entity(cx, path, &file, *entity),
    }
}

/// A problem of a document as a finding.
pub fn finding_of(problem: &Problem, severity: Severity, file: &str, entity: Option<&EntityRef>) -> Finding {
    let place = |n: u32| (n > 0).then_some(n);
    let finding = Finding::new(problem.code, severity, problem.message.clone());
    let finding = finding.at(file, place(problem.line), place(problem.column));
    match entity {
        Some(entity) => finding.about(entity.clone()),
        None => finding,
    }
}

fn unreadable(problems: &[Problem], file: &str, entity: Option<&EntityRef>) -> Vec<Item> {
    problems
        .iter()
        .map(|problem| Item::Unreadable(finding_of(problem, Severity::Error, file, entity)))
        .collect()
}

fn judge_entity(cx: &Judging<'_>, path: &str, file: &str, mut entity: DescriptorEntity) -> Judged {
    let mut judged = Judged::default();
    if !entity.placeholders.is_empty() {
        let filled = placeholder::fill(cx, path, file, &mut entity);
        judged.reads = filled.reads;
        if !filled.unreadable.is_empty() {
            judged.items = filled.unreadable.into_iter().map(Item::Unreadable).collect();
            return judged;
        }
        if filled.changed {
            let problems = validate(&entity.root, cx.kinds);
            if !problems.is_empty() {
                judged.items = unreadable(&problems, file, Some(&entity.entity_ref));
                return judged;
            }
            entity.entity = entity_value(&entity.root);
        }
        judged.items.extend(filled.findings.into_iter().map(Item::Finding));
    }
    let kind = entity.entity_ref.kind();
    let targets = if kind == "location" {
        location::targets_of(&entity.root)
    } else {
        Vec::new()
    };
    let skeletons = if kind == "template" {
        skeleton::of_template(cx.tree, path, &entity.root)
    } else {
        Vec::new()
    };
    let Value::Object(fields) = entity.entity else {
        return judged;
    };
    let line = entity.lines.first;
    let item = EntityItem {
        entity_ref: entity.entity_ref,
        entity: fields,
        line,
        targets,
        skeletons,
    };
    judged.items.insert(0, Item::Entity(Box::new(item)));
    judged
}
