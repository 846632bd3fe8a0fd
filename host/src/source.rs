//! Where certificates and keys come from.

use std::fmt;
use std::ops::Deref;
use std::path::Path;

use zeroize::Zeroize as _;

use crate::bindings::exports::portcullis::tls::context;
use crate::place;

/// Where certificates or keys come from. Its `Debug` shows no contents.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// The contents: PEM, or one DER object; which it is, is detected.
    Bytes(Vec<u8>),
    /// A path below a directory that the instance is shown; read once, at the call.
    Path(String),
}

impl Source {
    /// A copy in the type of the bindings.
    pub(crate) fn for_bindings(&self) -> WipedSource {
        WipedSource(match self {
            Self::Bytes(bytes) => context::Source::Bytes(bytes.clone()),
            Self::Path(path) => context::Source::Path(path.clone()),
        })
    }
}

/// A copy for the bindings, which is wiped after the call.
pub(crate) struct WipedSource(context::Source);

impl Deref for WipedSource {
    type Target = context::Source;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for WipedSource {
    fn drop(&mut self) {
        match &mut self.0 {
            context::Source::Bytes(bytes) => bytes.zeroize(),
            context::Source::Path(path) => path.zeroize(),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Path(path) => write!(f, "Path({:?})", place::shown(Path::new(path))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_where_and_not_what() {
        let key = "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n";
        for source in [
            Source::Bytes(key.as_bytes().to_vec()),
            Source::Path(key.to_owned()),
        ] {
            let shown = format!("{source:?}");
            assert!(
                !shown.contains("MC4C") && !shown.contains("77, 67"),
                "{shown}"
            );
        }
        let path = Source::Path("certs/ca.pem".to_owned());
        assert_eq!(format!("{path:?}"), "Path(\"certs/ca.pem\")");
    }
}
