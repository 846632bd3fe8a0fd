//! Checks portcullis-client against a TLS server that echoes all bytes:
//! `portcullis-client-check HOST PORT [CERT KEY]`. Trusts the authorities of the file that
//! `SSL_CERT_FILE` names; the server must be unknown to the web roots. With a certificate and its
//! key for HOST, the listener is checked too.

use std::io::{BufRead as _, BufReader, Error, ErrorKind, Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures_lite::future::{try_zip, zip};
use portcullis_client::context::{Context, Source, VerifyName};
use portcullis_client::types::{CertificateReason, Error as Failure, NetworkCode, Role, Timer};
use portcullis_client::{AsyncTlsStream, PlainTransport, Port, TlsError, TlsListener, TlsStream};
use wstd::io::{AsyncRead as _, AsyncWrite as _};
use wstd::runtime::block_on;

mod shared;
mod socket;

/// No side holds more than this of an echo back, so that neither waits for the other.
const PIECE: usize = 16 * 1024;
const SIZES: [usize; 6] = [1, 100, PIECE, PIECE + 1, 100_000, 1024 * 1024];

/// Short, for a timer that is to run out.
const SHORT: Duration = Duration::from_millis(200);
/// How late a timer may be noticed on a busy machine.
const LATE: Duration = Duration::from_secs(5);

/// The server, and what was checked.
struct Check {
    host: String,
    port: u16,
    has_failed: bool,
}

impl Check {
    fn report(&mut self, name: &str, check: impl FnOnce(&Self) -> Result<()>) {
        match check(self) {
            Ok(()) => println!("ok {name}"),
            Err(error) => {
                println!("not ok {name}: {error}");
                self.has_failed = true;
            }
        }
    }

    fn context(&self) -> Result<Context> {
        let context = Context::secure(Role::Client);
        if let Ok(file) = std::env::var("SSL_CERT_FILE") {
            context.add_trust_roots(&Source::Path(file))?;
        }
        Ok(context)
    }

    fn connect(&self) -> Result<TlsStream> {
        TlsStream::connect_with(&self.context()?, &self.host, self.port)
    }

    async fn connect_async(&self) -> Result<AsyncTlsStream> {
        AsyncTlsStream::connect_with(&self.context()?, &self.host, self.port).await
    }

    fn run(&mut self) {
        self.report("echo", |check| echo_sizes(&mut check.connect()?));
        self.report("read-line", Self::read_line);
        self.report("use-after-close", Self::use_after_close);
        self.report("start", Self::start);
        self.report("unknown-authority", |check| {
            let result = TlsStream::connect(&check.host, check.port);
            expect_refusal(result, CertificateReason::UnknownAuthority)
        });
        self.report("wrong-name", |check| {
            let context = check.context()?;
            context.set_verify_name(&VerifyName::Name("other.invalid".to_owned()))?;
            let result = TlsStream::connect_with(&context, &check.host, check.port);
            expect_refusal(result, CertificateReason::WrongName)
        });
        self.report("connection-refused", |check| {
            let result = TlsStream::connect_with(&check.context()?, "127.0.0.1", 1);
            expect(result, ErrorKind::ConnectionRefused, |failure| {
                matches!(failure, Failure::Network(network) if network.code == NetworkCode::ConnectionRefused)
            })
        });
        self.report("no-host", |check| {
            let result = TlsStream::connect_with(&check.context()?, "no host", 443);
            expect(result, ErrorKind::InvalidInput, |failure| {
                matches!(failure, Failure::InvalidArgument(_))
            })
        });
        self.report("no-file", |_| {
            let context = Context::secure(Role::Client);
            let result = context.add_trust_roots(&Source::Path("no-file".to_owned()));
            expect(
                result.map_err(Error::from),
                ErrorKind::NotFound,
                |failure| matches!(failure, Failure::InvalidConfiguration(_)),
            )
        });
        self.report("read-timeout", Self::read_timeout);
        self.report("handshake-timeout", Self::handshake_timeout);
        self.report("async-echo", |check| block_on(check.echo_async()));
        self.report("async-many", |check| block_on(check.many_async()));
        self.report("async-start", |check| block_on(check.start_async()));
        self.report("async-unknown-authority", |check| {
            let result = block_on(AsyncTlsStream::connect(&check.host, check.port));
            expect_refusal(result, CertificateReason::UnknownAuthority)
        });
        self.report("async-read-timeout", |check| {
            block_on(check.read_timeout_async())
        });
        self.report("async-handshake-timeout", |check| {
            block_on(check.handshake_timeout_async())
        });
        self.report("async-drop", |check| block_on(check.drop_async()));
    }

    fn read_line(&self) -> Result<()> {
        let stream = self.connect()?;
        (&stream).write_all(b"first\nsecond\nlast\n")?;
        let mut lines = BufReader::new(&stream).lines();
        for line in ["first", "second", "last"] {
            is(lines.next().transpose()?.as_deref() == Some(line), line)?;
        }
        stream.close()
    }

    fn use_after_close(&self) -> Result<()> {
        let mut stream = self.connect()?;
        stream.close_output()?;
        let is_closed = |failure: &Failure| matches!(failure, Failure::Closed);
        expect(stream.write(b"late"), ErrorKind::BrokenPipe, is_closed)?;
        stream.close()?;
        stream.close()?;
        expect(stream.read(&mut [0]), ErrorKind::BrokenPipe, is_closed)
    }

    /// A socket of our own that becomes TLS.
    fn start(&self) -> Result<()> {
        let (socket, transport) = self.plain()?;
        let mut stream = TlsStream::start(&self.context()?, Some(&self.host), transport)?;
        echo_sizes(&mut stream)?;
        stream.close()?;
        // A child of the socket.
        drop(stream);
        drop(socket);
        Ok(())
    }

    async fn start_async(&self) -> Result<()> {
        let (socket, transport) = self.plain()?;
        let stream = AsyncTlsStream::start(&self.context()?, Some(&self.host), transport).await?;
        echo_async(&stream, PIECE).await?;
        stream.close().await?;
        drop(socket);
        Ok(())
    }

    fn plain(&self) -> Result<(wasip2::sockets::tcp::TcpSocket, PlainTransport)> {
        let mut addresses = (self.host.as_str(), self.port).to_socket_addrs()?;
        let address = addresses.find(SocketAddr::is_ipv4);
        socket::connect(address.ok_or_else(|| Error::other("no IPv4 address"))?)
    }

    fn read_timeout(&self) -> Result<()> {
        let mut stream = self.connect()?;
        limit(stream.port(), Timer::Read)?;
        let begin = Instant::now();
        expect_timeout(stream.read(&mut [0]), Timer::Read, begin)?;
        // Not fatal.
        stream.port().set_timeout(Timer::Read, None)?;
        echo_sizes(&mut stream)?;
        stream.close()
    }

    async fn read_timeout_async(&self) -> Result<()> {
        let mut stream = self.connect_async().await?;
        limit(stream.port(), Timer::Read)?;
        let begin = Instant::now();
        expect_timeout(stream.read(&mut [0]).await, Timer::Read, begin)?;
        stream.port().set_timeout(Timer::Read, None)?;
        echo_async(&stream, PIECE).await?;
        stream.close().await
    }

    fn handshake_timeout(&self) -> Result<()> {
        let (context, silent) = self.silent()?;
        let begin = Instant::now();
        let result = TlsStream::connect_with(&context, "127.0.0.1", silent.local_addr()?.port());
        expect_timeout(result, Timer::Handshake, begin)
    }

    async fn handshake_timeout_async(&self) -> Result<()> {
        let (context, silent) = self.silent()?;
        let port = silent.local_addr()?.port();
        let begin = Instant::now();
        // The silent one holds nobody up.
        let silent = async {
            let result = AsyncTlsStream::connect_with(&context, "127.0.0.1", port).await;
            expect_timeout(result, Timer::Handshake, begin)
        };
        try_zip(silent, self.echo_async()).await?;
        Ok(())
    }

    /// A peer that takes connections and says nothing, and a context that does not bear it long.
    fn silent(&self) -> Result<(Context, TcpListener)> {
        let context = self.context()?;
        context.set_timeout(Timer::Handshake, Some(200))?;
        Ok((context, TcpListener::bind("127.0.0.1:0")?))
    }

    async fn echo_async(&self) -> Result<()> {
        let stream = self.connect_async().await?;
        for size in SIZES {
            echo_async(&stream, size).await?;
        }
        stream.close().await
    }

    async fn many_async(&self) -> Result<()> {
        let pair = || try_zip(self.echo_async(), self.echo_async());
        try_zip(try_zip(pair(), pair()), try_zip(pair(), pair())).await?;
        Ok(())
    }

    /// A future of a read that is dropped takes no bytes and no pollable with it.
    async fn drop_async(&self) -> Result<()> {
        use wstd::future::FutureExt as _;
        let mut stream = self.connect_async().await?;
        for _ in 0..3 {
            let mut byte = [0];
            let read = stream.read(&mut byte);
            let late = read.timeout(wstd::time::Duration::from_millis(50)).await;
            is(late.is_err(), "a read of nothing waits")?;
        }
        echo_async(&stream, SIZES.len()).await?;
        stream.close().await
    }
}

fn server_context(chain: &str, key: &str) -> Result<Context> {
    let context = Context::secure(Role::Server);
    let (chain, key) = (chain.to_owned(), key.to_owned());
    context.load_identity(&Source::Path(chain), &Source::Path(key), None)?;
    Ok(context)
}

/// What is served by the listener, and how a client sees a server that hangs up.
fn listener(chain: &str, key: &str, check: &Check) -> Result<()> {
    let context = server_context(chain, key)?;
    let listener = TlsListener::listen(&context, SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let port = listener.local_addr()?.port();
    let trust = check.context()?;
    // One waits in the queue before it is accepted.
    let waiting = AsyncTlsStream::from(Port::blocking_connect(&trust, &check.host, port)?);
    let stream = listener
        .incoming()
        .next()
        .ok_or(ErrorKind::NotConnected)??;
    let accepted = AsyncTlsStream::from(stream.into_port());
    block_on(async {
        hang_up(async { Ok(waiting) }, async { Ok(accepted) }).await?;
        let client = AsyncTlsStream::connect_with(&trust, &check.host, port);
        hang_up(client, listener.accept_async()).await
    })
}

/// The server drops the connection in the middle.
async fn hang_up(
    client: impl Future<Output = Result<AsyncTlsStream>>,
    server: impl Future<Output = Result<AsyncTlsStream>>,
) -> Result<()> {
    let serve = async {
        let mut stream = server.await?;
        stream.write_all(b"cut").await?;
        stream.flush().await
    };
    let receive = async {
        let mut received = Vec::new();
        let end = client.await?.read_to_end(&mut received).await;
        expect(end, ErrorKind::UnexpectedEof, |failure| {
            matches!(failure, Failure::Truncated)
        })?;
        is(received.starts_with(b"cut"), "what came before the end")
    };
    let (received, served) = zip(receive, serve).await;
    served.and(received)
}

fn echo_sizes(stream: &mut TlsStream) -> Result<()> {
    for size in SIZES {
        let plaintext = plaintext(size);
        for piece in plaintext.chunks(PIECE) {
            stream.write_all(piece)?;
            let mut echo = vec![0; piece.len()];
            stream.read_exact(&mut echo)?;
            is(echo == piece, "the echo is the same")?;
        }
    }
    Ok(())
}

/// All of it at once, read and written side by side.
async fn echo_async(stream: &AsyncTlsStream, size: usize) -> Result<()> {
    let plaintext = plaintext(size);
    let write = async {
        let mut writer = stream;
        writer.write_all(&plaintext).await?;
        writer.flush().await
    };
    let read = async {
        let mut reader = stream;
        let mut echo: Vec<u8> = Vec::new();
        let mut buffer = vec![0; PIECE];
        while echo.len() < size {
            let length = reader.read(&mut buffer).await?;
            is(length > 0, "the echo is as long")?;
            echo.extend(buffer.iter().take(length));
        }
        Ok(echo)
    };
    let (_, echo) = try_zip(write, read).await?;
    is(echo == plaintext, "the echo is the same")
}

/// Bytes that do not repeat at the length of a record.
fn plaintext(size: usize) -> Vec<u8> {
    (0..=250).cycle().take(size).collect()
}

fn limit(port: &Port, timer: Timer) -> Result<()> {
    let milliseconds = u64::try_from(SHORT.as_millis()).map_err(Error::other)?;
    Ok(port.set_timeout(timer, Some(milliseconds))?)
}

fn is(condition: bool, claim: &str) -> Result<()> {
    if condition {
        return Ok(());
    }
    Err(Error::other(format!("not true: {claim}")))
}

fn expect_refusal<T>(result: Result<T>, reason: CertificateReason) -> Result<()> {
    expect(
        result,
        ErrorKind::InvalidData,
        |failure| matches!(failure, Failure::Certificate(refusal) if refusal.reason == reason),
    )
}

fn expect_timeout<T>(result: Result<T>, timer: Timer, begin: Instant) -> Result<()> {
    let took = begin.elapsed();
    expect(
        result,
        ErrorKind::TimedOut,
        |failure| matches!(failure, Failure::Timeout(which) if *which == timer),
    )?;
    is(took >= SHORT, "the timer is not early")?;
    is(took < SHORT.saturating_add(LATE), "the timer is not late")
}

/// A failure of this kind, with such a one inside.
fn expect<T>(
    result: Result<T>,
    kind: ErrorKind,
    is_it: impl FnOnce(&Failure) -> bool,
) -> Result<()> {
    match result {
        Ok(_) => Err(Error::other("it did not fail")),
        Err(error) if error.kind() == kind && TlsError::of(&error).is_some_and(is_it) => Ok(()),
        Err(error) => Err(Error::other(format!("another failure: {error:?}"))),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [host, port, identity @ ..] = arguments.as_slice() else {
        eprintln!("usage: portcullis-client-check HOST PORT [CERT KEY]");
        return ExitCode::from(2);
    };
    let Ok(port) = port.parse() else {
        eprintln!("{port} is not a port; give one from 1 to 65535");
        return ExitCode::from(2);
    };
    let mut check = Check {
        host: host.clone(),
        port,
        has_failed: false,
    };
    check.run();
    if let [chain, key] = identity {
        check.report("listener", |check| listener(chain, key, check));
        check.report("async-shared", |check| {
            shared::server_speaks_first(chain, key, check)
        });
    }
    if check.has_failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
