//! Files as people have them: what editors, shells and other programs make of PEM.

use portcullis::error::{ConfigurationItem, ConfigurationReason, Error};
use portcullis::tls::mistaken_path;
use portcullis::tls::{KeyKind, Role, Settings};

use super::support::certs::{Authority, Identity, KeyType, Leaf, pem};
use super::support::pkcs12::ber;
use super::support::{openssl, require_tool};
use super::{key_refusal, load_key, presented, refusal, with_key};
use crate::support::folder::Folder;

/// Loads the file as chain and key of a server, and as trust roots; returns the chain that the
/// server presents.
#[track_caller]
pub(super) fn taken(authority: &Authority, file: &[u8]) -> Vec<Vec<u8>> {
    let mut server = Settings::secure(Role::Server);
    server.load_identity(file, file, None).unwrap();
    let mut client = Settings::secure(Role::Client);
    assert!(client.add_trust_roots(file).unwrap() > 0);
    presented(authority, &server)
}

/// The line of the refusal of the file as a chain; as trust roots it is refused for the same
/// reason.
#[track_caller]
pub(super) fn refused(file: &[u8]) -> String {
    let mut server = Settings::secure(Role::Server);
    let error = refusal(server.load_certificate_chain(file));
    assert_eq!(error.item, ConfigurationItem::CertificateChain);
    assert_eq!(error.reason, ConfigurationReason::Malformed, "{error:?}");
    let mut client = Settings::secure(Role::Client);
    let roots = refusal(client.add_trust_roots(file));
    assert_eq!(roots.reason, ConfigurationReason::Malformed);
    assert_eq!(roots.detail, error.detail);
    Error::Configuration(error).to_string()
}

pub(super) fn identity(authority: &Authority) -> Identity {
    authority
        .intermediate("Intermediate")
        .issue(&Leaf::server())
}

#[test]
fn what_editors_do_to_a_file_hides_no_block_of_it() {
    let authority = Authority::root("Root");
    let identity = identity(&authority);
    let mark = "\u{feff}";
    let (chain, key) = (identity.chain_pem(), identity.key_pem());
    let plain = format!("{chain}{key}");
    let expected = taken(&authority, plain.as_bytes());
    assert_eq!(expected.len(), 2);
    let blanks: String = plain
        .lines()
        .map(|line| match line.starts_with('-') {
            true => format!("{line}\n"),
            false => format!("{} {}\t\n", &line[..4], &line[4..]),
        })
        .collect();
    for file in [
        format!("{mark}{plain}"),
        format!("{mark}{chain}{mark}{key}"),
        format!("{mark}\r\n{}", plain.replace('\n', "\r\n")),
        plain.replace('\n', "\r\n"),
        plain.replace('\n', "\r"),
        plain.replace('\n', "\n\n"),
        plain.replace('\n', "  \n    "),
        blanks,
        plain.trim_end().to_owned(),
        format!("{plain}\0"),
        format!("{plain}\u{1a}"),
    ] {
        assert_eq!(taken(&authority, file.as_bytes()), expected, "{file:?}");
    }
}

#[test]
fn a_file_that_openssl_reads_with_a_byte_order_mark_we_read_too() {
    if !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    let file = format!("\u{feff}{}{}", identity.key_pem(), identity.chain_pem());
    openssl(&["pkey", "-noout"], file.as_bytes());
    assert_eq!(
        taken(&authority, file.as_bytes()),
        [identity.certificate_der()]
    );
}

#[test]
fn a_bad_block_in_a_bundle_is_told_with_its_number_and_its_line() {
    let authority = Authority::root("Root");
    let identity = identity(&authority);
    let good = authority.pem();
    let lines = good.lines().count();
    let cut = pem("CERTIFICATE", &authority.der()[..100]);
    for (bad, told) in [
        (good.replace('M', "?"), "is not base64"),
        (cut, "it is cut short, or no certificate"),
        (
            good.replace("-----END CERTIFICATE-----\n", ""),
            "no -----END line",
        ),
        (good.replace("END CERTIFICATE", "END KEY"), "another label"),
    ] {
        let bundle = format!("{good}\n{bad}{}", identity.chain_pem());
        let line = refused(bundle.as_bytes());
        let place = format!("CERTIFICATE, block 2, which begins at line {}", lines + 2);
        assert!(line.contains(&place) && line.contains(told), "{line}");
    }
    let headless = format!("{good}{}", good.replace("-----BEGIN", "----BEGIN"));
    let line = refused(headless.as_bytes());
    let last = format!("line {}", 2 * lines);
    assert!(
        line.contains(&last) && line.contains("is not there"),
        "{line}"
    );
    // The same holds for a file of keys.
    let key = identity.key_pem();
    let (_, line) = key_refusal(load_key(
        format!(
            "{}{}",
            pem("PRIVATE KEY", &identity.key_der()[..20]),
            key.replace('M', "?")
        )
        .as_bytes(),
        KeyKind::Any,
        None,
    ));
    assert!(line.contains("block 2, which begins at line 4"), "{line}");
    let (_, line) = key_refusal(load_key(
        pem("PRIVATE KEY", &identity.key_der()[..20]).as_bytes(),
        KeyKind::Any,
        None,
    ));
    assert!(line.contains("PRIVATE KEY, block 1"), "{line}");
}

#[test]
fn a_key_is_read_under_the_label_of_another_encoding() {
    if !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    for key in KeyType::SUPPORTED {
        let identity = authority.issue(&Leaf::server().key(key));
        let pkcs8 = identity.key_pem();
        let mut encodings = vec![pkcs8.clone()];
        if key != KeyType::Ed25519 {
            let traditional = openssl(&["pkey", "-traditional"], pkcs8.as_bytes());
            encodings.push(String::from_utf8(traditional).unwrap());
        }
        let encrypt = ["pkcs8", "-topk8", "-passout", "pass:open sesame"];
        let encrypted = openssl(&encrypt, pkcs8.as_bytes());
        encodings.push(String::from_utf8(encrypted).unwrap());
        for encoding in encodings {
            let (_, label) = encoding.lines().next().unwrap().split_once(' ').unwrap();
            for other in [
                "PRIVATE KEY-----",
                "RSA PRIVATE KEY-----",
                "EC PRIVATE KEY-----",
                "ED25519 PRIVATE KEY-----",
                "ENCRYPTED PRIVATE KEY-----",
                "ANY PRIVATE KEY-----",
            ] {
                let file = encoding.replace(label, other);
                let passphrase = Some(super::SESAME);
                let server = with_key(&identity, file.as_bytes(), passphrase)
                    .unwrap_or_else(|error| panic!("{key:?}, {label} as {other}: {error}"));
                assert_eq!(presented(&authority, &server), [identity.certificate_der()]);
            }
        }
    }
}

#[test]
fn pkcs7_gives_its_certificates_as_chain_and_as_roots() {
    if !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    let identity = identity(&authority);
    let folder = Folder::new();
    let certificates = folder.put("all.pem", identity.chain_pem() + &authority.pem());
    let make = ["crl2pkcs7", "-nocrl", "-certfile", &certificates];
    let armoured = openssl(&make, b"");
    let der = openssl(&[&make[..], &["-outform", "DER"]].concat(), b"");
    let text = String::from_utf8(armoured.clone()).unwrap();
    let printed = openssl(&["pkcs7", "-print_certs"], &armoured);
    assert!(printed.starts_with(b"subject"));
    for file in [
        armoured,
        der.clone(),
        ber(&der),
        pem("PKCS7", &ber(&der)).into_bytes(),
        text.replace("PKCS7", "CERTIFICATE").into_bytes(),
        text.replace("PKCS7", "PKCS #7 SIGNED DATA").into_bytes(),
        text.replace("PKCS7", "CMS").into_bytes(),
    ] {
        let mut server = Settings::secure(Role::Server);
        server
            .load_identity(&file, identity.key_der(), None)
            .unwrap();
        let own = &identity.chain;
        // PKCS #7 has a set of certificates, whose order does not count.
        assert_eq!(
            presented(&authority, &server),
            [&own[0][..], &own[1][..], authority.der()]
        );
        let mut client = Settings::secure(Role::Client);
        assert_eq!(client.add_trust_roots(&file), Ok(3));
    }
    for end in 0..der.len() {
        let mut client = Settings::secure(Role::Client);
        assert!(client.add_trust_roots(&der[..end]).is_err(), "cut at {end}");
    }
    let nothing = refused(pem("PKCS7", b"\x30\x03abc").as_bytes());
    assert!(nothing.contains("block 1"), "{nothing}");
}

#[test]
fn a_path_in_the_place_of_the_contents_is_told() {
    for path in ["/etc/ssl/cert.pem", "ca.crt", "certs/own.key\n"] {
        assert!(refused(path.as_bytes()).contains("a path where the contents belong"));
        let (_, line) = key_refusal(load_key(path.as_bytes(), KeyKind::Any, None));
        assert!(line.contains("a path where the contents belong"), "{line}");
    }
}

#[test]
fn a_file_that_is_cut_or_flipped_anywhere_never_gives_another_key() {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server().key(KeyType::Ed25519));
    let file = identity.chain_pem() + &identity.key_pem();
    let load = |file: &[u8]| {
        let mut server = Settings::secure(Role::Server);
        server.load_identity(file, file, None).map(|()| server)
    };
    assert!(load(file.as_bytes()).is_ok());
    for end in 0..file.trim_end().len() {
        assert!(load(&file.as_bytes()[..end]).is_err(), "cut at {end}");
    }
    for at in 0..file.len() {
        for bits in [0x01, 0x0a, 0x20, 0x80, 0xff] {
            let mut flipped = file.clone().into_bytes();
            flipped[at] ^= bits;
            if let Ok(mut server) = load(&flipped) {
                let own = server.load_private_key(identity.key_der(), KeyKind::Any, None);
                assert_eq!(own, Ok(()), "another key, by a flip at {at}");
            }
        }
    }
}

#[test]
fn contents_in_the_place_of_a_path_are_told_and_a_path_is_none() {
    let identity = Authority::root("Root").issue(&Leaf::server());
    let key = identity.key_pem();
    let body: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    for text in [
        key.clone(),
        key.replace('\n', "\\n"),
        key.replace('\n', " "),
        identity.chain_pem(),
        body.clone(),
        key.lines().nth(1).unwrap().to_owned() + "\n",
        "x".repeat(300),
        format!("/etc/{}", "x".repeat(256)),
        identity
            .key_der()
            .iter()
            .map(|byte| char::from(*byte))
            .collect(),
    ] {
        let what = mistaken_path(&text).unwrap_or_else(|| panic!("{text:?} is a path"));
        assert!(
            what.contains("where a path belongs") && what.contains("pass bytes"),
            "{what}"
        );
    }
    assert!(
        mistaken_path(&key)
            .unwrap()
            .starts_with("PEM text where a path belongs")
    );
    for path in [
        "/etc/ssl/cert.pem",
        "certs/ca.pem",
        "M",
        "schlüssel.pem",
        "",
        "MIIB.pem",
    ] {
        assert_eq!(mistaken_path(path), None);
    }
}
