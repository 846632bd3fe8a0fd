//! The generated bindings of world `provider`, of its form for WASI 0.3, or of `engine-provider`, and
//! nothing else.
#![expect(unsafe_code, reason = "written by wit_bindgen::generate!")]

use super::component::Component;

#[cfg(feature = "sockets")]
wit_bindgen::generate!({
    world: "provider",
    path: "wit",
    with: {
        "wasi:io/poll@0.2.12": wasi::io::poll,
        "wasi:io/error@0.2.12": wasi::io::error,
        "wasi:io/streams@0.2.12": wasi::io::streams,
        "wasi:clocks/monotonic-clock@0.2.12": wasi::clocks::monotonic_clock,
        "wasi:sockets/network@0.2.12": wasi::sockets::network,
        "wasi:sockets/instance-network@0.2.12": wasi::sockets::instance_network,
        "wasi:sockets/ip-name-lookup@0.2.12": wasi::sockets::ip_name_lookup,
        "wasi:sockets/tcp@0.2.12": wasi::sockets::tcp,
        "wasi:sockets/tcp-create-socket@0.2.12": wasi::sockets::tcp_create_socket,
    },
});

#[cfg(feature = "p3")]
wit_bindgen::generate!({
    world: "portcullis:tls-async/provider",
    path: ["wit", "wit/p3"],
    generate_all,
});

#[cfg(not(any(feature = "sockets", feature = "p3")))]
wit_bindgen::generate!({
    world: "engine-provider",
    path: "wit",
});

export!(Component);
