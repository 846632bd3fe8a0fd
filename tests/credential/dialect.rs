//! PKCS #12 as other tools and systems have it: with PBMAC1, in BER, in the armour of PEM.

use std::process::Command;

use portcullis::error::ConfigurationReason;

use super::pkcs12::{bmp, export, load, refused};
use super::support::certs::{Authority, KeyType, Leaf, pem};
use super::support::pkcs12::{
    ber, certificate_bag, contents, file, file_with_mac, file_with_pbmac1, key_bag,
};
use super::support::{openssl, require_tool};
use super::{SESAME, presented};
use crate::support::folder::Folder;

#[test]
fn pkcs12_with_pbmac1_loads_and_is_refused_with_a_wrong_passphrase() {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    let (key, own) = (
        key_bag(identity.key_der()),
        certificate_bag(identity.certificate_der()),
    );
    let contents = contents(&[&key, &own]);
    for passphrase in [SESAME, "", "пароль"] {
        for length in [20, 32, 64] {
            let file = file_with_pbmac1(&contents, passphrase, 3, Some(length));
            let server = load(&file, Some(passphrase)).unwrap();
            assert_eq!(presented(&authority, &server), [identity.certificate_der()]);
            let (wrong, _) = refused(&file, Some("open barley"));
            assert_eq!(wrong, ConfigurationReason::PassphraseWrong);
        }
    }
    assert!(load(&file_with_pbmac1(&contents, "", 3, Some(32)), None).is_ok());
    let file = file_with_pbmac1(&contents, SESAME, 3, Some(32));
    let (missing, _) = refused(&file, None);
    assert_eq!(missing, ConfigurationReason::PassphraseMissing);
    // A key that is too short, or of no length, is no MAC (RFC 9579 §5).
    for length in [None, Some(0), Some(19), Some(65)] {
        let (reason, line) = refused(
            &file_with_pbmac1(&contents, SESAME, 3, length),
            Some(SESAME),
        );
        assert_eq!(reason, ConfigurationReason::Malformed, "{line}");
    }
    for at in 0..file.len() {
        for bits in [0x01, 0x80, 0xff] {
            let mut flipped = file.clone();
            flipped[at] ^= bits;
            // The fields of `MacData` itself are not used, nor are the parameters of hashes.
            if let Ok(mut server) = load(&flipped, Some(SESAME)) {
                let own = server.load_certificate_chain(identity.certificate_der());
                assert_eq!(own, Ok(()), "another key, by a flip at {at}");
            }
        }
    }
    let costly = file_with_pbmac1(&contents, SESAME, 10_000_001, Some(32));
    assert_eq!(
        refused(&costly, Some(SESAME)).0,
        ConfigurationReason::TooCostly
    );
}

#[test]
fn pkcs12_in_ber_loads_with_every_mac_and_encryption() {
    let authority = Authority::root("Root");
    let identity = authority
        .intermediate("Intermediate")
        .issue(&Leaf::server());
    let [own, intermediate] = &identity.chain[..] else {
        panic!("two certificates");
    };
    let expected = [own.to_vec(), intermediate.to_vec()];
    let bags = [
        key_bag(identity.key_der()),
        certificate_bag(own),
        certificate_bag(intermediate),
    ];
    let inner = ber(&contents(&[&bags[0], &bags[1], &bags[2]]));
    // The MAC covers the bytes as they are written, in BER.
    for der in [
        file(&inner),
        file_with_mac(&inner, &bmp(SESAME), 3),
        file_with_pbmac1(&inner, SESAME, 3, Some(32)),
    ] {
        for file in [ber(&der), der] {
            let server = load(&file, Some(SESAME)).unwrap();
            assert_eq!(presented(&authority, &server), expected);
        }
    }
    if !require_tool("openssl") {
        return;
    }
    for more in [&[][..], &["-nomac"], &["-keypbe", "NONE"]] {
        let options = [&["-passout", "pass:open sesame"], more].concat();
        let file = ber(&export(&identity, &options));
        // OpenSSL reads it too.
        let read = ["pkcs12", "-noout", "-passin", "pass:open sesame"];
        openssl(&read, &file);
        let server = load(&file, Some(SESAME)).unwrap();
        assert_eq!(presented(&authority, &server), expected);
        let (wrong, _) = refused(&file, Some("open barley"));
        assert_eq!(wrong, ConfigurationReason::PassphraseWrong);
    }
}

#[test]
fn pkcs12_of_nss_loads() {
    if !require_tool("pk12util") || !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    let folder = Folder::new();
    let root = folder.path().to_str().unwrap().to_owned();
    let own = folder.put(
        "own.p12",
        export(&identity, &["-passout", "pass:open sesame", "-name", "own"]),
    );
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "{program} {arguments:?}: {output:?}"
        );
    };
    run("certutil", &["-N", "-d", &root, "--empty-password"]);
    run("pk12util", &["-i", &own, "-d", &root, "-W", SESAME]);
    let out = format!("{root}/out.p12");
    for (ciphers, expected) in [
        (&["-c", "AES-256-CBC", "-C", "AES-128-CBC"][..], None),
        (&["-c", "AES-256-CBC", "-C", "none"], None),
        (
            &["-c", "PKCS #12 V2 PBE With SHA-1 And 3KEY Triple DES-CBC"],
            Some(ConfigurationReason::Encrypted),
        ),
    ] {
        let fixed = ["-o", &out, "-n", "own", "-d", &root, "-W", SESAME];
        run("pk12util", &[&fixed, ciphers].concat());
        let file = std::fs::read(&out).unwrap();
        // The lengths are indefinite, which is what this test is about.
        assert!(file.starts_with(&[0x30, 0x80]), "{:02x?}", &file[..4]);
        match expected {
            None => {
                let server = load(&file, Some(SESAME)).unwrap();
                assert_eq!(presented(&authority, &server), [identity.certificate_der()]);
            }
            Some(expected) => assert_eq!(refused(&file, Some(SESAME)).0, expected),
        }
    }
}

#[test]
fn pkcs12_in_the_armour_of_pem_loads() {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    let bags = [
        key_bag(identity.key_der()),
        certificate_bag(identity.certificate_der()),
    ];
    let file = file(&contents(&[&bags[0], &bags[1]]));
    // As certtool --to-p12 writes it.
    let server = load(pem("PKCS12", &file).as_bytes(), None).unwrap();
    assert_eq!(presented(&authority, &server), [identity.certificate_der()]);
    let (_, line) = refused(&pem("PKCS12", &file).as_bytes()[..100], None);
    assert!(line.contains("PKCS12, block 1"), "{line}");
}

#[test]
fn pkcs12_in_ber_that_is_cut_or_flipped_anywhere_gives_no_other_key() {
    let identity = Authority::root("Root").issue(&Leaf::server().key(KeyType::Ed25519));
    let bags = [
        key_bag(identity.key_der()),
        certificate_bag(identity.certificate_der()),
    ];
    let good = ber(&file_with_mac(
        &ber(&contents(&[&bags[0], &bags[1]])),
        &bmp(SESAME),
        1,
    ));
    assert!(load(&good, Some(SESAME)).is_ok());
    for end in 0..good.len() {
        assert!(load(&good[..end], Some(SESAME)).is_err(), "cut at {end}");
    }
    for at in 0..good.len() {
        for bits in [0x01, 0x20, 0x80, 0xff] {
            let mut flipped = good.clone();
            flipped[at] ^= bits;
            if let Ok(mut server) = load(&flipped, Some(SESAME)) {
                // A string that is divided into other segments is the same string.
                let own = server.load_certificate_chain(identity.certificate_der());
                assert_eq!(own, Ok(()), "another key, by a flip at {at}");
            }
        }
    }
}
