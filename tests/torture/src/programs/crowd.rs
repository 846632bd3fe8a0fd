//! Very many connections to one instance at once, which have shaken hands and are silent, while one after
//! the other an honest client asks.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustls::Connection;
use socket2::SockRef;

use super::PATIENCE;
use super::honest::Waits;
use super::program::Program;
use crate::report::Tally;
use crate::setup::Ends;
use crate::verdict::Verdict;

/// An honest client asks after so many connections.
const STEP: usize = 100;

/// What an instance, its host and the kernel's handles may take for a connection that is silent, in bytes.
const EACH: u64 = 64 * 1024;

/// What may differ beside.
const SLACK: u64 = 32 * 1024 * 1024;

/// Makes the connections, asks, and gives every other one up by a reset and the rest in order.
pub(crate) fn run(name: &str, mut program: Program, ends: &Ends, count: usize) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut waits = Waits::default();
    for _ in 0..STEP {
        waits.ask(program.port, ends);
    }
    let (descriptors, before) = (program.descriptors()?, program.memory("VmRSS")?);
    let mut crowd = Vec::new();
    let begun = Instant::now();
    let mut waits = Waits::default();
    for number in 0..count {
        let made = connect(program.port, ends).with_context(|| format!("connection {number}"));
        let verdict = match made {
            Ok(connection) => {
                crowd.push(connection);
                Verdict::Correct
            }
            Err(error) => Verdict::Failed(format!("{error:#}")),
        };
        tally.add(&format!("connection {number}"), "connection", verdict);
        if number % STEP == 0 {
            waits.ask(program.port, ends);
        }
    }
    let full = program.memory("VmRSS")?;
    println!(
        "{name}: {} connections at once, made in {:?}; an honest client waited {:?} at worst and {:?} on \
         average in {} exchanges; {before} kB before, {full} kB with all",
        crowd.len(),
        begun.elapsed(),
        waits.worst,
        waits.mean(),
        waits.count,
    );
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
        let verdict = match holds {
            true => Verdict::Correct,
            false => Verdict::Failed(format!("{what} does not hold")),
        };
        tally.add(&what, "program", verdict);
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
