//! A client that means well, and asks again and again while others do not.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::setup::Ends;

/// It gives up after this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long it took.
#[derive(Default, Debug)]
pub(crate) struct Waits {
    pub(crate) count: u32,
    pub(crate) worst: Duration,
    sum: Duration,
    pub(crate) failures: Vec<String>,
}

impl Waits {
    /// The mean.
    pub(crate) fn mean(&self) -> Duration {
        self.sum.checked_div(self.count).unwrap_or_default()
    }

    /// Asks once.
    pub(crate) fn ask(&mut self, port: u16, ends: &Ends) {
        let begun = Instant::now();
        if let Err(error) = echo(port, ends) {
            self.failures.push(format!("{error:#}"));
        }
        let took = begun.elapsed();
        self.count += 1;
        self.sum += took;
        self.worst = self.worst.max(took);
    }

    /// Asks until it is told to stop.
    pub(crate) fn ask_until(mut self, stop: &AtomicBool, port: u16, ends: &Ends) -> Self {
        while !stop.load(Ordering::Relaxed) {
            self.ask(port, ends);
        }
        self
    }
}

/// A connection, a handshake, and 1000 bytes there and back.
fn echo(port: u16, ends: &Ends) -> Result<()> {
    let rustls::Connection::Client(mut connection) = ends.peer()? else {
        bail!("the peer is no client");
    };
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let mut stream = rustls::Stream::new(&mut connection, &mut socket);
    let question = crate::pattern::bytes(crate::pattern::THEIRS, 0..1000);
    stream.write_all(&question)?;
    let mut answer = vec![0; question.len()];
    stream.read_exact(&mut answer)?;
    ensure!(answer == question, "another answer than the question");
    stream.conn.send_close_notify();
    stream.flush()?;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest)?;
    ensure!(rest.is_empty(), "more than was asked for");
    Ok(())
}
