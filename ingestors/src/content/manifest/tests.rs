//! One table for each ecosystem, and bad input.

use super::*;

fn read(path: &str, content: &str) -> Manifest {
    let (manifest, problems) = parse(path, content.as_bytes());
    assert_eq!(problems, vec![], "{path}");
    manifest.unwrap_or_else(|| panic!("{path} is a manifest"))
}

fn fields(manifest: &Manifest) -> (Option<&str>, Option<&str>, Option<&str>, Option<&str>) {
    (
        manifest.name.as_deref(),
        manifest.version.as_deref(),
        manifest.description.as_deref(),
        manifest.licence.as_deref(),
    )
}

fn names(manifest: &Manifest) -> Vec<&str> {
    manifest.dependencies.names.iter().map(String::as_str).collect()
}

#[test]
fn a_cargo_member_inherits_from_its_workspace() {
    let root = read(
        "Cargo.toml",
        "[workspace]\nmembers = [\"a\"]\n[workspace.package]\nversion = \"1.2.3\"\nlicense = \"MIT\"\n[workspace.dependencies]\nserde = \"1\"\n",
    );
    assert!(root.workspace);
    assert_eq!(root.name, None);
    let mut member = read(
        "a/Cargo.toml",
        "[package]\nname = \"a\"\nversion.workspace = true\nlicense = { workspace = true }\npublish = false\n[dependencies]\nserde.workspace = true\nnew = { package = \"old\", version = \"1\" }\n[dev-dependencies]\ninsta = \"1\"\n[target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"\n",
    );
    assert_eq!(member.inherited, ["version", "licence"]);
    assert_eq!(names(&member), ["old", "serde", "libc"]);
    assert_eq!(member.private, Some(true));
    member.inherit(&root.workspace_fields.expect("the root has fields for its members"));
    assert_eq!(fields(&member), (Some("a"), Some("1.2.3"), None, Some("MIT")));
}

#[test]
fn a_cargo_root_that_is_a_package_inherits_from_itself() {
    let manifest = read(
        "Cargo.toml",
        "[package]\nname='r'\nversion.workspace=true\n[workspace.package]\nversion='2.0.0'",
    );
    assert_eq!(fields(&manifest), (Some("r"), Some("2.0.0"), None, None));
}

#[test]
fn package_json_in_new_and_old_forms() {
    let manifest = read(
        "web/package.json",
        "\u{feff}{\"name\": \"@acme/web\", \"version\": \"1.0.0\", \"private\": true, \"description\": \" The\\n shop \", \"license\": \"MIT\", \"dependencies\": {\"react\": \"18\"}, \"peerDependencies\": {\"react\": \"18\", \"dom\": \"1\"}, \"devDependencies\": {\"jest\": \"1\"}, \"workspaces\": [\"a\"]}",
    );
    assert_eq!(
        fields(&manifest),
        (Some("@acme/web"), Some("1.0.0"), Some("The shop"), Some("MIT"))
    );
    assert_eq!(names(&manifest), ["react", "dom"]);
    assert!(manifest.workspace);
    assert_eq!(
        read("package.json", "{\"name\": \"a\", \"licenses\": [{\"type\": \"BSD\"}]}")
            .licence
            .as_deref(),
        Some("BSD")
    );
    assert_eq!(parse("dist/package.json", b"{\"type\": \"module\"}"), (None, vec![]));
    assert_eq!(parse("package.json", b"[]").1[0].code, "manifest_incomplete");
    let broken = parse("package.json", b"{\n \"a\": }").1;
    assert_eq!((broken[0].code, broken[0].line), ("invalid_json", Some(2)));
}

#[test]
fn go_mod_leaves_out_indirect_requirements() {
    let manifest = read(
        "go.mod",
        "// a comment\nmodule github.com/acme/pay/v2 // why\r\n\ngo 1.22\nrequire github.com/x/one v1.0.0\nrequire (\n\tgithub.com/x/two v1.0.0\n\tgithub.com/x/three v1.0.0 // indirect\n)\nreplace github.com/x/two => ../two\n",
    );
    assert_eq!(manifest.name.as_deref(), Some("github.com/acme/pay/v2"));
    assert_eq!(names(&manifest), ["github.com/x/one", "github.com/x/two"]);
    assert_eq!(parse("go.mod", b"go 1.2\n").1[0].code, "manifest_incomplete");
}

#[test]
fn python_in_its_four_forms() {
    let project = read(
        "pyproject.toml",
        "[project]\nname = \"pay\"\ndynamic = [\"version\"]\ndescription = \"Pays\"\nlicense = {text = \"MIT\"}\ndependencies = [\"requests>=2\", \"rich[x] ; python_version > '3'\"]\n",
    );
    assert_eq!(fields(&project), (Some("pay"), None, Some("Pays"), Some("MIT")));
    assert_eq!(names(&project), ["requests", "rich"]);
    let poetry = read(
        "pyproject.toml",
        "[tool.poetry]\nname='p'\nversion='1'\nlicense='MIT'\n[tool.poetry.dependencies]\npython='^3'\nhttpx='1'\n",
    );
    assert_eq!(
        (fields(&poetry), names(&poetry)),
        ((Some("p"), Some("1"), None, Some("MIT")), vec!["httpx"])
    );
    assert_eq!(
        parse("pyproject.toml", b"[tool.black]\nline-length = 88\n"),
        (None, vec![])
    );
    let cfg = read(
        "setup.cfg",
        "[metadata]\nname = a\nversion = attr: a.__version__\nlicense: MIT\n# no\n[options]\ninstall_requires =\n    requests\n    rich>=1\nzip_safe = no\n[flake8]\nname = x\n",
    );
    assert_eq!(
        (fields(&cfg), names(&cfg)),
        ((Some("a"), None, None, Some("MIT")), vec!["requests", "rich"])
    );
    let setup = read(
        "setup.py",
        "from setuptools import setup\nname = 'no'\nsetup(\n    name=\"pay\",\n    version='1.0',\n    description=readme(),\n    license = 'MIT',\n)\n",
    );
    assert_eq!(fields(&setup), (Some("pay"), Some("1.0"), None, Some("MIT")));
    let requirements = read(
        "requirements.txt",
        "# c\nflask==1.0\n-r other.txt\n--hash=x\nuvicorn[standard]\nhttps://x/y.whl\n./local\ndjango ~= 4 # why\n",
    );
    assert_eq!(names(&requirements), ["flask", "uvicorn", "django"]);
}

#[test]
fn a_pom_inherits_group_and_version_and_fills_its_properties() {
    let manifest = read(
        "pom.xml",
        "<?xml version=\"1.0\"?><!-- c --><project xmlns=\"http://maven.apache.org/POM/4.0.0\"><parent><groupId>org.acme</groupId><artifactId>parent</artifactId><version>${revision}</version></parent>
<artifactId>pay</artifactId><description><![CDATA[Pays & more]]></description>
<licenses><license><name>Apache &amp; Co</name></license></licenses><properties><revision>1.2</revision></properties>
<dependencyManagement><dependencies><dependency><groupId>x</groupId><artifactId>managed</artifactId></dependency></dependencies></dependencyManagement>
<dependencies><dependency><groupId>${project.groupId}</groupId><artifactId>core</artifactId></dependency><dependency><groupId>junit</groupId><artifactId>junit</artifactId><scope>test</scope></dependency></dependencies>
<build><plugins><plugin><artifactId>no</artifactId><version>9</version></plugin></plugins></build></project>",
    );
    assert_eq!(
        fields(&manifest),
        (
            Some("org.acme:pay"),
            Some("1.2"),
            Some("Pays & more"),
            Some("Apache & Co")
        )
    );
    assert_eq!(names(&manifest), ["org.acme:core"]);
    let broken = parse("pom.xml", b"<project>\n<artifactId>a</b>\n</project>").1;
    assert_eq!((broken[0].code, broken[0].line), ("invalid_xml", Some(2)));
    assert_eq!(
        parse("pom.xml", b"<project><artifactId>a</artifactId>").1[0].code,
        "invalid_xml"
    );
    assert_eq!(parse("pom.xml", b"<other/>").1[0].code, "manifest_incomplete");
}

#[test]
fn gradle_files_are_searched_for_literals() {
    let build = read(
        "build.gradle.kts",
        "plugins { id(\"x\") version \"9\" }\ngroup = \"org.acme\"\nversion = \"1.0\"\ndescription = \"Pays\"\ndependencies {\n    implementation(\"a:b:1\")\n    api(platform(\"c:d:2\"))\n    testImplementation(\"e:f:3\")\n}\n",
    );
    assert_eq!(fields(&build), (None, Some("1.0"), Some("Pays"), None));
    assert_eq!(names(&build), ["a:b", "c:d"]);
    let groovy = read(
        "build.gradle",
        "version '2.0'\ndependencies {\n  implementation 'a:b:1'\n}\n",
    );
    assert_eq!((groovy.version.as_deref(), names(&groovy)), (Some("2.0"), vec!["a:b"]));
    let settings = read("settings.gradle", "rootProject.name = 'pay'\ninclude 'core', 'web'\n");
    assert_eq!((settings.name.as_deref(), settings.workspace), (Some("pay"), true));
}

#[test]
fn a_chart_has_a_version_of_its_own_and_one_of_its_application() {
    let chart = read(
        "deploy/Chart.yaml",
        "apiVersion: v2\nname: pay\nversion: 0.1.0\nappVersion: 1.10\ndependencies:\n- name: postgresql\n",
    );
    assert_eq!(
        (fields(&chart), chart.app_version.as_deref()),
        ((Some("pay"), Some("0.1.0"), None, None), Some("1.1"))
    );
    assert_eq!(names(&chart), ["postgresql"]);
    assert_eq!(parse("Chart.yaml", b"a: [").1[0].code, "invalid_yaml");
}

#[test]
fn a_dockerfile_gives_its_base_through_its_stages() {
    let manifest = read(
        "Dockerfile",
        "# syntax=docker/dockerfile:1\nARG GO=1.22\nARG BASE=\"gcr.io/distroless/static\"\nFROM --platform=$BUILDPLATFORM golang:${GO} AS Build\nRUN <<EOF\nFROM nothing\nEOF\nUSER root\nFROM ${BASE}:${TAG:-nonroot} as run\nFROM run\nLABEL org.opencontainers.image.title=\"pay\" \\\n  # a comment inside\n  org.opencontainers.image.licenses=MIT other=x\nEXPOSE 8080 53/udp\nCOPY --from=build /a /a\nUSER 65532:65532\n",
    );
    let image = manifest.image.as_ref().expect("a Dockerfile describes an image");
    assert_eq!(image.base.as_deref(), Some("gcr.io/distroless/static:nonroot"));
    assert_eq!(
        image
            .stages
            .iter()
            .map(|stage| stage.image.as_str())
            .collect::<Vec<_>>(),
        ["golang:1.22", "gcr.io/distroless/static:nonroot", "run"]
    );
    assert_eq!(image.stages[2].of_stage, Some(1));
    assert_eq!(image.exposed_ports.names, ["8080", "53/udp"]);
    assert_eq!(image.user.as_deref(), Some("65532:65532"));
    assert_eq!(image.labels.len(), 2);
    assert_eq!(fields(&manifest), (Some("pay"), None, None, Some("MIT")));
    assert_eq!(names(&manifest), ["golang:1.22", "gcr.io/distroless/static:nonroot"]);
    assert_eq!(parse("Dockerfile", b"RUN x\n").1[0].code, "manifest_incomplete");
    assert_eq!(
        read("Dockerfile.dev", "FROM $WHAT\n")
            .image
            .and_then(|image| image.base)
            .as_deref(),
        Some("$WHAT")
    );
}

#[test]
fn only_manifests_have_an_ecosystem() {
    for path in [
        "Dockerfile.md",
        ".dockerignore",
        "cargo.toml",
        "a/Cargo.lock",
        "requirements-dev.txt",
        "Dockerfile.dockerignore",
        "dockerfiles",
    ] {
        assert_eq!(ecosystem_of(path), None, "{path}");
    }
    for path in [
        "a/Dockerfile",
        "Dockerfile.prod",
        "api.dockerfile",
        "Containerfile",
        "x/build.gradle.kts",
    ] {
        assert!(ecosystem_of(path).is_some(), "{path}");
    }
}

#[test]
fn problems_carry_their_place() {
    let toml = parse("Cargo.toml", b"[package]\nname = \n").1;
    assert_eq!((toml[0].code, toml[0].line), ("invalid_toml", Some(2)));
    let utf8 = parse("go.mod", b"module a\nrequire \xff").1;
    assert_eq!(
        (utf8[0].code, utf8[0].line, utf8[0].column),
        ("not_utf8", Some(2), Some(9))
    );
    let large = parse("Cargo.toml", &vec![b'#'; MANIFEST_BYTES_MAX + 1]).1;
    assert_eq!(large[0].code, "content_too_large");
}
