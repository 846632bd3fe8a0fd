//! By tokio and tokio-rustls.

use std::net::ToSocketAddrs as _;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Page, Result, config};

/// The first address that answers. tokio looks up no names under WASI, since it has no thread that could
/// wait; std does.
pub(super) async fn connect(page: &Page) -> Result<TlsStream<TcpStream>> {
    let mut failure = None;
    for address in (page.host.as_str(), page.port).to_socket_addrs()? {
        match TcpStream::connect(address).await {
            Ok(tcp) => {
                let name = ServerName::try_from(page.host.clone())?;
                let connector = TlsConnector::from(Arc::new(config()?));
                return Ok(connector.connect(name, tcp).await?);
            }
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.map_or_else(|| "the name has no address".into(), Into::into))
}

pub(super) async fn fetch(page: &Page) -> Result<Vec<u8>> {
    let mut stream = connect(page).await?;
    let request = format!("GET {} HTTP/1.0\r\nHost: {}\r\n\r\n", page.path, page.host);
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    stream.shutdown().await?;
    Ok(answer)
}
