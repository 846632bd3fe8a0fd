use super::*;
use crate::error::{
    CertificateError, CertificateReason, ConfigurationError, ConfigurationItem,
    ConfigurationReason, NetworkCode, NetworkError, NetworkOperation, ProtocolError,
    ProtocolReason,
};

fn line(error: &Error) -> String {
    error.to_string()
}

fn network(operation: NetworkOperation, code: NetworkCode, detail: &str) -> Error {
    Error::Network(NetworkError {
        operation,
        code,
        detail: (!detail.is_empty()).then(|| detail.to_owned()),
    })
}

/// A sample of all kinds of errors, with and without a detail.
fn errors() -> Vec<Error> {
    let timers = [
        Timer::Connect,
        Timer::Handshake,
        Timer::Read,
        Timer::Shutdown,
        Timer::Write,
    ];
    let mut errors = vec![
        Error::WantRead,
        Error::WantWrite,
        Error::WantConnect,
        Error::WantAccept,
        Error::WantX509Lookup,
        Error::Closed,
        Error::Truncated,
        Error::UnsupportedProtocol("tlsv1".to_owned()),
        Error::Sealed,
        Error::Other(None),
        Error::Other(Some("detail".to_owned())),
    ];
    errors.extend(timers.map(Error::Timeout));
    errors.extend((0..=255).map(Error::AlertReceived));
    for detail in [None, Some("detail".to_owned())] {
        use CertificateReason as C;
        for reason in [
            C::BadEncoding,
            C::BadSignature,
            C::Expired,
            C::Missing,
            C::NotYetValid,
            C::Revoked,
            C::UnknownAuthority,
            C::UnsupportedAlgorithm,
            C::WrongName,
            C::WrongPurpose,
            C::Other,
        ] {
            errors.push(Error::Certificate(CertificateError {
                reason,
                expected_name: detail.clone(),
                names: Vec::new(),
                alert_sent: None,
                detail: detail.clone(),
            }));
        }
        use ProtocolReason as P;
        for reason in [
            P::BadRecord,
            P::Malformed,
            P::NotTls,
            P::NoCommonParameters,
            P::NoCommonVersion,
            P::PlainHttp,
            P::UnexpectedMessage,
            P::Other,
        ] {
            errors.push(Error::Protocol(ProtocolError {
                reason,
                alert_sent: None,
                detail: detail.clone(),
            }));
        }
        use NetworkCode as N;
        for code in [
            N::AccessDenied,
            N::AddressInUse,
            N::AddressNotBindable,
            N::ConnectionAborted,
            N::ConnectionRefused,
            N::ConnectionReset,
            N::NameUnresolvable,
            N::NewSocketLimit,
            N::NotSupported,
            N::PermanentResolverFailure,
            N::RemoteUnreachable,
            N::TemporaryResolverFailure,
            N::TimedOut,
            N::Other,
        ] {
            let operation = NetworkOperation::Connect;
            errors.push(network(operation, code, detail.as_deref().unwrap_or("")));
        }
        use ConfigurationItem as I;
        use ConfigurationReason as R;
        for reason in [
            R::AccessDenied,
            R::Empty,
            R::Encrypted,
            R::KeyMismatch,
            R::Malformed,
            R::Missing,
            R::NoCertificate,
            R::NoPrivateKey,
            R::NoUsableGroup,
            R::NotFound,
            R::PassphraseMissing,
            R::PassphraseWrong,
            R::Unreadable,
            R::UnsupportedKeyType,
        ] {
            for item in [
                I::CertificateChain,
                I::Groups,
                I::PrivateKey,
                I::ServerName,
                I::TrustRoots,
            ] {
                errors.push(Error::Configuration(ConfigurationError {
                    item,
                    reason,
                    detail: detail.clone(),
                }));
            }
        }
    }
    errors
}

#[test]
fn every_error_is_one_line_that_ends_in_what_to_do() {
    for error in errors() {
        let line = line(&error);
        let (what, cure) = line.rsplit_once("; ").unwrap_or_else(|| panic!("{line}"));
        assert!(!what.is_empty() && cure.len() > 8, "{line}");
        assert!(!line.contains('\n') && !line.contains("  "), "{line}");
        assert!(!line.contains(": ;") && !line.contains("::"), "{line}");
        assert!(!line.ends_with('.'), "{line}");
    }
}

#[test]
fn lines_that_were_wrong_once() {
    // A handshake that is cut has no data that could be partial.
    let reset = network(NetworkOperation::Read, NetworkCode::ConnectionReset, "");
    for error in [Error::Truncated, reset] {
        assert!(!line(&error).contains("was read"), "{error}");
    }
    let mismatch = Error::refused(
        ConfigurationItem::PrivateKey,
        ConfigurationReason::KeyMismatch,
        "the certificate holds another public key",
    );
    assert_eq!(
        line(&mismatch),
        "private key: certificate and private key do not belong together: the certificate \
         holds another public key; give the key that the certificate was made for"
    );
    let accept = network(
        NetworkOperation::Accept,
        NetworkCode::Other,
        "the host says unknown",
    );
    assert_eq!(
        line(&accept),
        "accepting a connection: failed in an unexpected way: the host says unknown; try \
         again, and check the host's limits and its log"
    );
}

#[test]
fn keys_of_tickets_are_not_said_to_be_a_file() {
    for reason in [
        ConfigurationReason::Empty,
        ConfigurationReason::Malformed,
        ConfigurationReason::TooCostly,
    ] {
        let line = Error::refused(ConfigurationItem::Tickets, reason, "x").to_string();
        assert!(line.contains(" key"), "{line}");
        assert!(!line.contains("PEM") && !line.contains("input"), "{line}");
    }
}

#[test]
fn a_list_of_names_is_not_said_to_be_a_file() {
    for item in [ConfigurationItem::Alpn, ConfigurationItem::Groups] {
        for reason in [
            ConfigurationReason::Empty,
            ConfigurationReason::Malformed,
            ConfigurationReason::TooCostly,
        ] {
            let line = Error::refused(item, reason, "x").to_string();
            assert!(line.contains("name"), "{line}");
            assert!(!line.contains("PEM") && !line.contains("input"), "{line}");
        }
        // Of a file, it is said.
        let roots = ConfigurationItem::TrustRoots;
        let line = Error::refused(roots, ConfigurationReason::Empty, "x").to_string();
        assert!(line.contains("PEM"), "{line}");
    }
}
