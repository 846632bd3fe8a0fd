//! Fetches pages over HTTPS side by side, with wstd: `https-client-async HOST PORT PATH...`. It
//! trusts whom `SSL_CERT_FILE` and `SSL_CERT_DIR` name, else the web roots. The answers come out in
//! the order of the paths.

use std::io::{Result, Write as _};
use std::process::ExitCode;

use portcullis_client::AsyncTlsStream;
use wstd::io::{AsyncRead as _, AsyncWrite as _};
use wstd::runtime::{block_on, spawn};

async fn fetch(host: &str, port: u16, path: &str) -> Result<Vec<u8>> {
    let mut stream = AsyncTlsStream::connect(host, port).await?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await?;
    stream.close().await?;
    Ok(response)
}

async fn fetch_all(host: &str, port: u16, paths: &[String]) -> ExitCode {
    // All are under way before the first is waited for.
    let fetches: Vec<_> = paths
        .iter()
        .map(|path| {
            let (host, path) = (host.to_owned(), path.clone());
            spawn(async move { fetch(&host, port, &path).await })
        })
        .collect();
    let mut exit = ExitCode::SUCCESS;
    for (path, fetch) in paths.iter().zip(fetches) {
        match fetch.await {
            Ok(response) => {
                // A reader that closes our output early has seen enough.
                let _ = std::io::stdout().write_all(&response);
            }
            Err(error) => {
                eprintln!("https://{host}:{port}{path}: {error}");
                exit = ExitCode::FAILURE;
            }
        }
    }
    exit
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [host, port, paths @ ..] = arguments.as_slice() else {
        eprintln!("usage: https-client-async HOST PORT PATH...");
        return ExitCode::from(2);
    };
    let Ok(port) = port.parse() else {
        eprintln!("{port} is not a port; give one from 1 to 65535");
        return ExitCode::from(2);
    };
    block_on(fetch_all(host, port, paths))
}
