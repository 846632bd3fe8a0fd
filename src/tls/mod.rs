//! TLS as bytes in and bytes out.
//!
//! Nothing here does I/O, waits, or knows WASI; randomness and the clock come in through
//! `portcullis-provider` and rustls' time provider. It compiles and is tested natively. No type of
//! rustls leaves this module but the clock's, and the provider that a host may put in the place of ours.
#![forbid(unsafe_code)]

mod alpn;
mod build;
mod by_name;
mod certificate;
mod choice;
mod cipher_list;
mod client_hello;
mod config;
mod credential;
mod cryptography;
mod failure;
mod fields;
mod group;
mod iana;
mod key_log;
mod names;
mod record;
mod resumption;
mod session;
mod settings;
mod signature;
mod timeouts;
mod verify;
mod version;
mod witness;
mod x509;

pub use alpn::AlpnMismatch;
pub use certificate::Certificate;
pub use cipher_list::CipherListReport;
pub use client_hello::ClientHello;
pub use config::{Config, Role, Truncation};
pub use credential::certificates::mistaken_path;
pub use credential::private_key::KeyKind;
pub use group::supported_groups;
pub use key_log::KeyLog;
pub use names::{SendName, VerifyName};
pub use session::{Facts, Plaintext, Session, State, View, Viewed, Work};
pub use settings::Settings;
pub use signature::supported_signature_schemes;
pub use timeouts::Timeouts;
pub use verify::Verify;
pub use verify::roots::{DirectoryReport, FileProblem};
pub use version::Version;
pub use x509::{RevocationScope, UnknownRevocation};
