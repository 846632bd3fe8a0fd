//! Layer 1: TLS as bytes in and bytes out.
//!
//! Nothing here does I/O, waits, or knows WASI; randomness and the clock come in through
//! `provider` and rustls' time provider. It compiles and is tested natively. rustls types do not
//! leave this module but for the clock.
#![forbid(unsafe_code)]

mod alert;
mod ber;
mod build;
mod chain;
mod cipher_list;
mod config;
mod credential;
mod error;
mod explain;
mod failure;
mod group;
mod identity;
mod names;
mod opening;
mod pem;
mod pfx;
mod pkcs12;
mod private_key;
pub mod provider;
mod records;
mod session;
mod settings;
mod timeouts;
mod trust;
mod verifier;
mod version;
mod x509;

pub use cipher_list::CipherListReport;
pub use config::{Config, Role, Truncation};
pub use credential::mistaken_path;
pub use error::{
    CertificateError, CertificateReason, ConfigurationError, ConfigurationItem,
    ConfigurationReason, Error, NetworkCode, NetworkError, NetworkOperation, ProtocolError,
    ProtocolReason, Status, Timer,
};
pub use group::supported_groups;
pub use names::{SendName, VerifyName};
pub use private_key::KeyKind;
pub use records::Work;
pub use session::{Facts, Plaintext, Session, State};
pub use settings::Settings;
pub use timeouts::Timeouts;
pub use trust::{DirectoryReport, FileProblem};
pub use verifier::Verify;
pub use version::Version;
