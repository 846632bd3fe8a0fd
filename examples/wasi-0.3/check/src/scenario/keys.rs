//! New keys.

use super::{Folder, listen, name, tell};
use crate::bindings::portcullis::tls::types::Error;
use crate::bindings::wit_stream;
use crate::streams::read_all;

/// Serves one client by TLS 1.3 and one by TLS 1.2. Nothing is said before the client says something,
/// so new keys leave by themselves.
pub(super) async fn renew(folder: &Folder) -> Result<(), Error> {
    let listener = listen(&folder.server()?).await?;
    for _ in 0..2 {
        let port = listener.accept().await?;
        tell("before the handshake", &port.update_keys().await);
        let (mut answer, plaintext) = wit_stream::new();
        let (mut question, ended) = port.handshake(plaintext).await?;
        let version = port.session().version();
        println!(
            "version: {}",
            version.as_ref().map(name).unwrap_or_default()
        );
        tell("new keys", &port.update_keys().await);
        let first = question.next().await;
        println!("heard: {first:?}");
        answer.write_all(b"done".to_vec()).await;
        drop(answer);
        read_all(question).await;
        tell("ended", &ended.await);
        tell("after the end", &port.update_keys().await);
    }
    Ok(())
}
