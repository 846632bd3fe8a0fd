//! The server of every loopback client: native rustls with aws-lc-rs, which is never the slower
//! end.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use anyhow::Result;
use portcullis_bench_link::{HEADER, Request, What};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// Serve on a free port of 127.0.0.1, which is returned, until the process ends.
pub(crate) fn serve(config: Arc<ServerConfig>) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let config = Arc::clone(&config);
            // A failure here fails the client's call too, which reports it.
            thread::spawn(move || stream.and_then(|stream| attend(config, stream)));
        }
    });
    Ok(port)
}

fn attend(config: Arc<ServerConfig>, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = Stream::new(connection, stream);
    loop {
        let mut header = [0; HEADER];
        stream.read_exact(&mut header)?;
        let Some(request) = Request::from_bytes(header) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        answer(request, &mut stream)?;
    }
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
