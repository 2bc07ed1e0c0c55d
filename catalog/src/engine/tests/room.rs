//! A disk that is full for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bailiwick_schema::SinkError;

use super::home::{Home, component, whole};
use crate::store::keyvalue::{Batch, KeyValue};
use crate::store::layout::KeyValueStore;
use crate::store::memory::{MemoryEngine, MemoryView};
use crate::store::{StoreError, StoreResult};

/// Memory that says it is a full disk.
struct Small {
    memory: MemoryEngine,
    is_full: Arc<AtomicBool>,
}

impl KeyValue for Small {
    type Bytes = Arc<[u8]>;
    type View<'e> = MemoryView;

    fn name(&self) -> &'static str {
        "small"
    }

    fn view(&self) -> MemoryView {
        self.memory.view()
    }

    fn room(&self, _bytes: u64) -> StoreResult<()> {
        if self.is_full.load(Ordering::SeqCst) {
            return Err(StoreError::Full {
                path: "/small".to_owned(),
                free: 0,
                reserve: 64 << 20,
            });
        }
        Ok(())
    }

    fn apply(&self, batch: Batch<Arc<[u8]>>) -> StoreResult<()> {
        self.room(0)?;
        self.memory.apply(batch)
    }
}

fn home(waits_for_room: bool) -> (Home, Arc<AtomicBool>) {
    let is_full = Arc::new(AtomicBool::new(false));
    let small = Small {
        memory: MemoryEngine::new(),
        is_full: Arc::clone(&is_full),
    };
    let store = Arc::new(KeyValueStore::open(small, "/small").unwrap());
    let home = Home::with(store, |settings| settings.waits_for_room = waits_for_room);
    (home, is_full)
}

async fn until_it_waits(home: &Home) -> String {
    loop {
        if let Some(reason) = home.catalog.status().waiting {
            return reason;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_waited_out_and_nothing_is_lost() {
    let (home, is_full) = home(true);
    home.run("one", "repo", vec![component("a", "a")], whole("1")).await;
    let run = home.begin("one", true).await;
    let ticket = home.open(&run, "repo", None).await;
    is_full.store(true, Ordering::SeqCst);
    let sink = home.sink.clone();
    let items = vec![component("a", "a"), component("b", "b")];
    let delivered = tokio::spawn(async move {
        use bailiwick_schema::Sink as _;
        sink.deliver(ticket, items).await.unwrap();
        sink.scope_close(ticket, whole("2")).await.unwrap();
    });
    let reason = until_it_waits(&home).await;
    assert!(
        reason.contains("no space left") && reason.contains("/small"),
        "{reason}"
    );
    assert!(
        home.lives("component:default/a") && !home.lives("component:default/b"),
        "reads go on"
    );
    assert_eq!(home.value("component:default/a")["metadata"]["name"], "a");
    assert_eq!(home.catalog.status().failed, None);
    is_full.store(false, Ordering::SeqCst);
    delivered.await.unwrap();
    home.end(&run).await;
    assert!(home.lives("component:default/b"));
    assert_eq!(home.catalog.status().waiting, None);
    home.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_waits_for_room_stops_when_it_is_told_to() {
    let (mut home, is_full) = home(true);
    let run = home.begin("one", true).await;
    is_full.store(true, Ordering::SeqCst);
    let sink = home.sink.clone();
    let asked = tokio::spawn(async move {
        use bailiwick_schema::{Scope, ScopeId, Sink as _, Timestamp};
        let scope = Scope {
            id: ScopeId::new("repo"),
            parent: None,
        };
        sink.scope_open(&run, scope, Timestamp::ZERO).await
    });
    until_it_waits(&home).await;
    tokio::task::block_in_place(|| home.stop());
    let refused = asked.await.unwrap().unwrap_err();
    assert!(
        matches!(&refused, SinkError::Stopped(reason) if reason.contains("no space left")),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_was_asked_once_stops_at_a_full_disk_and_says_so() {
    use bailiwick_schema::Sink as _;
    let (home, is_full) = home(false);
    let run = home.begin("one", true).await;
    let ticket = home.open(&run, "repo", None).await;
    is_full.store(true, Ordering::SeqCst);
    home.sink.deliver(ticket, vec![component("a", "a")]).await.unwrap();
    let refused = home.sink.scope_close(ticket, whole("1")).await.unwrap_err();
    assert!(
        matches!(&refused, SinkError::Stopped(reason) if reason.contains("no space left")),
        "{refused}"
    );
    assert_eq!(home.catalog.status().waiting, None);
}
