//! What happens to the folder of an index.

use std::path::Path;

use bailiwick_schema::Position;
use uuid::Uuid;

use super::world::{World, component, found};
use crate::follow::Projection;
use crate::search::{IndexLocation, SearchError, SearchIndex};
use crate::store::EntityNo;

fn folder(path: &Path) -> IndexLocation {
    IndexLocation::Folder(path.to_owned())
}

fn built(world: &World, path: &Path) {
    let index = world.index(folder(path)).unwrap();
    let mut writer = index.writer().unwrap();
    world.stage_after(&mut writer, Position::ZERO);
    writer.commit().unwrap();
    writer.close().unwrap();
}

#[test]
fn an_index_is_found_again_with_its_position() {
    let world = World::with([component("a")]);
    let home = tempfile::tempdir().unwrap();
    built(&world, home.path());
    let index = world.index(folder(home.path())).unwrap();
    assert_eq!(index.reader().position(), Position(1));
    assert_eq!(found(&index.reader(), &world, "a"), ["component:default/a"]);
}

#[test]
fn what_was_staged_and_not_committed_is_applied_again() {
    let mut world = World::with([component("a")]);
    let home = tempfile::tempdir().unwrap();
    built(&world, home.path());
    world.commit([component("b")], ["component:default/a"]);
    {
        let index = world.index(folder(home.path())).unwrap();
        let mut writer = index.writer().unwrap();
        world.stage_after(&mut writer, Position(1));
        // The process dies here: neither effect nor position is in the index.
    }
    let index = world.index(folder(home.path())).unwrap();
    let mut writer = index.writer().unwrap();
    let mark = writer.mark().unwrap();
    assert_eq!(mark.position, Position(1));
    world.stage_after(&mut writer, mark.position);
    writer.commit().unwrap();
    assert_eq!(found(&index.reader(), &world, ""), ["component:default/b"]);
    assert_eq!(index.reader().checksum().unwrap(), world.rebuilt().checksum().unwrap());
}

#[test]
fn the_index_of_another_store_is_thrown_away() {
    let world = World::with([component("a")]);
    let home = tempfile::tempdir().unwrap();
    built(&world, home.path());
    let index = SearchIndex::open(folder(home.path()), Uuid::from_u128(7), world.bodies()).unwrap();
    assert!(!index.reader().is_ready());
    assert!(index.writer().unwrap().mark().is_none());
    let refused = index.reader().entities_with("kind", "component").unwrap_err();
    assert!(
        matches!(refused, SearchError::NotReady),
        "an index that is not built is not an empty one"
    );
}

#[test]
fn a_damaged_index_is_thrown_away_whatever_was_damaged() {
    let world = World::with([component("a")]);
    let home = tempfile::tempdir().unwrap();
    built(&world, home.path());
    let files: Vec<_> = std::fs::read_dir(home.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.metadata().unwrap().len() > 0 && !path.ends_with("bailiwick-index"))
        .collect();
    assert!(files.len() > 3);
    for file in files {
        if !file.exists() {
            built(&world, home.path());
        }
        // Names of segments differ from build to build: damage what plays the same role now.
        let role = file.extension().map(ToOwned::to_owned);
        let same_role = std::fs::read_dir(home.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path == &file || (role.is_some() && path.extension().map(ToOwned::to_owned) == role))
            .unwrap();
        for bytes in [&b""[..], b"\0\xff garbage"] {
            std::fs::write(&same_role, bytes).unwrap();
            let index = world.index(folder(home.path())).unwrap();
            let mut writer = index.writer().unwrap();
            if writer.mark().is_none() {
                world.stage_after(&mut writer, Position::ZERO);
                writer.commit().unwrap();
            }
            assert_eq!(
                found(&index.reader(), &world, "a").len(),
                1,
                "after damage to {}",
                same_role.display()
            );
            writer.close().unwrap();
            if !same_role.exists() {
                break;
            }
        }
    }
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let world = World::new();
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("thesis.txt"), "years of work").unwrap();
    std::fs::write(home.path().join("meta.json"), "{}").unwrap();
    let refused = world.index(folder(home.path())).err().unwrap();
    assert!(matches!(refused, SearchError::Unusable { .. }), "{refused}");
    assert!(home.path().join("thesis.txt").exists());
}

#[test]
fn a_second_writer_is_refused() {
    let world = World::new();
    let home = tempfile::tempdir().unwrap();
    let index = world.index(folder(home.path())).unwrap();
    let _first = index.writer().unwrap();
    let refused = world.index(folder(home.path())).unwrap().writer().err().unwrap();
    assert!(matches!(refused, SearchError::Locked { .. }), "{refused}");
}

#[test]
fn an_index_that_is_being_written_is_not_thrown_away() {
    let world = World::with([component("a")]);
    let home = tempfile::tempdir().unwrap();
    built(&world, home.path());
    let index = world.index(folder(home.path())).unwrap();
    let _writer = index.writer().unwrap();
    let refused = SearchIndex::open(folder(home.path()), Uuid::from_u128(7), world.bodies())
        .err()
        .unwrap();
    assert!(matches!(refused, SearchError::Locked { .. }), "{refused}");
    assert_eq!(
        world.index(folder(home.path())).unwrap().reader().position(),
        Position(1)
    );
}

#[test]
fn the_index_holds_no_text_of_the_body() {
    let canary = "canary-5e1f-in-the-body";
    let world = World::with([component("a").with("spec/definition", serde_json::json!(format!("x {canary} y")))]);
    let home = tempfile::tempdir().unwrap();
    built(&world, home.path());
    for entry in std::fs::read_dir(home.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(canary.len()).any(|window| window == canary.as_bytes()));
    }
    let number = world.snapshot().number(&"component:default/a".parse().unwrap());
    assert_eq!(number, Some(EntityNo(0)));
}

#[test]
fn a_full_disk_is_told_with_its_folder() {
    let home = tempfile::tempdir().unwrap();
    let world = World::new();
    let index = world.index(folder(home.path())).unwrap();
    let told = index.explain("an IO error occurred: 'No space left on device (os error 28)'");
    assert!(told.starts_with("no space left where"), "{told}");
    assert!(told.contains(&home.path().display().to_string()), "{told}");
    assert_eq!(index.explain("it is broken"), "it is broken");
    assert_eq!(index.leaving_free(0).shortage(), None, "nothing is kept free");
}
