//! CI workflow files: which system, what triggers them, their jobs, what they use, which environments they deploy to.
//!
//! Systems: GitHub Actions, GitLab CI, CircleCI, Azure Pipelines, Travis CI, Buildkite; a Jenkinsfile is a program and is
//! recognised only. Expressions are kept as written and not evaluated; included files are named and not read.

use serde::Serialize;
use serde_json::Value;

use super::{Names, Problem, Read, tree};

/// Largest workflow file read, in bytes.
pub const WORKFLOW_BYTES_MAX: usize = 1024 * 1024;
/// Deepest nesting of Azure stages and conditional inserts that is followed.
pub(super) const STAGES_DEPTH_MAX: usize = 16;

/// A CI system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CiSystem {
    /// `.github/workflows/*.yml`
    GithubActions,
    /// `.gitlab-ci.yml`
    GitlabCi,
    /// `.circleci/config.yml`
    CircleCi,
    /// `azure-pipelines.yml`
    AzurePipelines,
    /// `Jenkinsfile`
    Jenkins,
    /// `.travis.yml`
    Travis,
    /// `.buildkite/pipeline.yml`
    Buildkite,
}

/// One workflow file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Workflow {
    /// Path in the repository.
    pub path: String,
    /// The system that runs it.
    pub system: CiSystem,
    /// The name it gives itself.
    pub name: Option<String>,
    /// Events in the system's own words.
    pub triggers: Names,
    /// Keys of the jobs.
    pub jobs: Names,
    /// Actions, reusable workflows, orbs, tasks, plugins, includes, each once.
    pub uses: Names,
    /// Environments that jobs deploy to, each once.
    pub environments: Names,
}

/// The system that a repository path belongs to, `None` for other files.
pub fn system_of(path: &str) -> Option<CiSystem> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let yaml = name.ends_with(".yml") || name.ends_with(".yaml");
    match (folder, name) {
        (".github/workflows", _) if yaml => Some(CiSystem::GithubActions),
        ("", ".gitlab-ci.yml" | ".gitlab-ci.yaml") => Some(CiSystem::GitlabCi),
        (".circleci", "config.yml" | "config.yaml") => Some(CiSystem::CircleCi),
        ("", ".travis.yml" | ".travis.yaml") => Some(CiSystem::Travis),
        (".buildkite", name) if yaml && name.starts_with("pipeline") => Some(CiSystem::Buildkite),
        ("" | ".azure" | ".azure-pipelines" | ".azuredevops" | ".ci" | "ci" | "build", name)
            if yaml && name.starts_with("azure-pipeline") =>
        {
            Some(CiSystem::AzurePipelines)
        }
        (".azure-pipelines" | "azure-pipelines", _) if yaml => Some(CiSystem::AzurePipelines),
        (_, "Jenkinsfile") => Some(CiSystem::Jenkins),
        (_, name) if name.starts_with("Jenkinsfile.") => Some(CiSystem::Jenkins),
        _ => None,
    }
}

/// Reads the workflow at `path`.
///
/// `None` for a path of no system, and for YAML without the keys of its system (fragments in a pipelines folder).
/// Errors are problems: `invalid_yaml` with its place, `workflow_not_a_map`, `content_too_large`.
pub fn parse(path: &str, bytes: &[u8]) -> Read<Workflow> {
    let Some(system) = system_of(path) else {
        return (None, Vec::new());
    };
    let mut workflow = Workflow {
        path: path.to_owned(),
        system,
        name: None,
        triggers: Names::default(),
        jobs: Names::default(),
        uses: Names::default(),
        environments: Names::default(),
    };
    if system == CiSystem::Jenkins {
        return (Some(workflow), Vec::new());
    }
    let mut documents = match tree::yaml_documents(bytes, WORKFLOW_BYTES_MAX) {
        Ok(documents) => documents,
        Err(problem) => return (None, vec![problem]),
    };
    // GitLab: a header document `spec:` may stand before the pipeline.
    if system == CiSystem::GitlabCi && documents.len() > 1 && documents[0].get("spec").is_some() {
        documents.remove(0);
    }
    let Some(value) = documents.into_iter().next().filter(|value| !value.is_null()) else {
        return (None, vec![Problem::new("workflow_empty", "holds no document")]);
    };
    let is_list_of_steps = system == CiSystem::Buildkite && value.is_array();
    if !value.is_object() && !is_list_of_steps {
        return (
            None,
            vec![Problem::new("workflow_not_a_map", "the document is no map of keys").at(1, 1)],
        );
    }
    workflow.name = tree::scalar(&value, "name");
    let fits = match system {
        CiSystem::GithubActions => github(&value, &mut workflow),
        CiSystem::GitlabCi => gitlab(&value, &mut workflow),
        CiSystem::CircleCi => circle(&value, &mut workflow),
        CiSystem::AzurePipelines => azure(&value, &mut workflow),
        CiSystem::Travis => travis(&value, &mut workflow),
        CiSystem::Buildkite => buildkite(&value, &mut workflow),
        CiSystem::Jenkins => true,
    };
    (fits.then_some(workflow), Vec::new())
}

fn github(value: &Value, workflow: &mut Workflow) -> bool {
    keys_or_names(value.get("on"), &mut workflow.triggers);
    for (key, job) in tree::pairs(value, "jobs") {
        workflow.jobs.push(key);
        if let Some(reference) = tree::scalar(job, "uses") {
            workflow.uses.push_new(&reference);
        }
        for reference in tree::items(job, "steps")
            .iter()
            .filter_map(|step| tree::scalar(step, "uses"))
        {
            workflow.uses.push_new(&reference);
        }
        environment(job.get("environment"), &mut workflow.environments);
    }
    value.get("jobs").is_some() || value.get("on").is_some()
}

/// Top-level keys of GitLab CI that are no jobs.
const GITLAB_RESERVED: [&str; 12] = [
    "default",
    "include",
    "stages",
    "variables",
    "workflow",
    "image",
    "services",
    "cache",
    "before_script",
    "after_script",
    "spec",
    "types",
];

fn gitlab(value: &Value, workflow: &mut Workflow) -> bool {
    for (key, job) in value.as_object().into_iter().flatten() {
        if GITLAB_RESERVED.contains(&key.as_str()) || key.starts_with('.') || !job.is_object() {
            continue;
        }
        workflow.jobs.push(key);
        environment(job.get("environment"), &mut workflow.environments);
    }
    if let Some(head) = value.get("workflow") {
        workflow.name = tree::scalar(head, "name");
        for rule in tree::items(head, "rules")
            .iter()
            .filter_map(|rule| tree::scalar(rule, "if"))
        {
            pipeline_sources(&rule, &mut workflow.triggers);
        }
    }
    let include = value.get("include");
    let list = include
        .and_then(Value::as_array)
        .map_or_else(|| include.into_iter().collect::<Vec<_>>(), |list| list.iter().collect());
    for entry in list {
        let reference =
            tree::scalar_of(entry).or_else(|| match (tree::scalar(entry, "project"), tree::scalar(entry, "file")) {
                (Some(project), Some(file)) => Some(format!("{project}:{file}")),
                (Some(project), None) => Some(project),
                _ => ["component", "remote", "template", "local"]
                    .into_iter()
                    .find_map(|key| tree::scalar(entry, key)),
            });
        if let Some(reference) = reference {
            workflow.uses.push_new(&reference);
        }
    }
    true
}

/// The values that a rule compares `$CI_PIPELINE_SOURCE` with.
fn pipeline_sources(rule: &str, triggers: &mut Names) {
    for part in rule.split("$CI_PIPELINE_SOURCE").skip(1) {
        let quoted = part
            .trim_start()
            .strip_prefix("==")
            .map(str::trim_start)
            .and_then(|rest| rest.strip_prefix(['"', '\'']));
        if let Some((source, _)) = quoted.and_then(|rest| rest.split_once(['"', '\''])) {
            triggers.push_new(source);
        }
    }
}

fn circle(value: &Value, workflow: &mut Workflow) -> bool {
    for (key, _) in tree::pairs(value, "jobs") {
        workflow.jobs.push(key);
    }
    for (_, orb) in tree::pairs(value, "orbs") {
        if let Some(reference) = tree::scalar_of(orb) {
            workflow.uses.push_new(&reference);
        }
    }
    for (_, flow) in tree::pairs(value, "workflows") {
        for trigger in tree::items(flow, "triggers") {
            keys_or_names(Some(trigger), &mut workflow.triggers);
        }
    }
    value.get("jobs").is_some() || value.get("workflows").is_some() || value.get("version").is_some()
}

fn azure(value: &Value, workflow: &mut Workflow) -> bool {
    for key in ["trigger", "pr", "schedules"] {
        if value
            .get(key)
            .is_some_and(|setting| setting.as_str() != Some("none") && !setting.is_null())
        {
            workflow.triggers.push(key);
        }
    }
    azure_level(value, workflow, 0);
    ["stages", "jobs", "steps", "extends", "trigger", "pr", "resources"]
        .iter()
        .any(|key| value.get(*key).is_some())
}

/// Stages, jobs and steps; a `${{ if … }}` key holds another list of the same.
fn azure_level(value: &Value, workflow: &mut Workflow, depth: usize) {
    if depth > STAGES_DEPTH_MAX {
        return;
    }
    if let Some(list) = value.as_array() {
        for entry in list {
            azure_level(entry, workflow, depth + 1);
        }
        return;
    }
    for key in ["job", "deployment"] {
        if let Some(name) = tree::scalar(value, key) {
            workflow.jobs.push(&name);
            environment(value.get("environment"), &mut workflow.environments);
        }
    }
    for key in ["task", "template"] {
        if let Some(reference) = tree::scalar(value, key) {
            workflow.uses.push_new(&reference);
        }
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        if matches!(
            key.as_str(),
            "stages" | "jobs" | "steps" | "extends" | "strategy" | "runOnce" | "deploy"
        ) || key.starts_with("${{")
        {
            azure_level(inner, workflow, depth + 1);
        }
    }
}

fn travis(value: &Value, workflow: &mut Workflow) -> bool {
    for section in ["jobs", "matrix"].into_iter().filter_map(|key| value.get(key)) {
        for job in tree::items(section, "include") {
            if let Some(name) = tree::scalar(job, "name").or_else(|| tree::scalar(job, "stage")) {
                workflow.jobs.push(&name);
            }
        }
    }
    for import in tree::items(value, "import") {
        if let Some(reference) = tree::scalar_of(import).or_else(|| tree::scalar(import, "source")) {
            workflow.uses.push_new(&reference);
        }
    }
    true
}

fn buildkite(value: &Value, workflow: &mut Workflow) -> bool {
    let steps = value
        .as_array()
        .map_or_else(|| tree::items(value, "steps"), Vec::as_slice);
    for step in steps
        .iter()
        .flat_map(|step| std::iter::once(step).chain(tree::items(step, "steps")))
    {
        let label = ["key", "label", "name", "group"]
            .into_iter()
            .find_map(|key| tree::scalar(step, key));
        if let Some(label) = label {
            workflow.jobs.push(&label);
        }
        for plugin in tree::items(step, "plugins") {
            keys_or_names(Some(plugin), &mut workflow.uses);
        }
    }
    value.is_array() || value.get("steps").is_some()
}

/// A name, a list of names, or the keys of a map.
fn keys_or_names(value: Option<&Value>, names: &mut Names) {
    match value {
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(tree::scalar_of)
            .for_each(|name| names.push_new(&name)),
        Some(Value::Object(map)) => map.keys().for_each(|name| names.push_new(name)),
        Some(single) => tree::scalar_of(single)
            .into_iter()
            .for_each(|name| names.push_new(&name)),
        None => {}
    }
}

/// `environment: prod` or `environment: {name: prod}`.
fn environment(value: Option<&Value>, names: &mut Names) {
    let name = value.and_then(|value| tree::scalar_of(value).or_else(|| tree::scalar(value, "name")));
    if let Some(name) = name {
        names.push_new(&name);
    }
}

#[cfg(test)]
mod tests;
