//! Microbenchmarks of the native dialect: `cargo bench -p traffic-manager-dataplane --bench native`.

#[path = "../../core/benches/sample/mod.rs"]
mod sample;

use criterion::{BatchSize, Criterion};
use sample::{after, change, recorded, snapshot};
use traffic_manager_core::snapshot::Scope;
use traffic_manager_dataplane::native;

fn snapshots(criterion: &mut Criterion) {
    for size in [1_000, 100_000] {
        let snapshot = snapshot(size);
        let event = recorded(change(size / 2));
        criterion.bench_function(
            &format!("snapshot of {size}: the body after one change"),
            |bencher| {
                bencher.iter_batched_ref(
                    || after(&snapshot, &event),
                    |next| native::snapshot(next, &Scope::default()).len(),
                    BatchSize::LargeInput,
                );
            },
        );
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    snapshots(&mut criterion);
    criterion.final_summary();
}
