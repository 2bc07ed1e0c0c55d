//! The bytes of the workload, against hashes of what the first script wrote.

use std::io::sink;

use super::random::Random;
use super::{Workload, Written};

fn hashes(entities: usize, seed: u64, changed_percent: f64) -> [String; 2] {
    let workload = Workload {
        entities,
        seed,
        changed_percent,
    };
    workload.generate(sink(), sink()).unwrap().map(|written| written.sha256)
}

#[test]
fn chances_are_those_of_python() {
    // python3 -c "import random; r = random.Random('catalog-1000-1'); print(r.random(), …)"
    let mut random = Random::from_text("catalog-1000-1");
    assert_eq!(
        [0; 3].map(|_| random.fraction()),
        [0.48937219933541987, 0.983638119245542, 0.23010895648177898]
    );
    assert_eq!(random.bits_64(), 12735927450711375475);
    assert_eq!([0; 4].map(|_| random.below(5_000)), [113, 2843, 1600, 2645]);
    assert_eq!(
        random.sample(1_000, 10),
        [408, 794, 621, 723, 428, 582, 483, 378, 944, 620]
    );
    assert_eq!(random.sample(20, 4), [6, 19, 3, 14]);
    assert_eq!(
        random.sample(100, 20),
        [
            46, 60, 53, 42, 66, 12, 29, 64, 74, 81, 20, 59, 43, 13, 56, 69, 8, 86, 93, 71
        ]
    );
}

#[test]
fn a_thousand_entities_have_the_bytes_of_the_first_script() {
    assert_eq!(
        hashes(1_000, 1, 1.0),
        [
            "9307306e5454c9a756c529c043c85d1e4e7fc142af66dab0c8abdb4f3c47b3b7",
            "c61b40059dba67847852fe79a0633ac2625a0567feef18146ebf5d9fb7898a68",
        ]
    );
}

#[test]
fn ten_thousand_entities_have_the_bytes_of_the_first_script() {
    assert_eq!(
        hashes(10_000, 1, 1.0),
        [
            "d3e334cfdf4cbe692764b2e8b3dbf25c4b84049ab82f280f7a4a3b3b9754a7cd",
            "e0a00b9af5c2b2344656ccf92f416ab9f2b20cab96865502f6a8e004879f7b82",
        ]
    );
}

#[test]
fn another_seed_size_and_share_have_the_bytes_of_the_first_script() {
    assert_eq!(
        hashes(3_000, 7, 2.5),
        [
            "3369e88872eea95dfd92a4417d744f2a1f358022c0ad6dac75e62751708fe45f",
            "8ab3b19eb6160f68fff9c4af907e7276dff8ffda6b163ac107a79dadd18d14a9",
        ]
    );
}

#[test]
fn a_workload_without_room_for_every_kind_is_refused() {
    for entities in [0, 1, 6] {
        let workload = Workload {
            entities,
            seed: 1,
            changed_percent: 1.0,
        };
        assert!(workload.generate(sink(), sink()).is_err(), "{entities}");
    }
}

#[test]
fn the_second_file_has_as_many_lines_and_the_size_that_is_told() {
    let workload = Workload {
        entities: 200,
        seed: 1,
        changed_percent: 1.0,
    };
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let [told, _] = workload.generate(&mut first, &mut second).unwrap();
    assert_eq!(first.len() as u64, told.bytes);
    let lines = |bytes: &[u8]| {
        bytes
            .split_inclusive(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect::<Vec<_>>()
    };
    let (first, second) = (lines(&first), lines(&second));
    assert_eq!((first.len(), second.len()), (200, 200));
    let differ = first.iter().zip(&second).filter(|(left, right)| left != right).count();
    assert_eq!(differ, 2);
    let again: [Written; 2] = workload.generate(sink(), sink()).unwrap();
    assert_eq!(again[0], told, "the same in every run");
}
