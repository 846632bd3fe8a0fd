//! By hyper, over the connection of tokio-rustls.

use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::header::HOST;
use hyper_util::rt::TokioIo;

use super::{Page, Result, by_tokio};

pub(super) async fn fetch(page: &Page) -> Result<Vec<u8>> {
    let stream = by_tokio::connect(page).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(page.path.as_str()).header(HOST, page.host.as_str());
    let response = sender
        .send_request(request.body(Empty::<Bytes>::new())?)
        .await?;
    let mut answer = format!("{:?} {}\r\n", response.version(), response.status()).into_bytes();
    answer.extend(response.into_body().collect().await?.to_bytes());
    drop(sender);
    connection.await??;
    Ok(answer)
}
