//! TLS streams for Rust components: `portcullis:tls` behind the traits of `std::io`, and behind
//! those of [wstd](https://docs.rs/wstd) with the feature `wstd`. On wstd a stream has the traits of
//! hyper and tokio too, with the features of these names: libraries over them take it.
//!
//! A program of this crate is built for `wasm32-wasip2`, and composed with `portcullis.wasm`, which
//! does the work. For other targets it compiles and cannot run.
//!
//! ```no_run
//! use std::io::{BufRead as _, BufReader, Write as _};
//!
//! use portcullis_client::TlsStream;
//!
//! fn main() -> std::io::Result<()> {
//!     let mut stream = TlsStream::connect("example.com", 443)?;
//!     stream.write_all(b"GET / HTTP/1.0\r\nHost: example.com\r\n\r\n")?;
//!     let mut status = String::new();
//!     BufReader::new(&stream).read_line(&mut status)?;
//!     print!("{status}");
//!     stream.close()
//! }
//! ```
//!
//! A client trusts the authorities that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, else the web's.
//! Whom to trust, certificates, versions and timers are settings of a [`Context`]:
//!
//! ```no_run
//! use portcullis_client::context::{Context, Source};
//! use portcullis_client::types::{CertificateReason, Error, Role, Timer};
//! use portcullis_client::{TlsError, TlsStream};
//!
//! fn main() -> std::io::Result<()> {
//!     let context = Context::secure(Role::Client);
//!     context.add_trust_roots(&Source::Path("ca.pem".to_owned()))?;
//!     context.set_timeout(Timer::Read, Some(30_000))?;
//!     match TlsStream::connect_with(&context, "db.example.com", 5433) {
//!         Ok(stream) => stream.close(),
//!         Err(failure) => {
//!             if let Some(Error::Certificate(refusal)) = TlsError::of(&failure)
//!                 && refusal.reason == CertificateReason::WrongName
//!             {
//!                 eprintln!("it is for {:?}", refusal.names);
//!             }
//!             Err(failure)
//!         }
//!     }
//! }
//! ```

mod address;
mod connector;
mod error;
mod listener;
mod plain;
mod plain_listener;
#[cfg(any(feature = "hyper", feature = "tokio"))]
mod polled;
mod source;
mod stream;
mod trust;
#[cfg(feature = "wstd")]
mod waiters;
mod words;
#[cfg(feature = "wstd")]
mod wstd_plain;
#[cfg(feature = "wstd")]
mod wstd_stream;

pub use context::Context;
pub use error::TlsError;
pub use listener::TlsListener;
pub use plain::PlainStream;
pub use plain_listener::PlainListener;
pub use port::{PlainTransport, Port};
pub use session::Session;
pub use stream::TlsStream;
pub use trust::{client_context, trust_environment};
#[cfg(feature = "wstd")]
pub use wstd_plain::AsyncPlainStream;
#[cfg(feature = "wstd")]
pub use wstd_stream::AsyncTlsStream;

/// Whom to trust, certificates, versions, timers: the interface `context`.
pub mod context {
    pub use crate::bindings::portcullis::tls::context::*;
    pub use crate::source::Source;
}

/// Connections as they are underneath, with calls that never block: the interface `port`.
pub mod port {
    pub use crate::bindings::portcullis::tls::port::*;
    pub use crate::source::PlainTransport;
}

/// What an error means: the interface `errors`. `explain` is the `Display` of
/// [`Error`](types::Error).
pub mod errors {
    pub use crate::bindings::portcullis::tls::errors::*;
}

/// What a handshake has agreed on: the interface `session`.
pub mod session {
    pub use crate::bindings::portcullis::tls::session::*;
}

/// Failures, roles, timers: the interface `types`.
pub mod types {
    pub use crate::bindings::portcullis::tls::types::*;
    pub use crate::error::{CertificateError, Error};
}

/// The WIT world `client`: for what the types of this crate have no method for. Its types of
/// `wasi:io` are those of the crates `wasip2`, `wasi` from 0.14.7, and `wstd`; `error`,
/// `certificate-error`, `source` and `plain-transport` are this crate's, for their `Debug` and
/// `Display`.
#[allow(missing_docs, reason = "some names in the WIT say all there is")]
pub mod bindings {
    wit_bindgen::generate!({
        world: "client",
        path: "wit",
        with: {
            "wasi:io/error@0.2.12": wasip2::io::error,
            "wasi:io/poll@0.2.12": wasip2::io::poll,
            "wasi:io/streams@0.2.12": wasip2::io::streams,
            "portcullis:tls/context@0.2.1/source": crate::source::Source,
            "portcullis:tls/port@0.2.1/plain-transport": crate::source::PlainTransport,
            "portcullis:tls/types@0.2.1/certificate-error": crate::error::CertificateError,
            "portcullis:tls/types@0.2.1/error": crate::error::Error,
        },
        generate_all,
    });
}

/// The code in the README, in the guide and in the examples' page compiles.
#[cfg(doctest)]
mod guide {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../../../docs/install/rust.md")]
    struct Install;
    #[doc = include_str!("../../../examples/rust/README.md")]
    struct Examples;
    #[doc = include_str!("../../../docs/guide/custom-ca.md")]
    struct CustomCa;
    #[doc = include_str!("../../../docs/guide/https-client.md")]
    struct HttpsClient;
    #[doc = include_str!("../../../docs/guide/mutual-tls.md")]
    struct MutualTls;
    #[doc = include_str!("../../../docs/guide/reload-certificates.md")]
    struct ReloadCertificates;
    #[doc = include_str!("../../../docs/guide/server.md")]
    struct Server;
    #[doc = include_str!("../../../docs/guide/starttls.md")]
    struct Starttls;
    #[doc = include_str!("../../../docs/guide/timeouts-and-poll-loop.md")]
    struct TimeoutsAndPollLoop;
}
