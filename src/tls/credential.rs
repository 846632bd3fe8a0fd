//! Reads certificates, private keys and revocation lists from what people have: PEM, DER, PKCS #7, PKCS #8, PKCS #12.

mod ber;
pub(crate) mod certificates;
pub(crate) mod chain;
pub(crate) mod identity;
mod pem;
mod pfx;
pub(crate) mod pkcs12;
pub(crate) mod private_key;
pub(crate) mod revocation_lists;
