//! Peers that speak no TLS: they listen on this machine, and each serves one connection.

use wit_bindgen::StreamReader;

use crate::bindings::wasi::sockets0_3_0::types::{
    IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, TcpSocket,
};
use crate::bindings::wit_stream;

/// A listening socket.
pub(crate) struct Peer {
    pub(crate) address: Ipv4SocketAddress,
    connections: StreamReader<TcpSocket>,
    _socket: TcpSocket,
}

impl Peer {
    pub(crate) fn new() -> Result<Self, String> {
        let fail = |code| format!("{code:?}");
        let socket = TcpSocket::create(IpAddressFamily::Ipv4).map_err(fail)?;
        let any = Ipv4SocketAddress {
            port: 0,
            address: (127, 0, 0, 1),
        };
        socket.bind(IpSocketAddress::Ipv4(any)).map_err(fail)?;
        let connections = socket.listen().map_err(fail)?;
        let IpSocketAddress::Ipv4(address) = socket.get_local_address().map_err(fail)? else {
            return Err("not an IPv4 address".to_owned());
        };
        Ok(Self {
            address,
            connections,
            _socket: socket,
        })
    }

    /// The next connection.
    pub(crate) async fn accept(&mut self) -> Result<TcpSocket, String> {
        let accepted = self.connections.next().await;
        accepted.ok_or_else(|| "no connection".to_owned())
    }

    /// Answers the next connection with these words, once it has said anything, and closes it.
    pub(crate) async fn answer(&mut self, words: &[u8]) -> Result<(), String> {
        let socket = self.accept().await?;
        let (mut said, _ended) = socket.receive();
        let _ = said.next().await;
        let (mut to, from) = wit_stream::new();
        let sent = socket.send(from);
        to.write_all(words.to_vec()).await;
        drop(to);
        sent.await.map_err(|code| format!("{code:?}"))
    }

    /// Waits until the next connection is closed.
    pub(crate) async fn hear_out(&mut self) -> Result<(), String> {
        let socket = self.accept().await?;
        let (mut said, _ended) = socket.receive();
        while said.next().await.is_some() {}
        Ok(())
    }
}
