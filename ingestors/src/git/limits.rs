//! The named limits of the git source.

use bailiwick_schema::Limit;

/// Largest descriptor, and largest file that a descriptor includes.
pub(crate) const DESCRIPTOR_BYTES_MAX: u64 = 10 * 1024 * 1024;

/// Largest other file that is read for facts.
pub(crate) const CONTENT_BYTES_MAX: u64 = 1024 * 1024;

/// Largest CODEOWNERS file; the hosts stop at 3 MB.
pub(crate) const CODEOWNERS_BYTES_MAX: u64 = 3 * 1024 * 1024;

/// Largest commit or tree object.
pub(crate) const TREE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Largest single allocation for a packed object, its delta bases included.
pub(crate) const OBJECT_ALLOCATION_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Object cache of one opened repository.
pub(crate) const OBJECT_CACHE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most entries of all trees of one commit.
pub(crate) const TREE_ENTRIES_MAX: usize = 1_000_000;

/// Longest path in a tree.
pub(crate) const PATH_BYTES_MAX: usize = 4_096;

/// Most links followed from one path.
pub(crate) const LINK_HOPS_MAX: usize = 8;

/// Most tags of one repository.
pub(crate) const TAGS_MAX: usize = 10_000;

/// Most commits of one history that are counted, unless the options say less.
pub(crate) const COMMITS_MAX: u64 = 1_000_000;

/// Weeks of history in buckets, unless the options say otherwise.
pub(crate) const WEEKS_DEFAULT: u32 = 52;

/// Most weeks of history in buckets.
pub(crate) const WEEKS_MAX: u32 = 520;

/// Most authors that are told apart within the weeks in buckets.
pub(crate) const AUTHORS_MAX: usize = 20_000;

/// Most committers named in the facts.
pub(crate) const TOP_COMMITTERS_MAX: usize = 10;

/// Most repositories of one source.
pub(crate) const REPOSITORIES_MAX: usize = 10_000;

/// Most folders looked at for one glob of repositories.
pub(crate) const GLOB_FOLDERS_MAX: usize = 100_000;

/// Most files of one sort (manifests, API definitions, workflows) that are read and named in the facts.
pub(crate) const CONTENT_FILES_MAX: usize = 200;

/// Most files that could matter for facts and are remembered.
pub(crate) const CONTENT_INDEX_MAX: usize = 50_000;

/// Most descriptor files of one repository.
pub(crate) const DESCRIPTORS_MAX: usize = 50_000;

/// Most packs of a mirror before it is cloned anew.
pub(crate) const MIRROR_PACKS_MAX: usize = 100;

/// Repositories read at the same time, unless the options say otherwise.
pub(crate) const CONCURRENCY_DEFAULT: usize = 2;

/// Most repositories read at the same time.
pub(crate) const CONCURRENCY_MAX: usize = 16;

const fn limit(name: &'static str, value: u64, unit: &'static str, effect: &'static str) -> Limit {
    Limit {
        name,
        value,
        unit,
        effect,
    }
}

/// The limits of this source for the program's table.
pub const LIMITS: &[Limit] = &[
    limit(
        "git_descriptor_bytes_max",
        DESCRIPTOR_BYTES_MAX,
        "bytes",
        "the file is the finding descriptor_too_large",
    ),
    limit(
        "git_content_bytes_max",
        CONTENT_BYTES_MAX,
        "bytes",
        "the file is left out of the facts",
    ),
    limit(
        "git_codeowners_bytes_max",
        CODEOWNERS_BYTES_MAX,
        "bytes",
        "the file is the finding codeowners_too_large",
    ),
    limit(
        "git_object_bytes_max",
        TREE_BYTES_MAX,
        "bytes",
        "the tree or commit counts as unreadable",
    ),
    limit(
        "git_allocation_bytes_max",
        OBJECT_ALLOCATION_BYTES_MAX,
        "bytes",
        "the object counts as damaged",
    ),
    limit(
        "git_object_cache_bytes_max",
        OBJECT_CACHE_BYTES_MAX as u64,
        "bytes",
        "older objects leave the cache",
    ),
    limit(
        "git_tree_entries_max",
        TREE_ENTRIES_MAX as u64,
        "entries",
        "the repository is the finding tree_too_large",
    ),
    limit(
        "git_path_bytes_max",
        PATH_BYTES_MAX as u64,
        "bytes",
        "the path is left out, finding path_invalid",
    ),
    limit(
        "git_link_hops_max",
        LINK_HOPS_MAX as u64,
        "links",
        "the link is the finding symlink_broken",
    ),
    limit(
        "git_tags_max",
        TAGS_MAX as u64,
        "tags",
        "further tags are not looked at",
    ),
    limit(
        "git_commits_max",
        COMMITS_MAX,
        "commits",
        "older commits are not counted; the facts say so",
    ),
    limit("git_weeks_max", WEEKS_MAX as u64, "weeks", "the option is refused"),
    limit(
        "git_authors_max",
        AUTHORS_MAX as u64,
        "authors",
        "further authors are counted as one",
    ),
    limit(
        "git_top_committers_max",
        TOP_COMMITTERS_MAX as u64,
        "people",
        "further ones are not named",
    ),
    limit(
        "git_repositories_max",
        REPOSITORIES_MAX as u64,
        "repositories",
        "the listing is not proved",
    ),
    limit(
        "git_glob_folders_max",
        GLOB_FOLDERS_MAX as u64,
        "folders",
        "the listing is not proved",
    ),
    limit(
        "git_content_files_max",
        CONTENT_FILES_MAX as u64,
        "files",
        "further files are counted only",
    ),
    limit(
        "git_content_index_max",
        CONTENT_INDEX_MAX as u64,
        "files",
        "further files are left out of the facts",
    ),
    limit(
        "git_descriptors_max",
        DESCRIPTORS_MAX as u64,
        "files",
        "the repository is not proved, finding descriptors_cut",
    ),
    limit(
        "git_mirror_packs_max",
        MIRROR_PACKS_MAX as u64,
        "packs",
        "the mirror is cloned anew",
    ),
    limit(
        "git_concurrency_max",
        CONCURRENCY_MAX as u64,
        "repositories",
        "the option is refused",
    ),
    limit(
        "git_outputs_max",
        super::output::OUTPUTS_MAX as u64,
        "items",
        "reading waits for the catalog",
    ),
    limit(
        "git_state_bytes_max",
        super::state::STATE_BYTES_MAX,
        "bytes",
        "the repository is read in full",
    ),
    limit(
        "git_languages_max",
        super::facts::LANGUAGES_MAX as u64,
        "languages",
        "further ones are not named",
    ),
    limit(
        "git_fact_names_max",
        super::facts::FACT_NAMES_MAX as u64,
        "names",
        "further ones are counted only",
    ),
    limit(
        "git_identity_bytes_max",
        super::history::IDENTITY_BYTES_MAX as u64,
        "bytes",
        "the rest of a name is cut",
    ),
    limit(
        "git_symbolic_hops_max",
        super::client::SYMBOLIC_HOPS_MAX as u64,
        "refs",
        "HEAD counts as missing",
    ),
    limit(
        "git_evidence_committers_max",
        super::map::EVIDENCE_COMMITTERS_MAX as u64,
        "people",
        "further ones are no evidence",
    ),
    limit(
        "git_paths_named_max",
        super::read::PATHS_NAMED_MAX as u64,
        "paths",
        "further ones are counted in the last finding",
    ),
    limit(
        "git_cached_trees_max",
        super::tree::CACHED_TREES_MAX as u64,
        "trees",
        "older ones are decoded again",
    ),
];
