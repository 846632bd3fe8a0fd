//! X.509 certificates of peers (RFC 5280): what they say, and whether that may be believed.
//!
//! webpki, which rustls brings, refuses what others accept (certificates of version 1, policies,
//! constraints on directory names, chains of more than six authorities) and does not look at an
//! authority's key usage; so certificates are verified by code of ours. All of it takes bytes that
//! a peer chose: every function is total, and the cost of a verification is bounded.

mod anchor;
mod auxiliary;
mod budget;
mod certificate;
mod constraints;
mod der;
mod distinguished_name;
mod extension;
mod facts;
mod names;
mod path;
mod policy;
mod public_key;
mod purpose;
mod refusal;
mod revocation;
mod staple;
mod text;
mod time;

pub(crate) use anchor::Anchor;
pub(crate) use auxiliary::is_trusted_for_tls;
pub(crate) use certificate::{Certificate, public_key_of};
pub(crate) use der::Malformed;
pub(crate) use path::{Trust, verify};
pub(crate) use public_key::PublicKey;
pub(crate) use purpose::Purpose;
pub(crate) use refusal::{Ignorance, Refusal, algorithm_name};
pub(crate) use revocation::{Revocation, RevocationList, Unusable};
pub use revocation::{RevocationScope, UnknownRevocation};
pub(crate) use staple::is_answer;

// rcgen is not available on Wasm.
#[cfg(all(test, not(target_family = "wasm")))]
mod tests;
