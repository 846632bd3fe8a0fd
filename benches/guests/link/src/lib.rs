//! What every client of the benchmark does with its connection: the same calls in the same order,
//! whoever speaks TLS. The server's part is in `server.rs` of the benchmark.

/// A TLS connection that blocks.
pub trait Link {
    /// Send all of it.
    ///
    /// # Errors
    /// The connection failed; the reason is for people.
    fn write_all(&mut self, message: &[u8]) -> Result<(), String>;

    /// Take up to `limit` bytes that arrived, and return how many there were: at least one.
    ///
    /// # Errors
    /// The connection failed or ended; the reason is for people.
    fn read(&mut self, limit: usize) -> Result<usize, String>;
}

/// What the client asks the server for; the header of [`Request::to_bytes`] tells it.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// What is to be done.
    pub what: What,
    /// The length of a message.
    pub length: u32,
    /// How many messages there are.
    pub count: u32,
}

/// What is to be done with the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The server sends each back when it has all of it.
    Exchange,
    /// The client sends them; at the end the server says one byte.
    Send,
    /// The server sends them.
    Receive,
}

/// The length of a request's header.
pub const HEADER: usize = 9;

/// How much is read at once at most.
const READ: usize = 64 * 1024;

impl Request {
    /// The header.
    pub fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let what = match self.what {
            What::Exchange => 0,
            What::Send => 1,
            What::Receive => 2,
        };
        let numbers = [self.length.to_le_bytes(), self.count.to_le_bytes()];
        let all = [what].into_iter().chain(numbers.into_iter().flatten());
        for (to, from) in bytes.iter_mut().zip(all) {
            *to = from;
        }
        bytes
    }

    /// What the header says; none if it makes no sense.
    pub fn from_bytes([what, a, b, c, d, e, f, g, h]: [u8; HEADER]) -> Option<Self> {
        Some(Self {
            what: match what {
                0 => What::Exchange,
                1 => What::Send,
                2 => What::Receive,
                _ => return None,
            },
            length: u32::from_le_bytes([a, b, c, d]),
            count: u32::from_le_bytes([e, f, g, h]),
        })
    }

    /// One of the messages.
    pub fn message(self) -> Vec<u8> {
        vec![0x5a; usize::try_from(self.length).unwrap_or(0)]
    }

    /// How many bytes all of them are.
    pub fn total(self) -> u64 {
        u64::from(self.length) * u64::from(self.count)
    }

    /// Do it. Returns how long each exchange took by the clock, which counts nanoseconds; nothing
    /// for the others.
    ///
    /// # Errors
    /// The connection failed; the reason is for people.
    pub fn run(self, link: &mut impl Link, clock: impl Fn() -> u64) -> Result<Vec<u64>, String> {
        let message = self.message();
        link.write_all(&self.to_bytes())?;
        let mut times = Vec::new();
        match self.what {
            What::Exchange => {
                for _ in 0..self.count {
                    let before = clock();
                    link.write_all(&message)?;
                    take(link, u64::from(self.length))?;
                    times.push(clock().saturating_sub(before));
                }
            }
            What::Send => {
                for _ in 0..self.count {
                    link.write_all(&message)?;
                }
                take(link, 1)?;
            }
            What::Receive => take(link, self.total())?,
        }
        Ok(times)
    }
}

fn take(link: &mut impl Link, length: u64) -> Result<(), String> {
    let mut left = length;
    while left > 0 {
        let limit = usize::try_from(left).unwrap_or(READ).min(READ);
        let count = link.read(limit)?;
        left = left.saturating_sub(u64::try_from(count).unwrap_or(left));
    }
    Ok(())
}
