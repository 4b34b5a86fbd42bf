//! The load generator at a fixed rate.
//!
//! Latency counts from the instant when a request was due, not from when it was sent. So the
//! figures include requests that a stalled server delayed.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Barrier,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    http::{Dice, Load, Run, Source, Tally},
    wire,
};

/// Runs at `rate` requests per second over the load's connections, with a thread for each. A
/// sleeping thread wakes up within some 50 µs, a timer of the asynchronous runtime only within a
/// millisecond.
pub fn open_loop(load: Load<'_>, rate: f64, source: &dyn Source) -> Result<Run> {
    let interval = Duration::from_secs_f64(load.connections as f64 / rate);
    let barrier = Barrier::new(load.connections + 1);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..load.connections)
            .map(|number| {
                let (barrier, offset) = (
                    &barrier,
                    interval.mul_f64(number as f64 / load.connections as f64),
                );
                scope.spawn(move || worker(load, source, number, interval, offset, barrier))
            })
            .collect();
        barrier.wait();
        let (started, before) = (Instant::now(), load.server.cpu_us());
        let mut all = Tally::new()?;
        for worker in workers {
            let tally = worker
                .join()
                .map_err(|_| anyhow::anyhow!("a thread of the load generator failed"))??;
            all.add(&tally)?;
        }
        let cpu = load.server.cpu_us() - before;
        all.finish(started.elapsed(), cpu)
    })
}

fn worker(
    load: Load<'_>,
    source: &dyn Source,
    number: usize,
    interval: Duration,
    offset: Duration,
    barrier: &Barrier,
) -> Result<Tally> {
    let connected = TcpStream::connect_timeout(&load.address, Duration::from_secs(10));
    barrier.wait();
    let mut stream = connected.with_context(|| format!("no connection to {}", load.address))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let (mut tally, mut dice) = (Tally::new()?, Dice::new(number as u64 + 1));
    let (mut request, mut buffer) = (Vec::with_capacity(1024), Vec::with_capacity(4096));
    let started = Instant::now();
    let mut due = started + offset;
    while due < started + load.duration {
        if let Some(early) = due.checked_duration_since(Instant::now()) {
            std::thread::sleep(early);
        }
        request.clear();
        buffer.clear();
        let expected = source.next(&mut dice, &mut request);
        match exchange(&mut stream, &request, &mut buffer) {
            Ok(message) => tally.answer(
                due.elapsed(),
                expected.fault(message.status, message.body(&buffer)),
            ),
            Err(error) => {
                tally.failure(format!("{error:#}"));
                break;
            }
        }
        due += interval;
        // Stops the run if the server cannot keep up with the rate.
        if started.elapsed() > load.duration * 3 {
            tally.failure(format!("the server is {:?} behind", due.elapsed()));
            break;
        }
    }
    Ok(tally)
}

fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> Result<wire::Message> {
    stream.write_all(request)?;
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            bail!("the server closed the connection");
        }
        buffer.extend_from_slice(&piece[..read]);
        if let Some(message) = wire::parse(buffer)? {
            return Ok(message);
        }
    }
}
