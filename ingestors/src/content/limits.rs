//! The named limits of the content readers.
//!
//! Bounds inside of one reader that only its own format gives a meaning to (build stages of a Dockerfile, properties of
//! a Maven manifest) stand beside it; what can be read at all is bounded here.

use bailiwick_schema::Limit;

use super::{apidef, classify, codeowners, manifest, readme, tree, workflow};

const fn limit(name: &'static str, value: usize, unit: &'static str, effect: &'static str) -> Limit {
    Limit {
        name,
        value: value as u64,
        unit,
        effect,
    }
}

const UNREAD: &str = "the file is left out of the facts";
const CUT: &str = "the rest is cut";

/// The limits of the readers for the program's table.
#[rustfmt::skip]
pub const LIMITS: &[Limit] = &[
    limit("content_path_bytes_max", classify::PATH_BYTES_MAX, "bytes", UNREAD),
    limit("content_path_depth_max", classify::PATH_DEPTH_MAX, "levels", UNREAD),
    limit("manifest_depth_max", classify::MANIFEST_DEPTH_MAX, "levels", UNREAD),
    limit("api_definition_depth_max", classify::APIDEF_DEPTH_MAX, "levels", UNREAD),
    limit("manifest_bytes_max", manifest::MANIFEST_BYTES_MAX, "bytes", UNREAD),
    limit("api_definition_bytes_max", apidef::APIDEF_BYTES_MAX, "bytes", UNREAD),
    limit("workflow_bytes_max", workflow::WORKFLOW_BYTES_MAX, "bytes", UNREAD),
    limit("workflow_stages_depth_max", workflow::STAGES_DEPTH_MAX, "levels", "deeper stages are left out"),
    limit("content_tree_depth_max", tree::DEPTH_MAX, "levels", UNREAD),
    limit("content_tree_nodes_max", tree::NODES_MAX, "nodes", UNREAD),
    limit("content_tree_documents_max", tree::DOCUMENTS_MAX, "documents", "further documents are left out"),
    limit("content_name_chars_max", super::NAME_CHARS_MAX, "characters", CUT),
    limit("content_names_max", super::NAMES_MAX, "names", "further ones are counted only"),
    limit("content_description_chars_max", super::DESCRIPTION_CHARS_MAX, "characters", CUT),
    limit("content_problems_max", super::PROBLEMS_MAX, "problems", "one more says that the rest was left out"),
    limit("readme_title_chars_max", readme::TITLE_CHARS_MAX, "characters", CUT),
    limit("readme_paragraph_chars_max", readme::PARAGRAPH_CHARS_MAX, "characters", CUT),
    limit("codeowners_github_bytes_max", codeowners::GITHUB_BYTES_MAX, "bytes", "the file is not read, as on its host"),
    limit("codeowners_gitlab_bytes_max", codeowners::GITLAB_BYTES_MAX, "bytes", "the file is not read"),
    limit("codeowners_rules_max", codeowners::RULES_MAX, "rules", "further rules are left out"),
    limit("codeowners_owners_max", codeowners::OWNERS_PER_RULE_MAX, "owners", "further owners of the line are left out"),
    limit("codeowners_line_bytes_max", codeowners::LINE_BYTES_MAX, "bytes", "the line is left out"),
];
