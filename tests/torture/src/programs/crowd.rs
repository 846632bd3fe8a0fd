//! Very many connections to one instance at once, which have shaken hands and are silent, while one after
//! the other an honest client asks; then each of them asks.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustls::Connection;
use socket2::SockRef;

use super::PATIENCE;
use super::honest::Waits;
use super::program::Program;
use crate::pattern;
use crate::report::Tally;
use crate::setup::Ends;
use crate::verdict::Verdict;

/// How many connections an honest client makes before.
const CALM: usize = 100;

/// How many of the crowd do something at once.
const THREADS: usize = 16;

/// How much each of them asks for.
const BYTES: usize = 1000;

/// What an instance, its host and the kernel's handles may take for a connection that is silent, in bytes.
const EACH: u64 = 64 * 1024;

/// What may differ beside.
const SLACK: u64 = 32 * 1024 * 1024;

/// Makes the connections, asks, and gives every other one up by a reset and the rest in order.
pub(crate) fn run(name: &str, mut program: Program, ends: &Ends, count: usize) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut waits = Waits::default();
    for _ in 0..CALM {
        waits.ask(program.port, ends);
    }
    let (descriptors, before) = (program.descriptors()?, program.memory("VmRSS")?);
    let begun = Instant::now();
    let (made, mut waits) = beside(program.port, ends, || {
        on_threads(vec![(); count], |()| connect(program.port, ends))
    });
    let (took, full) = (begun.elapsed(), program.memory("VmRSS")?);
    let mut crowd = Vec::new();
    for made in made {
        match made {
            Ok(connection) => {
                crowd.push(connection);
                tally.add("connection", "connection", Verdict::Correct);
            }
            Err(error) => {
                let verdict = Verdict::Failed(format!("{error:#}"));
                tally.add("connection", "connection", verdict);
            }
        }
    }
    println!(
        "{name}: {} connections at once, made in {took:?}; an honest client waited {:?} at worst and {:?} \
         on average in {} exchanges; {before} kB before, {full} kB with all",
        crowd.len(),
        waits.worst,
        waits.mean(),
        waits.count,
    );
    let begun = Instant::now();
    let members = crowd.iter_mut().collect();
    let (talked, more) = beside(program.port, ends, || on_threads(members, talk));
    println!(
        "{name}: each has exchanged {BYTES} bytes, in {:?} together; the honest client waited {:?} at worst \
         and {:?} on average in {} exchanges; {} kB",
        begun.elapsed(),
        more.worst,
        more.mean(),
        more.count,
        program.memory("VmRSS")?,
    );
    waits.failures.extend(more.failures);
    for talked in talked {
        let verdict = match talked {
            Ok(()) => Verdict::Correct,
            Err(error) => Verdict::Failed(format!("{error:#}")),
        };
        tally.add("exchange", "exchange", verdict);
    }
    for (number, (mut connection, mut socket)) in crowd.into_iter().enumerate() {
        if number % 2 == 0 {
            let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
            continue;
        }
        connection.send_close_notify();
        let mut last = Vec::new();
        connection.write_tls(&mut last)?;
        socket.write_all(&last)?;
    }
    let begun = Instant::now();
    while program.descriptors()? > descriptors && begun.elapsed() < PATIENCE {
        waits.ask(program.port, ends);
    }
    let (left, after) = (program.descriptors()?, program.memory("VmRSS")?);
    println!(
        "{name}: all gone after {:?}: {after} kB; {descriptors} descriptors before, {left} after",
        begun.elapsed()
    );
    for failure in waits.failures {
        tally.add("honest client", "honest client", Verdict::Failed(failure));
    }
    let grown = full.saturating_sub(before) * 1024;
    let complaint = program.complaint();
    for (holds, what) in [
        (
            complaint.is_none(),
            format!("that it goes on ({complaint:?})"),
        ),
        (
            left <= descriptors,
            "that all descriptors are given back".to_owned(),
        ),
        (
            grown <= EACH * u64::try_from(count)? + SLACK,
            "the bound on a silent connection".to_owned(),
        ),
    ] {
        tally.promise(&what, "program", holds);
    }
    Ok(tally)
}

fn connect(port: u16, ends: &Ends) -> Result<(Connection, TcpStream)> {
    let mut connection = ends.peer()?;
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    while connection.is_handshaking() || connection.wants_write() {
        connection.complete_io(&mut socket)?;
    }
    ensure!(!connection.is_handshaking(), "the handshake is not done");
    Ok((connection, socket))
}

fn talk((connection, socket): &mut (Connection, TcpStream)) -> Result<()> {
    // Others than the next connection asks for.
    let start = usize::from(socket.local_addr()?.port());
    let question = pattern::bytes(pattern::THEIRS, start..start + BYTES);
    connection.writer().write_all(&question)?;
    while connection.wants_write() {
        connection.write_tls(socket)?;
    }
    let mut answer = Vec::new();
    while answer.len() < question.len() {
        ensure!(
            connection.read_tls(socket)? > 0,
            "the end in the place of an answer"
        );
        let state = connection.process_new_packets()?;
        let mut plaintext = vec![0; state.plaintext_bytes_to_read()];
        connection.reader().read_exact(&mut plaintext)?;
        answer.append(&mut plaintext);
    }
    ensure!(answer == question, "another answer than the question");
    Ok(())
}

/// Does something while an honest client asks, and tells how long that had to wait.
fn beside<T>(port: u16, ends: &Ends, work: impl FnOnce() -> T) -> (T, Waits) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = scope.spawn(|| Waits::default().ask_until(&stop, port, ends));
        let done = work();
        stop.store(true, Ordering::Relaxed);
        (done, asking.join().unwrap_or_default())
    })
}

/// Does this with each of them, so many at once.
fn on_threads<T: Send, U: Send>(all: Vec<T>, work: impl Fn(T) -> U + Sync) -> Vec<U> {
    let (all, done) = (Mutex::new(all), Mutex::new(Vec::new()));
    let next = || all.lock().unwrap_or_else(PoisonError::into_inner).pop();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(one) = next() {
                    let outcome = work(one);
                    done.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(outcome);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}
