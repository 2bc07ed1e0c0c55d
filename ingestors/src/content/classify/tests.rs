//! Paths to readers.

use super::*;

#[test]
fn every_reader_gets_its_paths() {
    use ContentKind::*;
    for (path, kind) in [
        (".github/CODEOWNERS", Some(Codeowners)),
        ("CODEOWNERS", Some(Codeowners)),
        ("docs/CODEOWNERS", Some(Codeowners)),
        (".gitlab/CODEOWNERS", Some(Codeowners)),
        ("src/CODEOWNERS", None),
        ("Cargo.toml", Some(Manifest)),
        ("services/pay/package.json", Some(Manifest)),
        ("a/b/c/d/e/f/g/h/package.json", None),
        ("node_modules/x/package.json", None),
        ("setup.py", Some(Manifest)),
        ("build.gradle.kts", Some(Manifest)),
        ("deploy/Dockerfile.prod", Some(Manifest)),
        ("api/openapi.yaml", Some(ApiDefinition)),
        ("openapi/pay.json", Some(ApiDefinition)),
        ("swagger-ui.yml", Some(ApiDefinition)),
        ("schema.graphql", Some(ApiDefinition)),
        ("proto/pay.proto", Some(ApiDefinition)),
        ("third_party/pay.proto", None),
        (".github/workflows/ci.yml", Some(Workflow)),
        (".gitlab-ci.yml", Some(Workflow)),
        ("Jenkinsfile", Some(Workflow)),
        ("LICENSE", Some(Licence)),
        ("LICENSE-MIT", Some(Licence)),
        ("licence.md", Some(Licence)),
        ("COPYING.LESSER", Some(Licence)),
        ("UNLICENSE", Some(Licence)),
        ("src/LICENSE", None),
        ("license.go", None),
        ("LICENSE-3RD-PARTY", None),
        ("README.md", Some(Readme)),
        ("readme", Some(Readme)),
        ("docs/README.rst", Some(Readme)),
        ("README.de.md", None),
        ("src/main.rs", None),
        ("a.yaml", None),
        ("catalog-info.yaml", None),
        ("", None),
        ("a//Cargo.toml", None),
        ("../Cargo.toml", None),
    ] {
        assert_eq!(classify(path.as_bytes()), kind, "{path}");
    }
}

#[test]
fn broken_and_endless_paths_belong_to_nobody() {
    assert_eq!(classify(b"\xff/Cargo.toml"), None);
    assert_eq!(
        classify(format!("{}Cargo.toml", "a/".repeat(PATH_DEPTH_MAX)).as_bytes()),
        None
    );
    assert_eq!(classify(&vec![b'a'; PATH_BYTES_MAX + 1]), None);
}
