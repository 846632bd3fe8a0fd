//! The generated bindings of what a consumer imports, and nothing else.
#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::as_conversions,
    clippy::or_fun_call,
    clippy::use_self,
    reason = "written by wasmtime::component::bindgen!"
)]

wasmtime::component::bindgen!({
    path: "wit",
    inline: "
        package portcullis:native;

        world host {
            include portcullis:tls/client@0.2.1;
            import portcullis:tls/defaults@0.2.1;
        }
    ",
    world: "portcullis:native/host",
    with: {
        "wasi": wasmtime_wasi::p2::bindings,
        "portcullis:tls/certificate.certificate": super::certificate::Certificate,
        "portcullis:tls/client-hello.client-hello": super::client_hello::ClientHello,
        "portcullis:tls/context.context": super::context::Context,
        "portcullis:tls/engine.engine": super::engine::Engine,
        "portcullis:tls/key-log.key-log": super::context::Log,
        "portcullis:tls/listener.listener": super::listener::Listener,
        "portcullis:tls/port.port": super::port::Port,
        "portcullis:tls/session.session": super::session::Session,
    },
    trappable_error_type: { "portcullis:tls/types.error" => super::fault::Fault },
    imports: {
        "portcullis:tls/listener.[static]listener.listen": async | trappable,
        "portcullis:tls/listener.[method]listener.blocking-accept": async | trappable,
        "portcullis:tls/port.[static]port.blocking-connect": async | trappable,
        "portcullis:tls/port.[method]port.blocking-handshake": async | trappable,
        "portcullis:tls/port.[method]port.blocking-read": async | trappable,
        "portcullis:tls/port.[method]port.blocking-read-words": async | trappable,
        "portcullis:tls/port.[method]port.blocking-unwrap": async | trappable,
        "portcullis:tls/port.[method]port.blocking-write-all": async | trappable,
        "portcullis:tls/port.[method]port.blocking-write-all-words": async | trappable,
        "portcullis:tls/port.[method]port.close": async | trappable,
        default: trappable,
    },
    require_store_data_send: true,
});
