//! PKCS #12.
//!
//! Over 400 lines: the cases are many and short, and share one way to load.

use std::process::Command;

use portcullis::error::{ConfigurationItem, ConfigurationReason, Error};
use portcullis::tls::{KeyKind, Role, Settings};

use super::encrypted::{AES, pbkdf2, with_parameters};
use super::support::certs::{Authority, Identity, KeyType, Leaf};
use super::support::pair::server_settings;
use super::support::pkcs12::{
    bag, ber, certificate_bag, contents, contents_bag, der, file, file_with, file_with_mac,
    integer, key_bag,
};
use super::support::{openssl, require_tool};
use super::{SESAME, presented, reason, refusal};
use crate::support::folder::Folder;

/// `openssl pkcs12 -export` of chain and key, with these further options.
pub(super) fn export(identity: &Identity, options: &[&str]) -> Vec<u8> {
    let input = identity.key_pem() + &identity.chain_pem();
    openssl(
        &[&["pkcs12", "-export"], options].concat(),
        input.as_bytes(),
    )
}

pub(super) fn load(input: &[u8], passphrase: Option<&str>) -> Result<Settings, Error> {
    let mut server = Settings::secure(Role::Server);
    server.load_pkcs12(input, passphrase)?;
    Ok(server)
}

/// The refusal of a file: its reason, and its line.
#[track_caller]
pub(super) fn refused(input: &[u8], passphrase: Option<&str>) -> (ConfigurationReason, String) {
    let error = refusal(load(input, passphrase).map(|_| ()));
    assert_eq!(error.item, ConfigurationItem::Pkcs12);
    (error.reason, Error::Configuration(error).to_string())
}

#[test]
fn pkcs12_of_every_key_type_loads_as_openssl_writes_it_by_default() {
    if !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    let intermediate = authority.intermediate("Intermediate");
    for key in KeyType::SUPPORTED {
        let identity = intermediate.issue(&Leaf::server().key(key));
        let file = export(&identity, &["-passout", "pass:open sesame", "-name", "own"]);
        let server = load(&file, Some(SESAME)).unwrap();
        let chain = presented(&authority, &server);
        assert_eq!(chain, [&identity.chain[0][..], &identity.chain[1][..]]);
        let (missing, line) = refused(&file, None);
        assert_eq!(missing, ConfigurationReason::PassphraseMissing, "{line}");
        let (wrong, line) = refused(&file, Some("open barley"));
        assert_eq!(wrong, ConfigurationReason::PassphraseWrong, "{line}");
        let (wrong, _) = refused(&file, Some(""));
        assert_eq!(wrong, ConfigurationReason::PassphraseWrong);
    }
}

#[test]
fn pkcs12_loads_with_every_mac_and_encryption_that_is_not_of_old() {
    if !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    let none = ["-keypbe", "NONE", "-certpbe", "NONE"];
    let mut ways = vec![
        vec!["-nomac"],
        vec!["-nomaciter"],
        vec!["-iter", "1"],
        none.to_vec(),
        vec!["-keypbe", "NONE"],
        vec!["-certpbe", "NONE"],
    ];
    for hash in ["sha1", "sha224", "sha256", "sha384", "sha512"] {
        ways.push(vec!["-macalg", hash]);
    }
    for cipher in ["AES-128-CBC", "AES-192-CBC", "AES-256-CBC"] {
        ways.push(vec!["-keypbe", cipher, "-certpbe", cipher]);
    }
    for way in ways {
        let options = [&["-passout", "pass:open sesame"], &way[..]].concat();
        let file = export(&identity, &options);
        let server = load(&file, Some(SESAME)).unwrap();
        assert_eq!(presented(&authority, &server), [identity.certificate_der()]);
        let (wrong, _) = refused(&file, Some("open barley"));
        assert_eq!(wrong, ConfigurationReason::PassphraseWrong, "{way:?}");
    }
    // Nothing is protected by a passphrase, so none is asked for, and any will do.
    let options = [&["-passout", "pass:x", "-nomac"], &none[..]].concat();
    let file = export(&identity, &options);
    for passphrase in [None, Some(""), Some(SESAME)] {
        let server = load(&file, passphrase).unwrap();
        assert_eq!(presented(&authority, &server), [identity.certificate_der()]);
    }
}

#[test]
fn pkcs12_takes_a_passphrase_of_any_script_as_openssl_does() {
    if !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    for passphrase in ["pässwörd", "пароль", "𝄞 and more"] {
        let file = export(&identity, &["-passout", &format!("pass:{passphrase}")]);
        let server = load(&file, Some(passphrase)).unwrap();
        assert_eq!(presented(&authority, &server), [identity.certificate_der()]);
    }
}

#[test]
fn pkcs12_takes_an_empty_passphrase_in_both_encodings() {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    let bags = [
        key_bag(identity.key_der()),
        certificate_bag(identity.certificate_der()),
    ];
    let contents = contents(&[&bags[0], &bags[1]]);
    for encoded in [&[][..], &[0, 0]] {
        let file = file_with_mac(&contents, encoded, 3);
        for passphrase in [None, Some("")] {
            let server = load(&file, passphrase).unwrap();
            assert_eq!(presented(&authority, &server), [identity.certificate_der()]);
        }
        let (wrong, _) = refused(&file, Some("x"));
        assert_eq!(wrong, ConfigurationReason::PassphraseWrong);
    }
    if require_tool("openssl") {
        let file = export(&identity, &["-passout", "pass:"]);
        for passphrase in [None, Some("")] {
            assert!(load(&file, passphrase).is_ok());
        }
    }
}

#[test]
fn pkcs12_of_gnutls_loads_with_a_passphrase_with_an_empty_one_and_with_none() {
    if !require_tool("certtool") {
        return;
    }
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    let folder = Folder::new();
    let certificate = folder.put("own.pem", identity.certificate_pem());
    let key = folder.put("own.key", identity.key_pem());
    for (option, passphrase) in [
        (&["--password", SESAME][..], Some(SESAME)),
        (&["--empty-password"], Some("")),
        (&["--null-password"], None),
    ] {
        let output = Command::new("certtool")
            .args(["--to-p12", "--outder", "--p12-name", "own"])
            .args(["--load-certificate", &certificate, "--load-privkey", &key])
            .args(option)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let server = load(&output.stdout, passphrase).unwrap();
        assert_eq!(presented(&authority, &server), [identity.certificate_der()]);
    }
}

#[test]
fn pkcs12_of_old_tools_is_refused_before_its_passphrase_and_the_cure_cures() {
    if !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    let password = ["-passout", "pass:open sesame"];
    let folder = Folder::new();
    for (options, what) in [
        (&["-legacy"][..], "40-bit RC2"),
        (&["-certpbe", "PBE-SHA1-3DES"], "triple DES"),
        (
            &["-certpbe", "NONE", "-keypbe", "PBE-SHA1-3DES"],
            "triple DES",
        ),
    ] {
        let file = export(&identity, &[&password[..], options].concat());
        let (reason, line) = refused(&file, Some(SESAME));
        assert_eq!(reason, ConfigurationReason::Encrypted, "{options:?}");
        assert!(line.contains(what), "{line}");
        assert!(line.contains("openssl pkcs12 -legacy"), "{line}");
        let open = ["pkcs12", "-legacy", "-nodes", "-passin", "pass:open sesame"];
        let opened = folder.put("opened.pem", openssl(&open, &file));
        let close = [&["pkcs12", "-export", "-in", &opened], &password[..]].concat();
        let cured = openssl(&close, b"");
        let server = load(&cured, Some(SESAME)).unwrap();
        assert_eq!(presented(&authority, &server), [identity.certificate_der()]);
    }
    let file = export(&identity, &[&password[..], &["-legacy"]].concat());
    for passphrase in [None, Some("wrong")] {
        assert_eq!(refused(&file, passphrase).0, ConfigurationReason::Encrypted);
    }
}

#[test]
fn pkcs12_gives_the_chain_from_the_own_certificate_by_issuers_and_each_once() {
    let authority = Authority::root("Root");
    let one = authority.intermediate("One");
    let identity = one.intermediate("Two").issue(&Leaf::server());
    let [own, second, first] = &identity.chain[..] else {
        panic!("three certificates");
    };
    let stranger = Authority::root("Stranger");
    let key = key_bag(identity.key_der());
    let root = authority.der();
    let order = [root, stranger.der(), first, own, root, own, second];
    let bags = order.map(certificate_bag);
    let mut bags: Vec<&[u8]> = bags.iter().map(Vec::as_slice).collect();
    bags.insert(3, &key);
    let server = load(&file(&contents(&bags)), None).unwrap();
    let expected = [own, second, first, root, stranger.der()];
    assert_eq!(presented(&authority, &server), expected);
}

#[test]
fn pkcs12_gives_the_first_key_that_has_a_certificate() {
    let authority = Authority::root("Root");
    let (one, two) = (
        authority.issue(&Leaf::server()),
        authority.issue(&Leaf::server()),
    );
    let short = authority.issue(&Leaf::server().key(KeyType::Rsa1024));
    let certificate = certificate_bag(one.certificate_der());
    let key = |identity: &Identity| key_bag(identity.key_der());
    let file_of = |bags: &[&[u8]]| file(&contents(bags));
    for bags in [
        [&key(&two), &key(&one), &certificate],
        [&certificate, &key(&short), &key(&one)],
    ] {
        let bags: Vec<&[u8]> = bags.iter().map(|bag| bag.as_slice()).collect();
        let server = load(&file_of(&bags), None).unwrap();
        assert_eq!(presented(&authority, &server), [one.certificate_der()]);
    }
    let unsupported = certificate_bag(short.certificate_der());
    for (bags, expected) in [
        (
            vec![key(&two), certificate.clone()],
            ConfigurationReason::KeyMismatch,
        ),
        (vec![certificate.clone()], ConfigurationReason::NoPrivateKey),
        (vec![key(&one)], ConfigurationReason::NoCertificate),
        (vec![], ConfigurationReason::NoCertificate),
        (
            vec![key(&short), unsupported],
            ConfigurationReason::UnsupportedKeyType,
        ),
        (
            vec![key_bag(b"\x30\x00"), certificate],
            ConfigurationReason::Malformed,
        ),
    ] {
        let bags: Vec<&[u8]> = bags.iter().map(Vec::as_slice).collect();
        assert_eq!(refused(&file_of(&bags), None).0, expected);
    }
}

#[test]
fn pkcs12_passes_over_bags_that_are_neither_key_nor_certificate() {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    let key = key_bag(identity.key_der());
    let own = certificate_bag(identity.certificate_der());
    let (crl, secret, unknown) = (bag(4, &[5, 0]), bag(5, &[5, 0]), bag(99, &[5, 0]));
    let nested = contents_bag(&[&contents_bag(&[&own]), &crl]);
    let file = file(&contents(&[&crl, &secret, &unknown, &nested, &key]));
    let server = load(&file, None).unwrap();
    assert_eq!(presented(&authority, &server), [identity.certificate_der()]);
}

/// A passphrase as RFC 7292 §B.1 writes it.
pub(super) fn bmp(passphrase: &str) -> Vec<u8> {
    let units = passphrase.encode_utf16().chain([0]);
    units.flat_map(u16::to_be_bytes).collect()
}

#[test]
fn pkcs12_of_hostile_cost_or_depth_is_refused() {
    let identity = Authority::root("Root").issue(&Leaf::server());
    let key = key_bag(identity.key_der());
    let own = certificate_bag(identity.certificate_der());
    let good = contents(&[&key, &own]);
    let with_iterations =
        |iterations: &[u8]| refused(&file_with(&good, &[0; 32], iterations), Some(SESAME));
    for iterations in [integer(10_000_001), integer(1 << 31), integer(1 << 40)] {
        let (reason, line) = with_iterations(&iterations);
        assert_eq!(reason, ConfigurationReason::TooCostly, "{line}");
    }
    let (reason, line) = with_iterations(&integer(2048));
    assert_eq!(reason, ConfigurationReason::PassphraseWrong, "{line}");
    for iterations in [integer(0), der(2, &[&[0x80]])] {
        let (reason, line) = with_iterations(&iterations);
        assert_eq!(reason, ConfigurationReason::Malformed, "{line}");
    }

    // The MAC takes one iteration, and what is left of the limit is not enough for the key.
    let shrouded = bag(2, &with_parameters(pbkdf2(10_000_000), AES));
    let dear = file_with_mac(&contents(&[&shrouded, &own]), &bmp("x"), 1);
    let (reason, line) = refused(&dear, Some("x"));
    assert_eq!(reason, ConfigurationReason::TooCostly, "{line}");
    let cheap = bag(2, &with_parameters(pbkdf2(1), AES));
    let cheap = file_with_mac(&contents(&[&cheap, &own]), &bmp("x"), 1);
    let (reason, line) = refused(&cheap, Some("x"));
    assert_eq!(reason, ConfigurationReason::PassphraseWrong, "{line}");

    // The bags are distinct, and none of them is a certificate.
    let many = |count: u16| {
        let more: Vec<_> = (0..count)
            .map(|number| certificate_bag(&number.to_be_bytes()))
            .collect();
        let more = more.iter().map(Vec::as_slice);
        file(&contents(
            &[&key[..], &own].into_iter().chain(more).collect::<Vec<_>>(),
        ))
    };
    assert_eq!(refused(&many(254), None).0, ConfigurationReason::Malformed);
    assert_eq!(refused(&many(255), None).0, ConfigurationReason::TooCostly);

    let nest = |depth| {
        let mut nested = own.clone();
        for _ in 0..depth {
            nested = contents_bag(&[&nested]);
        }
        file(&contents(&[&key, &nested]))
    };
    assert!(load(&nest(8), None).is_ok());
    for depth in [9, 1000] {
        let (reason, line) = refused(&nest(depth), None);
        assert_eq!(reason, ConfigurationReason::Malformed, "{line}");
    }
}

#[test]
fn pkcs12_that_is_none_is_refused_and_the_right_function_is_told() {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    let bags = [
        key_bag(identity.key_der()),
        certificate_bag(identity.certificate_der()),
    ];
    let good = file(&contents(&[&bags[0], &bags[1]]));
    assert!(load(&good, None).is_ok());
    assert_eq!(refused(b"", None).0, ConfigurationReason::Empty);
    let indefinite = ber(&good);
    assert!(load(&indefinite, None).is_ok());
    let (_, endless) = indefinite.split_last().unwrap();
    for input in [
        b"hello",
        identity.key_der(),
        identity.certificate_der(),
        identity.chain_pem().as_bytes(),
        endless,
        &[&indefinite[..], &[0]].concat(),
        &[&good[..], &[0]].concat(),
    ] {
        assert_eq!(refused(input, None).0, ConfigurationReason::Malformed);
    }
    let mut server = Settings::secure(Role::Server);
    for file in [&good, &indefinite] {
        let chain = refusal(server.load_certificate_chain(file));
        assert_eq!(chain.reason, ConfigurationReason::NoCertificate);
        let key = refusal(server.load_private_key(file, KeyKind::Any, None));
        assert_eq!(key.reason, ConfigurationReason::NoPrivateKey);
        for error in [chain, key] {
            let line = Error::Configuration(error).to_string();
            assert!(line.contains("load-pkcs12"), "{line}");
        }
    }
    let (_, line) = refused(identity.chain_pem().as_bytes(), None);
    assert!(line.contains("PEM, which load-certificate-chain"), "{line}");
}

#[test]
fn k7_pkcs12_that_is_refused_leaves_chain_and_key_and_one_that_loads_replaces_both() {
    let authority = Authority::root("Root");
    let (old, new) = (
        authority.issue(&Leaf::server()),
        authority.issue(&Leaf::server()),
    );
    let mut server = server_settings(&old);
    let (key, own) = (
        key_bag(new.key_der()),
        certificate_bag(new.certificate_der()),
    );
    let broken = certificate_bag(b"\x30\x03abc");
    for (bags, expected) in [
        (vec![&key, &own, &broken], ConfigurationReason::Malformed),
        (vec![&own], ConfigurationReason::NoPrivateKey),
        (vec![&key], ConfigurationReason::NoCertificate),
    ] {
        let bags: Vec<&[u8]> = bags.into_iter().map(Vec::as_slice).collect();
        let loaded = server.load_pkcs12(&file(&contents(&bags)), None);
        assert_eq!(reason(loaded), expected);
        assert_eq!(presented(&authority, &server), [old.certificate_der()]);
    }
    let good = file(&contents(&[&key, &own]));
    server.load_pkcs12(&good, None).unwrap();
    assert_eq!(presented(&authority, &server), [new.certificate_der()]);
}

#[test]
fn pkcs12_that_is_cut_or_flipped_anywhere_gives_no_other_key() {
    if !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    let quick = ["-passout", "pass:open sesame", "-iter", "1"];
    for more in [&[][..], &["-nomac"]] {
        let good = export(&identity, &[&quick, more].concat());
        assert!(load(&good, Some(SESAME)).is_ok());
        for end in 0..good.len() {
            assert!(load(&good[..end], Some(SESAME)).is_err(), "cut at {end}");
        }
        let mut passed = 0;
        for at in 0..good.len() {
            for bits in [0x01, 0x80, 0xff] {
                let mut flipped = good.clone();
                flipped[at] ^= bits;
                if let Ok(mut server) = load(&flipped, Some(SESAME)) {
                    let own = server.load_certificate_chain(identity.certificate_der());
                    assert_eq!(own, Ok(()), "another key, by a flip at {at}");
                    passed += 1;
                }
            }
        }
        // With a MAC nothing that was changed is taken.
        assert!(more.contains(&"-nomac") || passed == 0, "{passed}");
    }
}
