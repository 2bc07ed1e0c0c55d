//! The container files, read and not run: no container engine takes part in the tests.

use bailiwick_tests::Workspace;
use serde_json::Value;

fn compose() -> Value {
    let text = Workspace::here()
        .read("docker-compose.yml")
        .expect("docker-compose.yml is there");
    serde_saphyr::from_str(&text).expect("docker-compose.yml is YAML")
}

fn texts(value: &Value) -> Vec<String> {
    let items = value
        .as_array()
        .unwrap_or_else(|| panic!("a list was expected: {value}"));
    items
        .iter()
        .map(|item| {
            item.as_str()
                .unwrap_or_else(|| panic!("a text was expected: {item}"))
                .to_owned()
        })
        .collect()
}

#[test]
fn compose_publishes_on_loopback_only() {
    let compose = compose();
    let services = compose["services"].as_object().unwrap();
    assert_eq!(
        services.keys().collect::<Vec<_>>(),
        ["bailiwick"],
        "no other service is needed to start"
    );
    let service = &services["bailiwick"];
    assert_eq!(texts(&service["ports"]), ["127.0.0.1:7007:7007"]);
    for key in [
        "network_mode",
        "expose",
        "privileged",
        "cap_add",
        "devices",
        "pid",
        "ipc",
        "extends",
    ] {
        assert!(service.get(key).is_none(), "`{key}` opens what stays closed by default");
    }
    assert_eq!(texts(&service["cap_drop"]), ["ALL"]);
    assert_eq!(texts(&service["security_opt"]), ["no-new-privileges:true"]);
    assert_eq!(service["read_only"], true, "only the volume and /tmp are written to");
}

#[test]
fn compose_mounts_the_users_files_and_a_volume() {
    let compose = compose();
    let service = &compose["services"]["bailiwick"];
    assert_eq!(texts(&service["secrets"]), ["bailiwick_token"]);
    assert_eq!(compose["secrets"]["bailiwick_token"]["file"], "./bailiwick.token");
    let volumes = service["volumes"].as_array().unwrap();
    assert_eq!(volumes[0], "data:/var/lib/bailiwick");
    assert!(compose["volumes"].as_object().unwrap().contains_key("data"));
    let config = &volumes[1];
    assert_eq!((&config["type"], &config["read_only"]), (&"bind".into(), &true.into()));
    assert_eq!(
        config["bind"]["create_host_path"], false,
        "a missing file must not become a folder"
    );
    let command = texts(&service["command"]);
    let after = |flag: &str| {
        command
            .iter()
            .skip_while(|word| *word != flag)
            .nth(1)
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(command[0], "serve");
    assert_eq!(after("--config"), config["target"].as_str().unwrap());
    assert_eq!(after("--data-dir"), "/var/lib/bailiwick");
    assert!(!volumes.iter().any(|volume| volume.to_string().contains("docker.sock")));
}

#[test]
fn the_containers_health_is_checked_and_it_may_stop_in_peace() {
    let compose = compose();
    let service = &compose["services"]["bailiwick"];
    let test = texts(&service["healthcheck"]["test"]);
    assert_eq!(test[..3], ["CMD", "bailiwick", "health"]);
    assert_eq!(service["user"], "10001:10001");
    let grace = service["stop_grace_period"].as_str().unwrap().trim_end_matches('s');
    assert!(
        grace.parse::<u64>().unwrap() > 10,
        "the server stops by itself within 10 s"
    );
}

#[test]
fn the_image_runs_as_nobody_in_particular() {
    let dockerfile = Workspace::here().read("Dockerfile").expect("Dockerfile is there");
    let lines: Vec<&str> = dockerfile.lines().map(str::trim).collect();
    let stages = lines.iter().filter(|line| line.starts_with("FROM ")).count();
    assert_eq!(stages, 2, "one stage builds, one runs");
    let user = lines
        .iter()
        .rfind(|line| line.starts_with("USER "))
        .expect("the image names its user");
    let user = user.trim_start_matches("USER ");
    assert!(
        !user.starts_with('0') && !user.starts_with("root"),
        "the image runs as `{user}`"
    );
    assert_eq!(user, compose()["services"]["bailiwick"]["user"].as_str().unwrap());
    let toolchain = Workspace::here().read("rust-toolchain.toml").unwrap();
    let version = lines[..]
        .iter()
        .find_map(|line| line.strip_prefix("FROM rust:"))
        .unwrap();
    let version = version.split('-').next().unwrap();
    assert!(
        toolchain.contains(version),
        "the image builds with {version}, the workspace with {toolchain}"
    );
    assert!(lines.iter().any(|line| line.starts_with("HEALTHCHECK ")));
    assert!(lines.contains(&"VOLUME /var/lib/bailiwick"));
    for secret in ["TOKEN=", "PASSWORD=", "ARG TOKEN"] {
        assert!(!dockerfile.contains(secret), "`{secret}` would stay in a layer");
    }
}
