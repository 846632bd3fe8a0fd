//! The same client by `wasi:tls` of WASI 0.3: the host's, or Portcullis's when it is composed with it.
#![cfg(target_os = "wasi")]

use futures_util::join;
use portcullis_bench_link::{Request, What as LinkWhat};
use wasip3::clocks::monotonic_clock;
use wasip3::sockets::types::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, TcpSocket};
use wasip3::wit_bindgen::{StreamReader, StreamResult, StreamWriter};

use bindings::exports::portcullis::bench::async_client::{Guest, What};
use bindings::wasi::tls::client::Connector;

#[expect(unsafe_code, reason = "written by wit_bindgen::generate!")]
mod bindings {
    use super::Component;

    wasip3::wit_bindgen::generate!({
        inline: "
            package portcullis:bench-wasi-tls-p3;
            world client {
                import wasi:tls/client@0.3.0-draft;
                export portcullis:bench/async-client;
            }
        ",
        path: ["../../../wit/p3/deps/tls", "../link/async-client.wit"],
        runtime_path: "wasip3::wit_bindgen::rt",
        generate_all,
    });

    export!(Component);
}

/// How much is read at once at most.
const READ: usize = 64 * 1024;

struct Component;

impl Guest for Component {
    async fn run(
        port: u16,
        name: String,
        what: What,
        length: u32,
        count: u32,
    ) -> Result<Vec<u64>, String> {
        let what = match what {
            What::Exchange => LinkWhat::Exchange,
            What::Send => LinkWhat::Send,
            What::Receive => LinkWhat::Receive,
        };
        let request = Request {
            what,
            length,
            count,
        };
        talk(port, name, request).await
    }
}

async fn talk(port: u16, name: String, request: Request) -> Result<Vec<u64>, String> {
    let socket = TcpSocket::create(IpAddressFamily::Ipv4).map_err(text)?;
    let address = Ipv4SocketAddress {
        port,
        address: (127, 0, 0, 1),
    };
    let connected = socket.connect(IpSocketAddress::Ipv4(address)).await;
    connected.map_err(text)?;
    let connector = Connector::new();
    let (question, cleartext) = wasip3::wit_stream::new();
    let (ciphertext, sent) = connector.send(cleartext);
    let socket_sent = socket.send(ciphertext);
    let (ciphertext, socket_received) = socket.receive();
    let (answer, received) = connector.receive(ciphertext);
    let connected = Connector::connect(connector, name).await;
    connected.map_err(|error| error.to_debug_string())?;

    let talking = async {
        let times = exchange(request, question, answer).await?;
        sent.await.map_err(|error| error.to_debug_string())?;
        received.await.map_err(|error| error.to_debug_string())?;
        Ok(times)
    };
    let carrying = async { (socket_sent.await, socket_received.await) };
    let (times, (carried_to, carried_from)) = join!(talking, carrying);
    carried_to.and(carried_from).map_err(text)?;
    times
}

/// Does what is requested, and closes the stream as soon as nothing is left to be said: the host's own
/// `wasi:tls` keeps the last bytes for itself until then.
async fn exchange(
    request: Request,
    mut question: StreamWriter<u8>,
    mut answer: StreamReader<u8>,
) -> Result<Vec<u64>, String> {
    let mut times = Vec::new();
    let mut message = request.message();
    let before = monotonic_clock::now();
    let mut buffer = Vec::with_capacity(READ);
    write(&mut question, request.to_bytes().to_vec()).await?;
    match request.what {
        LinkWhat::Exchange => {
            for _ in 0..request.count {
                let before = monotonic_clock::now();
                message = write(&mut question, message).await?;
                buffer = take(&mut answer, u64::from(request.length), buffer).await?;
                times.push(monotonic_clock::now().saturating_sub(before));
            }
            drop(question);
        }
        LinkWhat::Send => {
            for _ in 0..request.count {
                message = write(&mut question, message).await?;
            }
            drop(question);
            buffer = take(&mut answer, 1, buffer).await?;
        }
        LinkWhat::Receive => {
            drop(question);
            buffer = take(&mut answer, request.total(), buffer).await?;
        }
    }
    if request.what != LinkWhat::Exchange {
        times.push(monotonic_clock::now().saturating_sub(before));
    }
    let (_, rest) = answer.read(buffer).await;
    match rest.is_empty() {
        true => Ok(times),
        false => Err("the server said too much".to_owned()),
    }
}

/// Writes all of the bytes, and gives the buffer back, full as it was.
async fn write(to: &mut StreamWriter<u8>, message: Vec<u8>) -> Result<Vec<u8>, String> {
    let length = message.len();
    let mut message = to.write_all(message).await;
    if !message.is_empty() {
        return Err("the stream ended".to_owned());
    }
    message.resize(length, 0x5a);
    Ok(message)
}

/// Takes as many bytes as this, and gives the empty buffer back.
async fn take(
    from: &mut StreamReader<u8>,
    length: u64,
    mut buffer: Vec<u8>,
) -> Result<Vec<u8>, String> {
    let mut left = length;
    while left > 0 {
        let (status, mut filled) = from.read(buffer).await;
        left = left.saturating_sub(u64::try_from(filled.len()).unwrap_or(left));
        if left > 0 && !matches!(status, StreamResult::Complete(_)) {
            return Err("the server closed".to_owned());
        }
        filled.clear();
        buffer = filled;
    }
    Ok(buffer)
}

fn text(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}
