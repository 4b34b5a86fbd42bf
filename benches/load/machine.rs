//! State of the machine: the current CPU speed, the CPU time stolen by other guests, the load and
//! the limit of open files.

use std::{fs, hint::black_box, time::Instant};

use serde_json::{Value, json};

/// Returns the current state of the machine. It explains unusual results but is part of no result.
pub fn probe() -> Value {
    let (steal, total) = steal();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Option<f64> = load.split(' ').next().and_then(|text| text.parse().ok());
    json!({ "fixed_loop_ms": fixed_loop_ms(), "steal_ticks": steal, "cpu_ticks": total, "load_1m": load })
}

/// Returns the milliseconds of a fixed amount of arithmetic, the best of three attempts.
fn fixed_loop_ms() -> f64 {
    let once = || {
        let started = Instant::now();
        let mut state = black_box(0x9e37_79b9_7f4a_7c15_u64);
        for _ in 0..20_000_000_u32 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
        }
        black_box(state);
        started.elapsed().as_secs_f64() * 1e3
    };
    (0..3).map(|_| once()).fold(f64::INFINITY, f64::min)
}

/// Returns the ticks that the host gave to other guests, and all ticks, since the machine started.
fn steal() -> (u64, u64) {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let numbers: Vec<u64> = line
        .split_whitespace()
        .skip(1)
        .filter_map(|number| number.parse().ok())
        .collect();
    (
        numbers.get(7).copied().unwrap_or(0),
        numbers.iter().take(8).sum(),
    )
}

/// Returns the limit of open files of this process, which its children inherit.
pub fn open_files() -> u64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    match line.and_then(|line| line.split_whitespace().next()) {
        Some("unlimited") => u64::MAX,
        Some(number) => number.parse().unwrap_or(0),
        None => 0,
    }
}

/// Returns the number of available cores, at least 1.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
