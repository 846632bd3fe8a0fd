//! One hostile connection over TCP: the peer and the middle are those of the first part, and whatever is at
//! the other end of the socket takes the place of our side.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use socket2::SockRef;

use crate::peer::Peer;
use crate::wire::{Label, Logged, Middle, Taken};

/// How long is waited for the other side before it is looked at what can be done on this side.
const LOOK: Duration = Duration::from_millis(2);

/// How long a client that reads nothing keeps to that.
const SILENCE: Duration = Duration::from_secs(12);

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The program has ended the connection, or this side has.
    pub(crate) is_over: bool,
    pub(crate) is_peer_content: bool,
    pub(crate) is_wrong: bool,
    pub(crate) is_harmed: bool,
    pub(crate) failure: Option<String>,
    pub(crate) time: Duration,
    pub(crate) to_us: Vec<Logged>,
    pub(crate) to_peer: Vec<Logged>,
}

/// One connection.
pub(crate) struct Hostile {
    socket: TcpStream,
    peer: Peer,
    middle: Middle,
    /// What the middle has let through, and the socket has not taken.
    unsent: Vec<u8>,
    /// When nothing was read for the first time although there may be something.
    blocked: Option<Instant>,
    has_ended: bool,
    is_over: bool,
}

impl Hostile {
    pub(crate) fn connect(port: u16, peer: Peer, middle: Middle) -> Result<Self> {
        Self::over(
            TcpStream::connect((Ipv4Addr::LOCALHOST, port))?,
            peer,
            middle,
        )
    }

    /// Over a connection that is there.
    pub(crate) fn over(socket: TcpStream, peer: Peer, middle: Middle) -> Result<Self> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(LOOK))?;
        socket.set_write_timeout(Some(LOOK))?;
        Ok(Self {
            socket,
            peer,
            middle,
            unsent: Vec::new(),
            blocked: None,
            has_ended: false,
            is_over: false,
        })
    }

    /// Goes on until the program has ended the connection, at most so long.
    pub(crate) fn run(mut self, patience: Duration) -> Result<Ended> {
        let begun = Instant::now();
        while !self.is_over && begun.elapsed() < patience {
            let mut has_moved = self.peer.turn(&mut self.middle)?;
            has_moved |= self.send();
            has_moved |= self.receive();
            if !has_moved {
                self.middle.stalled();
            }
        }
        // What has come may still be to be taken in.
        while self.peer.turn(&mut self.middle)? || self.middle.stalled() {}
        Ok(Ended {
            is_over: self.is_over,
            is_peer_content: self.peer.is_content(),
            is_wrong: self.peer.received.is_wrong,
            is_harmed: self.middle.to_us.is_harmed() || self.middle.to_peer.is_harmed(),
            failure: self.peer.failure,
            time: begun.elapsed(),
            to_us: self.middle.to_us.log,
            to_peer: self.middle.to_peer.log,
        })
    }

    fn send(&mut self) -> bool {
        if self.unsent.is_empty() {
            match self.middle.to_us.take(64 * 1024) {
                Taken::Bytes(bytes) => self.unsent = bytes,
                Taken::Nothing => return false,
                Taken::End => {
                    if !self.has_ended {
                        let _ = self.socket.shutdown(Shutdown::Write);
                    }
                    return !std::mem::replace(&mut self.has_ended, true);
                }
                Taken::Reset => {
                    self.reset();
                    return true;
                }
            }
        }
        match self.socket.write(&self.unsent) {
            Ok(sent) => {
                self.unsent.drain(..sent);
                sent > 0
            }
            Err(error) if is_pending(error.kind()) => false,
            Err(_) => {
                // The program reads nothing more. What it has said is still to be read.
                self.unsent.clear();
                false
            }
        }
    }

    /// The connection is given up as by a process that is killed: no end is sent, but a reset.
    fn reset(&mut self) {
        let _ = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
        self.is_over = true;
    }

    fn receive(&mut self) -> bool {
        let is_drained = self.blocked.is_some_and(|since| since.elapsed() > SILENCE);
        let room = match self.middle.to_peer.room() {
            _ if is_drained => usize::MAX,
            Some(0) => {
                self.blocked.get_or_insert_with(Instant::now);
                thread::sleep(LOOK);
                return false;
            }
            Some(room) => room,
            None => {
                self.reset();
                return true;
            }
        };
        let mut buffer = vec![0; room.min(16 * 1024)];
        match self.socket.read(&mut buffer) {
            Ok(0) => {
                self.is_over = true;
                self.middle.to_peer.end();
                true
            }
            Ok(length) => {
                let bytes = buffer.get(..length).unwrap_or_default();
                if !is_drained {
                    self.middle.to_peer.put(bytes, Label::default());
                }
                true
            }
            Err(error) if is_pending(error.kind()) => false,
            Err(_) => {
                self.is_over = true;
                self.middle.to_peer.end();
                true
            }
        }
    }
}

fn is_pending(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}
