//! Fetches a page over HTTPS: `wasi-tls-client HOST PORT PATH`. It is written for the `wasi:tls` of a
//! host, by the crate `wasip3`, and knows nothing of Portcullis.
#![cfg(target_os = "wasi")]

use futures_util::join;
use wasip3::cli::{environment, stderr, stdout};
use wasip3::sockets::ip_name_lookup::resolve_addresses;
use wasip3::sockets::types::{
    IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress, TcpSocket,
};
use wasip3::wit_bindgen::{StreamReader, StreamResult};

use bindings::wasi::tls::client::Connector;

mod bindings {
    wasip3::wit_bindgen::generate!({
        inline: "package example:fetch; world fetch { import wasi:tls/client@0.3.0-draft; }",
        path: "../../../wit/p3/deps/tls",
        runtime_path: "wasip3::wit_bindgen::rt",
        generate_all,
    });
}

struct Client;

wasip3::cli::command::export!(Client);

impl wasip3::exports::cli::run::Guest for Client {
    async fn run() -> Result<(), ()> {
        let arguments: Vec<_> = environment::get_arguments().into_iter().skip(1).collect();
        let [host, port, path] = arguments.as_slice() else {
            tell("usage: wasi-tls-client HOST PORT PATH").await;
            return Err(());
        };
        let Ok(port) = port.parse() else {
            tell("PORT is a number from 1 to 65535").await;
            return Err(());
        };
        match fetch(host, port, path).await {
            Ok(()) => Ok(()),
            Err(error) => {
                tell(&format!("https://{host}:{port}{path}: {error}")).await;
                Err(())
            }
        }
    }
}

async fn fetch(host: &str, port: u16, path: &str) -> Result<(), String> {
    let socket = connect(host, port).await?;
    let connector = Connector::new();
    let (mut request, cleartext) = wasip3::wit_stream::new();
    let (ciphertext, sent) = connector.send(cleartext);
    let socket_sent = socket.send(ciphertext);
    let (ciphertext, socket_received) = socket.receive();
    let (page, received) = connector.receive(ciphertext);

    Connector::connect(connector, host.to_owned())
        .await
        .map_err(|error| error.to_debug_string())?;
    let asking = async {
        let text = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
        request.write_all(text.into_bytes()).await;
        drop(request);
        sent.await.map_err(|error| error.to_debug_string())?;
        socket_sent.await.map_err(|code| format!("{code:?}"))
    };
    let showing = async {
        show(page).await;
        received.await.map_err(|error| error.to_debug_string())?;
        socket_received.await.map_err(|code| format!("{code:?}"))
    };
    let (asked, shown) = join!(asking, showing);
    asked.and(shown)
}

async fn connect(host: &str, port: u16) -> Result<TcpSocket, String> {
    let addresses = resolve_addresses(host.to_owned()).await;
    let mut problem = None;
    for address in addresses.map_err(|code| format!("{code:?}"))? {
        let (family, address) = match address {
            IpAddress::Ipv4(address) => (
                IpAddressFamily::Ipv4,
                IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address }),
            ),
            IpAddress::Ipv6(address) => (
                IpAddressFamily::Ipv6,
                IpSocketAddress::Ipv6(Ipv6SocketAddress {
                    port,
                    flow_info: 0,
                    address,
                    scope_id: 0,
                }),
            ),
        };
        let socket = TcpSocket::create(family).map_err(|code| format!("{code:?}"))?;
        match socket.connect(address).await {
            Ok(()) => return Ok(socket),
            Err(code) => problem = Some(format!("{code:?}")),
        }
    }
    Err(problem.unwrap_or_else(|| "no address".to_owned()))
}

async fn show(mut page: StreamReader<u8>) {
    let (mut output, shown) = wasip3::wit_stream::new();
    let writing = async {
        let mut buffer = Vec::with_capacity(64 * 1024);
        loop {
            let (status, filled) = page.read(buffer).await;
            if !filled.is_empty() {
                buffer = output.write_all(filled).await;
            } else {
                buffer = filled;
            }
            buffer.clear();
            if !matches!(status, StreamResult::Complete(_)) {
                break;
            }
        }
        drop(output);
    };
    let _ = join!(writing, async { stdout::write_via_stream(shown).await });
}

async fn tell(line: &str) {
    let (mut output, told) = wasip3::wit_stream::new();
    let writing = async {
        output.write_all(format!("{line}\n").into_bytes()).await;
        drop(output);
    };
    let _ = join!(writing, async { stderr::write_via_stream(told).await });
}
