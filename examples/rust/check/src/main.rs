//! Checks portcullis-client against a TLS server that echoes all bytes:
//! `portcullis-client-check HOST PORT`. Trusts the authorities of the file that `SSL_CERT_FILE`
//! names; the server must be unknown to the web roots. `cert.pem` and `key.pem` beside that file
//! are a certificate for HOST and its key: with them servers are checked too.

use std::io::{BufRead as _, BufReader, Error, ErrorKind, IoSlice, Read as _, Result, Write as _};
use std::net::TcpListener;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures_lite::future::try_zip;
use portcullis_client::context::{Context, Source, VerifyName};
use portcullis_client::types::{CertificateReason, Error as Failure, NetworkCode, Role, Timer};
use portcullis_client::{AsyncTlsStream, Port, TlsError, TlsStream};
use wstd::io::{AsyncRead as _, AsyncWrite as _};
use wstd::runtime::block_on;

mod environment;
mod misuse;
mod polled;
mod server;
mod session;
mod shared;
mod starttls;
mod told;

/// No more than this of an echo is under way at once, so that neither side waits for the other.
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

    /// A server's context, if there is a certificate for it.
    fn server_context(&self) -> Result<Option<Context>> {
        let context = |(chain, key): (String, String)| server_context(&chain, &key);
        identity().map(context).transpose()
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
        self.report("write-in-parts", Self::write_in_parts);
        misuse::report(self);
        told::report(self);
        environment::report(self);
        session::report(self);
        starttls::report(self);
        server::report(self);
        self.report("unknown-authority", |check| {
            let web = Context::secure(Role::Client);
            let result = TlsStream::connect_with(&web, &check.host, check.port);
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
        self.report("async-unknown-authority", |check| {
            let web = Context::secure(Role::Client);
            let result = AsyncTlsStream::connect_with(&web, &check.host, check.port);
            expect_refusal(block_on(result), CertificateReason::UnknownAuthority)
        });
        self.report("async-read-timeout", |check| {
            block_on(check.read_timeout_async())
        });
        self.report("async-handshake-timeout", |check| {
            block_on(check.handshake_timeout_async())
        });
        self.report("async-drop", |check| block_on(check.drop_async()));
        polled::report(self);
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

    /// A `write!` of many parts is one write: parts that wait for each other on the network would
    /// take 40 ms a time.
    fn write_in_parts(&self) -> Result<()> {
        let mut stream = self.connect()?;
        let (mut whole, mut parts) = (Duration::ZERO, Duration::ZERO);
        for number in 0..50 {
            let text = format!("GET /{number} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
            let mut echo = vec![0; text.len()];
            let begin = Instant::now();
            stream.write_all(text.as_bytes())?;
            stream.read_exact(&mut echo)?;
            let middle = Instant::now();
            write!(
                stream,
                "GET /{number} HTTP/1.1\r\nHost: {}\r\n\r\n",
                self.host
            )?;
            stream.read_exact(&mut echo)?;
            is(echo == text.as_bytes(), "the echo is the same")?;
            whole = whole.saturating_add(middle.duration_since(begin));
            parts = parts.saturating_add(middle.elapsed());
        }
        let limit = whole
            .saturating_mul(3)
            .saturating_add(Duration::from_millis(400));
        is(parts < limit, "parts take no longer than the whole")?;
        let pieces = [&b"one "[..], b"", b"two"].map(IoSlice::new);
        is(
            stream.write_vectored(&pieces)? == 7,
            "several buffers are one write",
        )?;
        let mut echo = [0; 7];
        stream.read_exact(&mut echo)?;
        is(&echo == b"one two", "the echo of several buffers")?;
        stream.close()
    }

    fn read_timeout(&self) -> Result<()> {
        let mut stream = self.connect()?;
        limit(stream.port(), Timer::Read)?;
        let begin = Instant::now();
        expect_timeout(stream.read(&mut [0]), Timer::Read, begin)?;
        // The timeout is not fatal.
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
        // The silent peer holds up no other connection.
        let silent = async {
            let result = AsyncTlsStream::connect_with(&context, "127.0.0.1", port).await;
            expect_timeout(result, Timer::Handshake, begin)
        };
        try_zip(silent, self.echo_async()).await?;
        Ok(())
    }

    /// A peer that takes connections and says nothing, and a context with a short handshake timer.
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

/// Certificate and key, beside the authority.
fn identity() -> Option<(String, String)> {
    let authority = std::env::var("SSL_CERT_FILE").ok()?;
    let folder = authority.strip_suffix("ca.pem")?;
    Some((format!("{folder}cert.pem"), format!("{folder}key.pem")))
}

fn server_context(chain: &str, key: &str) -> Result<Context> {
    let context = Context::secure(Role::Server);
    let (chain, key) = (chain.to_owned(), key.to_owned());
    context.load_identity(&Source::Path(chain), &Source::Path(key), None)?;
    Ok(context)
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

/// Expect a failure of this kind, with one inside that `is_it` accepts.
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
    let [host, port] = arguments.as_slice() else {
        eprintln!("usage: portcullis-client-check HOST PORT");
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
    if check.has_failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
