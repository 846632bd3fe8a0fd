//! Layer 1: TLS as bytes in and bytes out.
//!
//! Nothing here does I/O, waits, or knows WASI; randomness and the clock come in through
//! `provider` and rustls' time provider. It compiles and is tested natively. rustls types do not
//! leave this module but for the clock.
#![forbid(unsafe_code)]

mod alert;
mod ber;
mod chain;
mod cipher_list;
mod config;
mod credential;
mod error;
mod explain;
mod facts;
mod failure;
mod group;
mod identity;
mod opening;
mod pem;
mod pfx;
mod pkcs12;
mod private_key;
pub mod provider;
mod records;
mod session;
mod trust;
mod verifier;
mod x509;

pub use cipher_list::CipherListReport;
pub use config::{Config, Role, SendName, Settings, Timeouts, Truncation, VerifyName, Version};
pub use credential::mistaken_path;
pub use error::{
    CertificateError, CertificateReason, ConfigurationError, ConfigurationItem,
    ConfigurationReason, Error, NetworkCode, NetworkError, NetworkOperation, ProtocolError,
    ProtocolReason, Status, Timer,
};
pub use facts::Facts;
pub use group::supported_groups;
pub use private_key::KeyKind;
pub use records::Work;
pub use session::{Plaintext, Session, State};
pub use trust::{DirectoryReport, FileProblem};
pub use verifier::Verify;
