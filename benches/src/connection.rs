//! One end of a connection in memory, of any TLS implementation, and the handshake of two ends.

use anyhow::{Result, bail};

use crate::rounds::Watch;

/// Makes ends of one kind.
pub(crate) trait Maker {
    /// A fresh end; its handshake has not begun.
    fn make(&self) -> Result<Box<dyn Connection>>;
}

/// An end. Its `handshake`, `write` and `read` are measured; `arrive` and `leave`, which only move
/// ciphertext, are not.
pub(crate) trait Connection {
    /// Continue the handshake as far as possible; returns whether it is done.
    fn handshake(&mut self) -> Result<bool>;

    /// Protect all of the plaintext.
    fn write(&mut self, plaintext: &[u8]) -> Result<()>;

    /// Read up to `limit` bytes of plaintext; returns how many there were, 0 for none yet.
    fn read(&mut self, limit: usize) -> Result<usize>;

    /// Hand over ciphertext from the peer.
    fn arrive(&mut self, ciphertext: &[u8]);

    /// Replace the content of the buffer by the ciphertext for the peer. The buffer's memory is
    /// used for what leaves next, so that no end has to allocate while it is measured.
    fn leave(&mut self, ciphertext: &mut Vec<u8>);

    /// Whether the handshake was a resumption; `None` if the end does not tell.
    fn has_resumed(&self) -> Option<bool>;
}

/// The limit of round trips; a handshake needs fewer.
const TURNS: usize = 10;

/// Let a client and a server shake hands, and let the tickets reach the client. The times of the
/// two are counted separately.
pub(crate) fn shake_hands(
    (client, client_time): (&dyn Maker, &mut Watch),
    (server, server_time): (&dyn Maker, &mut Watch),
) -> Result<(Box<dyn Connection>, Box<dyn Connection>)> {
    let mut client = client_time.time(|| client.make())?;
    let mut server = server_time.time(|| server.make())?;
    let mut ciphertext = Vec::new();
    for _ in 0..TURNS {
        let client_done = client_time.time(|| client.handshake())?;
        client.leave(&mut ciphertext);
        server.arrive(&ciphertext);
        let server_done = server_time.time(|| server.handshake())?;
        server.leave(&mut ciphertext);
        client.arrive(&ciphertext);
        if client_done && server_done {
            // A server may keep its tickets until it reads or writes.
            if server_time.time(|| server.read(1))? != 0 {
                bail!("plaintext after the handshake");
            }
            server.leave(&mut ciphertext);
            client.arrive(&ciphertext);
            if client_time.time(|| client.read(1))? != 0 {
                bail!("plaintext after the handshake");
            }
            return Ok((client, server));
        }
    }
    bail!("the handshake does not end")
}

/// Read record by record until nothing is left; returns the number of bytes.
pub(crate) fn read_all(connection: &mut dyn Connection) -> Result<usize> {
    let mut total = 0;
    loop {
        match connection.read(RECORD)? {
            0 => return Ok(total),
            count => total += count,
        }
    }
}

/// The longest plaintext of a record, in bytes (RFC 8446, 5.1).
pub(crate) const RECORD: usize = 16 * 1024;
