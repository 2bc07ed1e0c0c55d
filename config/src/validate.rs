//! From wire types to the validated configuration, with every problem that a schema cannot see.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use bailiwick_schema::{OwnerMethod, SourceId};
use serde_json::{Map, Value};

use crate::load::Document;
use crate::model::{
    AllowConfig, Auth, Config, GuardConfig, LogFormat, LogLevel, LogSettings, RetentionConfig, Server, SourceConfig,
    Store, StoreEngine, TokenConfig,
};
use crate::place::{Origin, Path, Step};
use crate::problem::Problems;
use crate::wire::{
    AllowWire, AuthWire, ConfigWire, LogFormatWire, LogLevelWire, OwnerMethodWire, RetentionWire, SOURCE_KEYS,
    ServerWire, SourceWire, StoreEngineWire,
};

const BYTES_PER_MIB: u64 = 1024 * 1024;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Builds the configuration, or gives back everything that is wrong with the document.
pub(crate) fn validate(mut document: Document) -> Result<Config, Problems> {
    if !document.problems.is_empty() {
        return Err(Problems(document.problems));
    }
    let json = document.tree.to_json();
    let wire: ConfigWire = match serde_json::from_value(json.clone()) {
        Ok(wire) => wire,
        // The schema lets through what serde does not take, such as 1.0 for a whole number.
        Err(error) => {
            document.report(&[], error.to_string());
            return Err(Problems(document.problems));
        }
    };
    let listen = listen(&mut document, &wire.server, &wire.auth);
    tokens(&mut document, &wire.auth);
    let ownership_order = ownership_order(&mut document, &wire.ownership.order);
    let sources = sources(&mut document, &wire.sources, &json);
    let effective = effective(&wire, &json);
    let (Some(listen), true) = (listen, document.problems.is_empty()) else {
        return Err(Problems(document.problems));
    };
    let data_dir = path_of(&document, &path(&["store", "data_dir"]), &wire.store.data_dir);
    let kind_paths = wire
        .kinds
        .paths
        .iter()
        .map(|file| path_of(&document, &path(&["kinds", "paths"]), file))
        .collect();
    Ok(Config {
        server: Server { listen },
        store: Store {
            engine: match wire.store.engine {
                StoreEngineWire::Fjall => StoreEngine::Fjall,
                StoreEngineWire::Sled => StoreEngine::Sled,
                StoreEngineWire::Memory => StoreEngine::Memory,
            },
            data_dir,
            cache_bytes: wire.store.cache_mib * BYTES_PER_MIB,
            min_free_bytes: wire.store.min_free_mib * BYTES_PER_MIB,
        },
        auth: Auth {
            tokens: wire
                .auth
                .tokens
                .into_iter()
                .map(|token| TokenConfig {
                    name: token.name,
                    hash: token.hash,
                    groups: token.groups,
                    operate: token.operate,
                })
                .collect(),
        },
        log: LogSettings {
            format: match wire.log.format {
                LogFormatWire::Text => LogFormat::Text,
                LogFormatWire::Json => LogFormat::Json,
            },
            level: match wire.log.level {
                LogLevelWire::Error => LogLevel::Error,
                LogLevelWire::Warn => LogLevel::Warn,
                LogLevelWire::Info => LogLevel::Info,
                LogLevelWire::Debug => LogLevel::Debug,
                LogLevelWire::Trace => LogLevel::Trace,
            },
        },
        kind_paths,
        guard: GuardConfig {
            claims: wire.sweeps.guard.claims,
            percent: wire.sweeps.guard.percent,
        },
        retention: retention(&wire.retention),
        ownership_order,
        sources,
        document,
        effective,
    })
}

fn retention(wire: &RetentionWire) -> RetentionConfig {
    let days = |days: u32| DAY * days;
    RetentionConfig {
        history: days(wire.history_days),
        events: days(wire.events_days),
        sweeps: days(wire.sweeps_days),
        runs: days(wire.runs_days),
        audit: days(wire.audit_days),
    }
}

fn path(keys: &[&str]) -> Path {
    keys.iter().map(|key| Step::Key((*key).to_owned())).collect()
}

fn item(list: &[&str], at: usize, key: &str) -> Path {
    let mut path = path(list);
    path.extend([Step::Item(at), Step::Key(key.to_owned())]);
    path
}

/// A path of the configuration, absolute: flags start at the working directory, all else at the file's folder.
fn path_of(document: &Document, at: &Path, text: &str) -> PathBuf {
    match document.tree.nearest(at).origin {
        Origin::Flag(_) => document.working_dir.join(text),
        _ => document.base_dir.join(text),
    }
}

/// The address, if it is one and may be listened on.
fn listen(document: &mut Document, server: &ServerWire, auth: &AuthWire) -> Option<SocketAddr> {
    let at = path(&["server", "listen"]);
    let address = match server.listen.strip_prefix("localhost:") {
        Some(port) => port
            .parse()
            .ok()
            .map(|port| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)),
        None => server.listen.parse().ok(),
    };
    let Some(address) = address else {
        let message = "must be an address and a port, such as 127.0.0.1:7007, [::1]:7007 or 0.0.0.0:7007".to_owned();
        document.report(&at, message);
        return None;
    };
    if auth.tokens.is_empty() && !is_loopback(address.ip()) {
        let message = "is reachable from other machines, so auth.tokens must list at least one token; make one with \
                       `bailiwick token new`, or listen on 127.0.0.1";
        document.report(&at, message.to_owned());
        return None;
    }
    Some(address)
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn tokens(document: &mut Document, auth: &AuthWire) {
    let mut names = BTreeSet::new();
    let mut hashes = BTreeSet::new();
    for (at, token) in auth.tokens.iter().enumerate() {
        if !names.insert(token.name.as_str()) {
            document.report(
                &item(&["auth", "tokens"], at, "name"),
                "another token has this name already".to_owned(),
            );
        }
        if !hashes.insert(token.hash.as_str()) {
            document.report(
                &item(&["auth", "tokens"], at, "hash"),
                "another token has this hash already".to_owned(),
            );
        }
    }
}

fn ownership_order(document: &mut Document, order: &[OwnerMethodWire]) -> Vec<OwnerMethod> {
    let mut methods = Vec::new();
    for (at, method) in order.iter().enumerate() {
        let method = match method {
            OwnerMethodWire::Explicit => OwnerMethod::Explicit,
            OwnerMethodWire::Codeowners => OwnerMethod::Codeowners,
            OwnerMethodWire::Label => OwnerMethod::Label,
            OwnerMethodWire::Inherited => OwnerMethod::Inherited,
            OwnerMethodWire::RepositoryAdmin => OwnerMethod::RepositoryAdmin,
            OwnerMethodWire::Committers => OwnerMethod::Committers,
        };
        if methods.contains(&method) {
            let mut place = path(&["ownership", "order"]);
            place.push(Step::Item(at));
            document.report(&place, "stands in the list already".to_owned());
        }
        methods.push(method);
    }
    methods
}

fn sources(document: &mut Document, wires: &[SourceWire], json: &Value) -> Vec<SourceConfig> {
    let mut ids: BTreeSet<&str> = BTreeSet::new();
    let mut previous_ids: BTreeSet<&str> = BTreeSet::new();
    let mut sources = Vec::new();
    for (at, wire) in wires.iter().enumerate() {
        let place = |key: &str| item(&["sources"], at, key);
        if !ids.insert(&wire.id) {
            document.report(&place("id"), "another source has this id already".to_owned());
        }
        if wire.time_zone.is_some() && wire.schedule.is_none() {
            document.report(&place("time_zone"), "has no meaning without a schedule".to_owned());
        }
        if let Some(previous) = &wire.previous_id {
            if wires.iter().any(|other| other.id == *previous) {
                document.report(&place("previous_id"), "is the id of a configured source".to_owned());
            }
            if !previous_ids.insert(previous) {
                document.report(
                    &place("previous_id"),
                    "another source takes over this id already".to_owned(),
                );
            }
        }
        let id = parse_id(document, &place("id"), &wire.id);
        let previous_id = wire
            .previous_id
            .as_ref()
            .and_then(|id| parse_id(document, &place("previous_id"), id));
        let Some(id) = id else { continue };
        sources.push(SourceConfig {
            id,
            source_type: wire.r#type.clone(),
            schedule: wire.schedule.clone(),
            time_zone: wire.time_zone.clone(),
            allow: wire.allow.as_ref().map(allow).unwrap_or_default(),
            rank: wire.rank,
            deadline: wire.deadline_secs.map(Duration::from_secs),
            run_at_start: wire.run_at_start,
            previous_id,
            options: options(json, at),
        });
    }
    sources
}

fn parse_id(document: &mut Document, at: &Path, id: &str) -> Option<SourceId> {
    SourceId::parse(id)
        .map_err(|error| document.report(at, error.to_string()))
        .ok()
}

fn allow(wire: &AllowWire) -> AllowConfig {
    let lower = |list: &Vec<String>| list.iter().map(|item| item.to_lowercase()).collect();
    AllowConfig {
        kinds: wire.kinds.as_ref().map(lower),
        namespaces: wire.namespaces.as_ref().map(lower),
    }
}

/// The keys of a source that belong to its type.
fn options(json: &Value, at: usize) -> Map<String, Value> {
    let source = json
        .get("sources")
        .and_then(|sources| sources.get(at))
        .and_then(Value::as_object);
    let own = source
        .into_iter()
        .flatten()
        .filter(|(key, _)| !SOURCE_KEYS.contains(&key.as_str()));
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The whole configuration with defaults written out, secrets and all; [`crate::show`] redacts.
fn effective(wire: &ConfigWire, json: &Value) -> Value {
    let mut value = serde_json::to_value(wire).unwrap_or(Value::Null);
    if let Some(Value::Array(sources)) = value.get_mut("sources") {
        for (at, source) in sources.iter_mut().enumerate() {
            if let Some(fields) = source.as_object_mut() {
                fields.extend(options(json, at));
            }
        }
    }
    value
}
