//! The server of every loopback client: native rustls with aws-lc-rs, which is never the slower
//! end.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use portcullis_bench_link::{HEADER, Request, What};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::rounds::of_this_thread;

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// The name of the threads that serve.
pub(crate) const SERVER: &str = "server";

/// Serve on a free port of 127.0.0.1, which is returned, until the process ends.
pub(crate) fn serve(config: Arc<ServerConfig>) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let config = Arc::clone(&config);
            // A failure here fails the client's call too, which reports it.
            let served = thread::Builder::new().name(SERVER.to_owned());
            let _ = served.spawn(move || stream.and_then(|stream| attend(config, stream)));
        }
    });
    Ok(port)
}

fn attend(config: Arc<ServerConfig>, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = Stream::new(connection, stream);
    let mut before = of_this_thread();
    loop {
        let mut header = [0; HEADER];
        if let Err(error) = stream.read_exact(&mut header) {
            stream.conn.send_close_notify();
            stream.flush()?;
            return Err(error);
        }
        let Some(request) = Request::from_bytes(header) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        answer(request, &mut stream)?;
        let now = of_this_thread();
        count(now - before);
        before = now;
    }
}

/// How many requests were answered, and the processor time of the threads that did it, from the
/// beginning of their connections.
static SERVED: Mutex<(u64, Duration)> = Mutex::new((0, Duration::ZERO));
static MORE: Condvar = Condvar::new();

/// What the servers of this process have done so far.
pub(crate) fn served() -> (u64, Duration) {
    *SERVED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn count(time: Duration) {
    let mut served = SERVED.lock().unwrap_or_else(PoisonError::into_inner);
    served.0 += 1;
    served.1 += time;
    MORE.notify_all();
}

/// The processor time of the one request since then, whose client has its answer.
pub(crate) fn spent_since((requests, time): (u64, Duration)) -> Result<Duration> {
    let served = SERVED.lock().unwrap_or_else(PoisonError::into_inner);
    let is_before = |served: &mut (u64, Duration)| served.0 == requests;
    let waited = MORE.wait_timeout_while(served, Duration::from_secs(5), is_before);
    let (served, _) = waited.unwrap_or_else(PoisonError::into_inner);
    ensure!(served.0 == requests + 1, "the server answered otherwise");
    Ok(served.1 - time)
}

fn answer(request: Request, stream: &mut Stream) -> io::Result<()> {
    let mut message = request.message();
    for _ in 0..request.count {
        if request.what != What::Receive {
            stream.read_exact(&mut message)?;
        }
        if request.what != What::Send {
            stream.write_all(&message)?;
        }
    }
    if request.what == What::Send {
        stream.write_all(&[0])?;
    }
    stream.flush()
}
