//! Microbenchmarks of parts of the hot paths: `cargo bench -p traffic-manager-core --bench micro`.
//!
//! The nanoseconds hold for one machine only. Compare them between commits on the same machine.

mod sample;

use std::hint::black_box;

use criterion::Criterion;
use sample::{after, change, names, recorded, snapshot};
use traffic_manager_core::{chain::canonical, hash::EventHash, tag::VersionTag};

fn snapshots(criterion: &mut Criterion) {
    for size in [1_000, 100_000] {
        let snapshot = snapshot(size);
        let keys: Vec<[String; 3]> = (0..size)
            .map(|number| names(number * 7919 % size))
            .collect();
        let mut at = 0;
        criterion.bench_function(
            &format!("snapshot of {size}: look up a random route"),
            |bencher| {
                bencher.iter(|| {
                    at = (at + 1) % keys.len();
                    let [service, env, version] = &keys[at];
                    black_box(snapshot.get(service, env, version)).is_some()
                });
            },
        );
        let event = recorded(change(size / 2));
        criterion.bench_function(
            &format!("snapshot of {size}: apply one change"),
            |bencher| {
                bencher.iter(|| after(&snapshot, black_box(&event)));
            },
        );
    }
}

fn events(criterion: &mut Criterion) {
    let body = change(1);
    criterion.bench_function("event: canonical bytes and hash", |bencher| {
        bencher.iter(|| EventHash::of(&canonical(black_box(&body)).expect("an event")));
    });
    criterion.bench_function("version tag: parse", |bencher| {
        bencher.iter(|| {
            black_box("0123456789abcdef.1234567")
                .parse::<VersionTag>()
                .is_ok()
        });
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    snapshots(&mut criterion);
    events(&mut criterion);
    criterion.final_summary();
}
