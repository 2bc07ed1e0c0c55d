//! One workflow of each system.

use super::*;

fn read(path: &str, content: &str) -> Workflow {
    let (workflow, problems) = parse(path, content.as_bytes());
    assert_eq!(problems, vec![], "{path}");
    workflow.unwrap_or_else(|| panic!("{path} is a workflow"))
}

#[test]
fn github_triggers_stay_strings_in_all_three_forms() {
    for (on, triggers) in [
        ("push", vec!["push"]),
        ("[push, pull_request]", vec!["push", "pull_request"]),
        (
            "{push: {branches: [main]}, workflow_dispatch: }",
            vec!["push", "workflow_dispatch"],
        ),
    ] {
        let workflow = read(
            ".github/workflows/a.yml",
            &format!("on: {on}\njobs:\n  build: {{runs-on: x}}\n"),
        );
        assert_eq!(workflow.triggers.names, triggers, "{on}");
    }
    assert_eq!(
        read(".github/workflows/a.yml", "\"on\": push\njobs: {}\n")
            .triggers
            .names,
        ["push"]
    );
}

#[test]
fn github_jobs_name_what_they_use_and_where_they_deploy() {
    let workflow = read(
        ".github/workflows/deploy.yaml",
        "name: Deploy\non: push\njobs:\n  call:\n    uses: acme/ci/.github/workflows/x.yml@v1\n  go:\n    environment: {name: production, url: x}\n    steps:\n    - uses: actions/checkout@v4\n    - run: on\n    - uses: actions/checkout@v4\n  stage:\n    environment: staging\n    steps: []\n",
    );
    assert_eq!(workflow.name.as_deref(), Some("Deploy"));
    assert_eq!(workflow.jobs.names, ["call", "go", "stage"]);
    assert_eq!(
        workflow.uses.names,
        ["acme/ci/.github/workflows/x.yml@v1", "actions/checkout@v4"]
    );
    assert_eq!(workflow.environments.names, ["production", "staging"]);
}

#[test]
fn gitlab_jobs_are_the_keys_that_are_no_settings() {
    let workflow = read(
        ".gitlab-ci.yml",
        "spec:\n  inputs: {}\n---\ninclude:\n  - local: /a.yml\n  - project: acme/ci\n    file: b.yml\n  - component: x/y@1\nstages: [build]\nworkflow:\n  name: Pipe\n  rules:\n    - if: $CI_PIPELINE_SOURCE == \"merge_request_event\"\n.hidden: &hidden\n  tags: [a]\nbuild:\n  <<: *hidden\n  script: !reference [.hidden, script]\ndeploy:\n  environment:\n    name: prod\n",
    );
    assert_eq!(workflow.jobs.names, ["build", "deploy"]);
    assert_eq!(workflow.uses.names, ["/a.yml", "acme/ci:b.yml", "x/y@1"]);
    assert_eq!(
        (workflow.name.as_deref(), workflow.triggers.names),
        (Some("Pipe"), vec!["merge_request_event".to_owned()])
    );
    assert_eq!(workflow.environments.names, ["prod"]);
}

#[test]
fn the_other_systems_are_read_too() {
    let circle = read(
        ".circleci/config.yml",
        "version: 2.1\norbs: {node: circleci/node@5}\njobs: {build: {}}\nworkflows: {w: {triggers: [{schedule: {cron: x}}], jobs: [build]}}\n",
    );
    assert_eq!(
        (circle.jobs.names, circle.uses.names, circle.triggers.names),
        (
            vec!["build".to_owned()],
            vec!["circleci/node@5".to_owned()],
            vec!["schedule".to_owned()]
        )
    );
    let azure = read(
        "azure-pipelines.yml",
        "trigger: [main]\npr: none\nstages:\n- stage: s\n  jobs:\n  - ${{ if x }}:\n    - deployment: d\n      environment: prod\n      strategy: {runOnce: {deploy: {steps: [{task: Docker@2}]}}}\n",
    );
    assert_eq!(
        (azure.jobs.names, azure.uses.names, azure.environments.names),
        (
            vec!["d".to_owned()],
            vec!["Docker@2".to_owned()],
            vec!["prod".to_owned()]
        )
    );
    assert_eq!(azure.triggers.names, ["trigger"]);
    let travis = read(
        ".travis.yml",
        "language: go\njobs:\n  include:\n  - stage: test\n  - name: lint\n",
    );
    assert_eq!(travis.jobs.names, ["test", "lint"]);
    let buildkite = read(
        ".buildkite/pipeline.yml",
        "steps:\n- label: Test\n  plugins: [{docker#v1: {}}]\n- wait\n- group: G\n  steps: [{key: k}]\n",
    );
    assert_eq!(
        (buildkite.jobs.names, buildkite.uses.names),
        (
            vec!["Test".to_owned(), "G".to_owned(), "k".to_owned()],
            vec!["docker#v1".to_owned()]
        )
    );
    assert_eq!(read("ci/Jenkinsfile", "pipeline { \u{0} }").system, CiSystem::Jenkins);
}

#[test]
fn broken_workflows_are_problems_with_a_place() {
    let path = ".github/workflows/a.yml";
    let (workflow, problems) = parse(path, b"on: push\njobs:\n  a: [\n");
    assert_eq!((workflow, problems[0].code), (None, "invalid_yaml"));
    assert!(problems[0].line.is_some());
    assert_eq!(parse(path, b"- a\n").1[0].code, "workflow_not_a_map");
    assert_eq!(parse(path, b"").1[0].code, "workflow_empty");
    assert_eq!(parse(path, b"name: \xff\n").1[0].code, "not_utf8");
    assert_eq!(
        parse(path, &vec![b' '; WORKFLOW_BYTES_MAX + 1]).1[0].code,
        "content_too_large"
    );
    assert_eq!(parse("other.yml", b"on: push\n"), (None, vec![]));
}

#[test]
fn only_the_places_of_a_system_are_its_workflows() {
    for path in [
        ".github/workflows/sub/a.yml",
        "a/.github/workflows/b.yml",
        ".github/a.yml",
        "x/.gitlab-ci.yml",
        "Jenkins",
        ".github/workflows/README.md",
    ] {
        assert_eq!(system_of(path), None, "{path}");
    }
}
