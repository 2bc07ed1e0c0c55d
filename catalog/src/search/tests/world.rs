//! A small catalog for the tests: a store in memory, its snapshot, and an index over both.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bailiwick_schema::{ContentHash, EntityRef, Position, Timestamp, Viewer};
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use crate::follow::{IndexChange, Mark, Projection};
use crate::graph::{RelationTypes, Snapshot, SnapshotBuilder};
use crate::search::{
    BodySource, IndexLocation, SearchError, SearchIndex, SearchPage, SearchQuery, SearchReader, SearchWriter,
};
use crate::store::{
    ChangeKind, Commit, CommitCause, EngineKind, EntityIdentity, EntityNo, EntityVersion, LoggedChange, LoggedCommit,
    NewVersion, Ownership, Relation, Store, StoreOptions, Summary, open,
};

pub(super) struct World {
    pub(super) store: Arc<dyn Store>,
    builder: SnapshotBuilder,
    names: Vec<EntityRef>,
    pub(super) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(super) positions: watch::Sender<Position>,
}

/// An entity to be written.
#[derive(Debug, Clone)]
pub(super) struct Put {
    pub(super) body: Value,
    pub(super) owners: Vec<&'static str>,
    pub(super) depends_on: Vec<String>,
}

pub(super) fn put(body: Value) -> Put {
    Put {
        body,
        owners: Vec::new(),
        depends_on: Vec::new(),
    }
}

pub(super) fn component(name: &str) -> Put {
    put(json!({"kind": "Component", "metadata": {"name": name}}))
}

impl Put {
    pub(super) fn owned_by(mut self, owner: &'static str) -> Self {
        self.owners.push(owner);
        self
    }

    pub(super) fn depends_on(mut self, target: &str) -> Self {
        self.depends_on.push(target.to_owned());
        self
    }

    pub(super) fn with(mut self, pointer: &str, value: Value) -> Self {
        let mut at = &mut self.body;
        for key in pointer.split('/') {
            at = at.as_object_mut().unwrap().entry(key).or_insert_with(|| json!({}));
        }
        *at = value;
        self
    }
}

impl World {
    pub(super) fn new() -> Self {
        let mut builder = SnapshotBuilder::new(RelationTypes::default());
        let snapshot = Arc::new(ArcSwap::from_pointee(builder.publish(Position::ZERO, Timestamp::ZERO)));
        let store = open(EngineKind::Memory, Path::new(""), StoreOptions::default()).unwrap();
        Self {
            store,
            builder,
            names: Vec::new(),
            snapshot,
            positions: watch::channel(Position::ZERO).0,
        }
    }

    pub(super) fn with(puts: impl IntoIterator<Item = Put>) -> Self {
        let mut world = Self::new();
        world.commit(puts, []);
        world
    }

    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    fn number(&mut self, entity: &EntityRef, commit: &mut Commit) -> EntityNo {
        let at = self.names.iter().position(|name| name == entity).unwrap_or_else(|| {
            self.names.push(entity.clone());
            self.names.len() - 1
        });
        let no = EntityNo(u32::try_from(at).unwrap());
        commit.identities.retain(|identity| identity.no != no);
        commit.identities.push(EntityIdentity {
            no,
            entity: entity.clone(),
            uid: Uuid::from_u128(at as u128),
            live: true,
        });
        no
    }

    pub(super) fn commit<'a>(
        &mut self,
        puts: impl IntoIterator<Item = Put>,
        deletions: impl IntoIterator<Item = &'a str>,
    ) -> Position {
        let head = self.store.head().unwrap();
        let position = head.next();
        let at = Timestamp::from_secs(i64::try_from(position.0).unwrap());
        let mut commit = Commit::default();
        for put in puts {
            let version = self.version(&put, position, at, &mut commit);
            let body = serde_json::to_vec(&put.body).unwrap();
            commit.versions.push(NewVersion { version, body });
        }
        for entity in deletions {
            let entity = EntityRef::parse(entity).unwrap();
            let no = self.number(&entity, &mut commit);
            let version = deleted(no, position, entity, at);
            commit.versions.push(NewVersion {
                version,
                body: Vec::new(),
            });
        }
        let changes = commit.versions.iter().map(|new| {
            let NewVersion { version, .. } = new;
            LoggedChange {
                no: version.no,
                entity: version.entity.clone(),
                change: version.change,
            }
        });
        commit.log = Some(LoggedCommit {
            position,
            at,
            cause: CommitCause::Ingest,
            source: None,
            run: None,
            changes: changes.collect(),
        });
        self.store.append(head, commit.clone()).unwrap();
        commit
            .identities
            .iter()
            .for_each(|identity| self.builder.put_identity(identity));
        commit
            .versions
            .iter()
            .for_each(|new| self.builder.put_version(&new.version));
        self.snapshot.store(Arc::new(self.builder.publish(position, at)));
        self.positions.send_replace(position);
        position
    }

    fn version(&mut self, put: &Put, position: Position, at: Timestamp, commit: &mut Commit) -> EntityVersion {
        let text = |pointer: &str| put.body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let kind = text("/kind").unwrap();
        let name = text("/metadata/name").unwrap();
        let namespace = text("/metadata/namespace").unwrap_or_else(|| "default".to_owned());
        let entity = EntityRef::new(&kind, &namespace, &name).unwrap();
        let no = self.number(&entity, commit);
        let tags = put
            .body
            .pointer("/metadata/tags")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let labels = put
            .body
            .pointer("/metadata/labels")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        let summary = Summary {
            title: text("/metadata/title"),
            entity_type: text("/spec/type"),
            lifecycle: text("/spec/lifecycle"),
            tags: tags.filter_map(Value::as_str).map(str::to_owned).collect(),
            labels: labels
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect(),
            kind,
            namespace,
            name,
        };
        let owners: Vec<EntityRef> = put
            .owners
            .iter()
            .map(|owner| EntityRef::parse(owner).unwrap())
            .collect();
        let relations: Vec<Relation> = put
            .depends_on
            .iter()
            .map(|target| Relation {
                relation: "dependsOn".to_owned(),
                target: EntityRef::parse(target).unwrap(),
            })
            .collect();
        for named in owners.iter().chain(relations.iter().map(|relation| &relation.target)) {
            self.number(named, commit);
        }
        let told = format!("{}{owners:?}{relations:?}", put.body);
        EntityVersion {
            change: ChangeKind::Updated,
            hash: ContentHash::of(told.as_bytes()),
            summary,
            relations,
            ownership: Ownership {
                owners,
                ..Ownership::default()
            },
            ..deleted(no, position, entity, at)
        }
    }

    pub(super) fn bodies(&self) -> BodySource {
        let store = Arc::clone(&self.store);
        Arc::new(move |no, position| store.body(no, position).unwrap())
    }

    pub(super) fn index(&self, location: IndexLocation) -> Result<SearchIndex, SearchError> {
        SearchIndex::open(location, self.store.lineage(), self.bodies())
    }

    /// A new index over everything, built in one go.
    pub(super) fn rebuilt(&self) -> SearchReader {
        let index = self.index(IndexLocation::Memory).unwrap();
        let mut writer = index.writer().unwrap();
        writer.reset().unwrap();
        self.stage(
            &mut writer,
            self.snapshot().nodes_unchecked().map(|node| node.no).collect(),
        );
        writer.commit().unwrap();
        index.reader()
    }

    pub(super) fn stage(&self, writer: &mut SearchWriter, numbers: Vec<EntityNo>) {
        let snapshot = self.snapshot();
        let mut changes = numbers.into_iter().map(|no| {
            let entity = snapshot.name(no).unwrap();
            IndexChange::of(&snapshot, no, entity, |node| {
                Ok(self.store.body(no, node.position).unwrap())
            })
        });
        let mark = Mark {
            lineage: self.store.lineage(),
            position: snapshot.position(),
            format: writer.format_version(),
        };
        writer.apply(&mut changes, mark).unwrap();
    }

    /// Stages what the log says since a position.
    pub(super) fn stage_after(&self, writer: &mut SearchWriter, after: Position) {
        let commits = self.store.read_after(after, NonZeroU32::MAX).unwrap();
        self.stage(
            writer,
            commits
                .iter()
                .flat_map(|commit| commit.changes.iter().map(|change| change.no))
                .collect(),
        );
    }
}

fn deleted(no: EntityNo, position: Position, entity: EntityRef, at: Timestamp) -> EntityVersion {
    EntityVersion {
        no,
        position,
        entity,
        uid: Uuid::from_u128(u128::from(no.0)),
        at,
        change: ChangeKind::Deleted,
        hash: ContentHash::default(),
        summary: Summary::default(),
        relations: Vec::new(),
        ownership: Ownership::default(),
        identifiers: Vec::new(),
        inherits_from: Vec::new(),
        continues: None,
        watches: Vec::new(),
    }
}

pub(super) fn search(reader: &SearchReader, world: &World, query: &SearchQuery) -> SearchPage {
    reader.search(&Viewer::local(), &world.snapshot(), query).unwrap()
}

/// The refs that a text finds, best first.
pub(super) fn found(reader: &SearchReader, world: &World, text: &str) -> Vec<String> {
    let query = SearchQuery {
        text: text.to_owned(),
        ..SearchQuery::default()
    };
    refs(&search(reader, world, &query))
}

pub(super) fn refs(page: &SearchPage) -> Vec<String> {
    page.hits
        .iter()
        .map(|hit| hit.node.entity.as_str().to_owned())
        .collect()
}
