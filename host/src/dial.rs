//! A TCP connection of the host's own, for what is spoken before TLS.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::exit::{Exit, Result, Status};
use crate::starttls::{Protocol, Refusal};
use crate::target::Target;

/// Connects to the target, tries its addresses in turn, and brings the connection to the point
/// where TLS begins.
pub(crate) fn dial(target: &Target, protocol: Protocol, limit: Duration) -> Result<TcpStream> {
    let until = Instant::now() + limit;
    let stream = connect(target, until)?;
    let mut wire = Deadline { stream, until };
    protocol.upgrade(&mut wire, &target.host).map_err(|refusal| match refusal {
        Refusal::Server(answer) => Exit::new(
            Status::Tls,
            format_args!(
                "STARTTLS refused: {answer}; check the protocol and the port, or ask the server's \
                 operator for TLS"
            ),
        ),
        Refusal::Io(error) if is_timeout(&error) => too_late(),
        Refusal::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => Exit::new(
            Status::Network,
            "the server closed the connection before TLS; check protocol and port",
        ),
        Refusal::Io(error) => {
            Exit::new(
                Status::Network,
                format_args!("the connection failed before TLS: {error}; see the server's log"),
            )
        }
    })?;
    // The component makes the socket non-blocking, so that these limits mean nothing any more.
    Ok(wire.stream)
}

fn connect(target: &Target, until: Instant) -> Result<TcpStream> {
    let mut last = None;
    for address in resolve(target, until)? {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(too_late());
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) if is_timeout(&error) => Err(too_late()),
        Some(error) => Err(Exit::new(
            Status::Network,
            format_args!("the server is not reached: {error}; check address and port"),
        )),
        None => Err(Exit::new(
            Status::Network,
            "the name has no address; check it",
        )),
    }
}

/// The system's resolver cannot be interrupted: a thread waits for it.
fn resolve(target: &Target, until: Instant) -> Result<Vec<SocketAddr>> {
    let (sender, found) = mpsc::channel();
    let (host, port) = (target.host.clone(), target.port);
    thread::spawn(move || {
        let addresses = (host.as_str(), port)
            .to_socket_addrs()
            .map(Iterator::collect);
        // Nobody listens any more when time is up.
        let _ = sender.send(addresses);
    });
    match found.recv_timeout(until.saturating_duration_since(Instant::now())) {
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(error)) => Err(Exit::new(
            Status::Network,
            format_args!(
                "{:?} does not resolve: {error}; check the name",
                target.host
            ),
        )),
        Err(_) => Err(too_late()),
    }
}

fn too_late() -> Exit {
    let line = "the server did not answer in time; try again, or with a longer --timeout";
    Exit::new(Status::Timeout, line)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock
    )
}

/// A connection on which everything together takes no longer than until a moment.
struct Deadline {
    stream: TcpStream,
    until: Instant,
}

impl Deadline {
    fn left(&self) -> io::Result<Option<Duration>> {
        match self.until.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(Some(left)),
        }
    }
}

impl Read for Deadline {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Deadline {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn silent() -> (TcpListener, Target) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        (
            listener,
            Target {
                host: "127.0.0.1".to_owned(),
                port,
            },
        )
    }

    #[test]
    fn silent_server_is_given_up_in_time() {
        let (_listener, target) = silent();
        let begin = Instant::now();
        let exit = dial(&target, Protocol::Smtp, Duration::from_millis(200)).unwrap_err();
        assert_eq!(exit.status, Status::Timeout);
        assert!(begin.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn refused_connection_is_the_networks_fault() {
        let (listener, target) = silent();
        drop(listener);
        let exit = dial(&target, Protocol::Smtp, Duration::from_secs(5)).unwrap_err();
        assert_eq!(exit.status, Status::Network);
    }

    #[test]
    fn early_end_is_the_networks_fault() {
        let (listener, target) = silent();
        let server = thread::spawn(move || drop(listener.accept()));
        let exit = dial(&target, Protocol::Smtp, Duration::from_secs(5)).unwrap_err();
        assert_eq!(exit.status, Status::Network);
        server.join().unwrap();
    }
}
