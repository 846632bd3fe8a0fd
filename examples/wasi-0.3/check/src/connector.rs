//! Connectors of `wasi:tls`.

use std::pin::pin;

use futures_util::future::{join, select};
use wit_bindgen::StreamReader;

use crate::bindings::portcullis::tls::context::Context;
use crate::bindings::portcullis::tls::errors::explain;
use crate::bindings::portcullis::tls::types::Role;
use crate::bindings::portcullis::tls_async::drop_in::use_context;
use crate::bindings::wasi::clocks0_3_0::monotonic_clock::wait_for;
use crate::bindings::wasi::tls::client::Connector;
use crate::bindings::wit_stream;
use crate::peer::Peer;
use crate::streams::{read_pattern, write_pattern};
use crate::{Echo, Outcome, expect, net, port};

const MIB: usize = 1024 * 1024;
const MILLISECOND: u64 = 1_000_000;

pub(crate) async fn carries(echo: &Echo) -> Outcome {
    exchange(echo, &echo.host, 64 * MIB, 64 * 1024).await
}

/// Sends the pattern to the echo server, and compares what comes back.
async fn exchange(echo: &Echo, name: &str, length: usize, piece: usize) -> Outcome {
    let socket = net::connect(echo).await?;
    let connector = Connector::new();
    let (question, cleartext) = wit_stream::new();
    let (ciphertext, sent) = connector.send(cleartext);
    let socket_sent = socket.send(ciphertext);
    let (ciphertext, _) = socket.receive();
    let (mut answer, received) = connector.receive(ciphertext);
    let connected = Connector::connect(connector, name.to_owned()).await;
    connected.map_err(|error| error.to_debug_string())?;
    // The stream stays open until all has come back: what was sent leaves without its end.
    let asking = write_pattern(question, length, piece);
    let (question, came) = join(asking, read_pattern(&mut answer, length)).await;
    expect(came == length, || format!("{came} bytes came back"))?;
    drop(question);
    sent.await.map_err(|error| error.to_debug_string())?;
    expect(answer.next().await.is_none(), || {
        "more came back".to_owned()
    })?;
    received.await.map_err(|error| error.to_debug_string())?;
    socket_sent.await.map_err(|code| format!("{code:?}"))
}

pub(crate) async fn checks_the_name(echo: &Echo) -> Outcome {
    match exchange(echo, "wrong.example", 10, 10).await {
        Err(why) if why.contains("is for another name") => Ok(()),
        Err(why) => Err(why),
        Ok(()) => Err("the name was not checked".to_owned()),
    }
}

pub(crate) async fn is_set_up_first(echo: &Echo) -> Outcome {
    let connector = Connector::new();
    match Connector::connect(connector, echo.host.clone()).await {
        Err(error) if error.to_debug_string().contains("`send` and `receive`") => Ok(()),
        Err(error) => Err(error.to_debug_string()),
        Ok(()) => Err("it was connected to nothing".to_owned()),
    }
}

pub(crate) async fn tells_a_failure() -> Outcome {
    let mut peer = Peer::new()?;
    let address = peer.address;
    let shaking = async {
        let socket = net::connect_to(address).await?;
        let connector = Connector::new();
        let (_question, cleartext) = wit_stream::new();
        let (ciphertext, sent) = connector.send(cleartext);
        let _socket_sent = socket.send(ciphertext);
        let (ciphertext, _) = socket.receive();
        let (_answer, received) = connector.receive(ciphertext);
        let connected = Connector::connect(connector, "localhost".to_owned()).await;
        // All three tell the same.
        for told in [connected, sent.await, received.await] {
            let said = told.err().map(|error| error.to_debug_string());
            let said = said.unwrap_or_default();
            expect(said.contains("does not speak TLS"), || {
                format!("it says {said:?}")
            })?;
        }
        Ok(())
    };
    let (answered, told) = join(peer.answer(b"220 mail.example.com ESMTP\r\n"), shaking).await;
    answered?;
    told
}

pub(crate) async fn is_dropped_anywhere(echo: &Echo) -> Outcome {
    drop(Connector::new());
    for keeps in [true, false] {
        // Set up in part and whole, with what it gave alive and not.
        for directions in 1..=3 {
            let connector = Connector::new();
            let (_question, cleartext) = wit_stream::new();
            let (_output, ciphertext) = wit_stream::new();
            let sending = (directions & 1 != 0).then(|| connector.send(cleartext));
            let receiving = (directions & 2 != 0).then(|| connector.receive(ciphertext));
            if keeps {
                drop(connector);
                // The streams have ended.
                if let Some((mut ciphertext, _sent)) = sending {
                    expect(ciphertext.next().await.is_none(), || "bytes".to_owned())?;
                }
                drop(receiving);
            } else {
                drop((sending, receiving));
                drop(connector);
            }
        }
        // Called twice, of which the last call counts.
        let connector = Connector::new();
        let first = connector.receive(empty());
        let second = connector.receive(empty());
        if keeps {
            drop(connector);
        }
        drop((first, second));
        give_up_connecting(keeps).await?;
        go_away_after_connecting(echo, keeps).await?;
    }
    // The instance serves as before.
    exchange(echo, &echo.host, 1000, 10).await
}

/// A stream that has ended.
fn empty() -> StreamReader<u8> {
    let (_, reader) = wit_stream::new();
    reader
}

/// Cancels `connect` while the handshake waits for the peer.
async fn give_up_connecting(keeps: bool) -> Outcome {
    let connector = Connector::new();
    let (question, cleartext) = wit_stream::new();
    let (ciphertext, sent) = connector.send(cleartext);
    let (silence, from_peer) = wit_stream::new();
    let (answer, received) = connector.receive(from_peer);
    if !keeps {
        drop((sent, received, ciphertext, answer));
        let connecting = pin!(Connector::connect(connector, "localhost".to_owned()));
        select(connecting, pin!(wait_for(10 * MILLISECOND))).await;
        drop((question, silence));
        return Ok(());
    }
    {
        let connecting = pin!(Connector::connect(connector, "localhost".to_owned()));
        select(connecting, pin!(wait_for(10 * MILLISECOND))).await;
    }
    for told in [sent.await, received.await] {
        expect(told.is_err(), || "it ended well".to_owned())?;
    }
    drop((question, silence, ciphertext, answer));
    Ok(())
}

/// Connects, and drops everything at once, or all but what the peer sends.
async fn go_away_after_connecting(echo: &Echo, keeps: bool) -> Outcome {
    let socket = net::connect(echo).await?;
    let connector = Connector::new();
    let (mut question, cleartext) = wit_stream::new();
    let (ciphertext, sent) = connector.send(cleartext);
    let socket_sent = socket.send(ciphertext);
    let (ciphertext, _) = socket.receive();
    let (mut answer, received) = connector.receive(ciphertext);
    let connected = Connector::connect(connector, echo.host.clone()).await;
    connected.map_err(|error| error.to_debug_string())?;
    question.write_all(b"hello".to_vec()).await;
    if keeps {
        drop((question, sent, received));
        let answer = answer.next().await;
        expect(answer == Some(b'h'), || format!("{answer:?}"))?;
    } else {
        drop((question, sent, received, answer, socket));
    }
    drop(socket_sent);
    Ok(())
}

pub(crate) async fn takes_a_context(echo: &Echo) -> Outcome {
    let told = |error| explain(&error);
    use_context(&Context::secure(Role::Client)).map_err(told)?;
    match exchange(echo, &echo.host, 10, 10).await {
        Err(why) if why.contains("not from a trusted authority") => {}
        Err(why) => return Err(why),
        Ok(()) => return Err("the web's authorities are not its".to_owned()),
    }
    let refused = use_context(&Context::secure(Role::Server));
    expect(refused.is_err(), || {
        "a server's context was taken".to_owned()
    })?;
    use_context(&port::context().map_err(told)?).map_err(told)?;
    exchange(echo, &echo.host, 10, 10).await
}
