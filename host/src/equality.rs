//! Equality of errors, which the generated bindings lack: their derives are for all types or none,
//! and a transport has no equality.

use crate::types::{CertificateError, ConfigurationError, Error, NetworkError, ProtocolError};

macro_rules! equal_by_fields {
    ($($record:ident { $($field:ident),+ })+) => {$(
        impl PartialEq for $record {
            fn eq(&self, other: &Self) -> bool {
                $(self.$field == other.$field)&&+
            }
        }
    )+};
}

equal_by_fields! {
    CertificateError { reason, expected_name, names, alert_sent, detail }
    ConfigurationError { item, reason, detail }
    NetworkError { operation, code, detail }
    ProtocolError { reason, alert_sent, detail }
}

impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Timeout(one), Self::Timeout(two)) => one == two,
            (Self::Certificate(one), Self::Certificate(two)) => one == two,
            (Self::AlertReceived(one), Self::AlertReceived(two)) => one == two,
            (Self::Protocol(one), Self::Protocol(two)) => one == two,
            (Self::Network(one), Self::Network(two)) => one == two,
            (Self::InvalidConfiguration(one), Self::InvalidConfiguration(two)) => one == two,
            (Self::UnsupportedProtocol(one), Self::UnsupportedProtocol(two))
            | (Self::InvalidArgument(one), Self::InvalidArgument(two))
            | (Self::NotSupported(one), Self::NotSupported(two)) => one == two,
            (Self::Other(one), Self::Other(two)) => one == two,
            // The other cases carry no value.
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}
