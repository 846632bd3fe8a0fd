//! Encrypted private keys.

use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::Encode as _;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{
    EncryptionScheme as Cipher, Kdf, Parameters, Pbkdf2Params, Pbkdf2Prf, Salt, ScryptParams,
};
use portcullis::error::ConfigurationReason::{
    Encrypted, Malformed, NoPrivateKey, PassphraseMissing, PassphraseWrong, TooCostly,
};
use portcullis::tls::KeyKind;

use super::support::certs::{Authority, KeyType, Leaf, pem};
use super::support::pkcs12::{der, integer};
use super::support::{openssl, require_tool};
use super::{SESAME, key_refusal, load_key, presented, reason, with_key};

/// `openssl pkcs8 -topk8` with these further options.
fn encrypt(key: &str, options: &[&str]) -> Vec<u8> {
    let fixed = ["pkcs8", "-topk8", "-passout", "pass:open sesame"];
    openssl(&[&fixed, options].concat(), key.as_bytes())
}

#[test]
fn k3_an_encrypted_key_opens_whatever_openssl_encrypts_it_with() {
    if !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    let key = identity.key_pem();
    let mut ways = vec![vec![], vec!["-scrypt"], vec!["-iter", "1"]];
    for hash in ["SHA1", "SHA224", "SHA256", "SHA384", "SHA512"] {
        for cipher in ["aes-128-cbc", "aes-192-cbc", "aes-256-cbc"] {
            let prf: &str = Box::leak(format!("hmacWith{hash}").into_boxed_str());
            ways.push(vec!["-v2", cipher, "-v2prf", prf]);
        }
    }
    for way in ways {
        for form in ["PEM", "DER"] {
            let encrypted = encrypt(&key, &[&way[..], &["-outform", form]].concat());
            let server = with_key(&identity, &encrypted, Some(SESAME)).unwrap();
            assert_eq!(presented(&authority, &server), [identity.certificate_der()]);
            let missing = load_key(&encrypted, KeyKind::Any, None);
            assert_eq!(reason(missing), PassphraseMissing);
            let wrong = load_key(&encrypted, KeyKind::Any, Some("open barley"));
            assert_eq!(reason(wrong), PassphraseWrong);
        }
    }
}

#[test]
fn k3_what_stands_in_the_way_of_the_kind_that_was_asked_for_is_told_and_nothing_else() {
    if !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    let elliptic = authority.issue(&Leaf::server()).key_pem();
    let rsa = authority
        .issue(&Leaf::server().key(KeyType::Rsa2048))
        .key_pem();
    let closed = |key| String::from_utf8(encrypt(key, &["-iter", "1"])).unwrap();
    let legacy = |command, key: &str| {
        let arguments = [command, "-aes128", "-passout", "pass:open sesame"];
        String::from_utf8(openssl(&arguments, key.as_bytes())).unwrap()
    };
    let legacy_ec = legacy("ec", &elliptic);
    // `rsa` writes PKCS #8 unless told otherwise.
    let arguments = ["rsa", "-traditional", "-aes128", "-passout", "pass:x"];
    let legacy_rsa = String::from_utf8(openssl(&arguments, rsa.as_bytes())).unwrap();
    let (closed_ec, closed_rsa) = (closed(&elliptic), closed(&rsa));
    let right = Some(SESAME);
    for (file, passphrase, expected) in [
        (closed_rsa.clone(), right, Ok(())),
        (closed_rsa.clone(), None, Err(PassphraseMissing)),
        (closed_rsa.clone(), Some("x"), Err(PassphraseWrong)),
        // Without the passphrase it is not known whether the key is RSA; with it, it is.
        (closed_ec.clone(), None, Err(PassphraseMissing)),
        (closed_ec.clone(), right, Err(NoPrivateKey)),
        (legacy_rsa.clone(), right, Err(Encrypted)),
        (legacy_ec.clone(), right, Err(NoPrivateKey)),
        (legacy_ec + &closed_rsa, right, Ok(())),
        (closed_ec.clone() + &rsa, None, Ok(())),
        (elliptic.clone() + &closed_rsa, None, Err(PassphraseMissing)),
        (legacy_rsa + &closed_ec, right, Err(Encrypted)),
    ] {
        let loaded = load_key(file.as_bytes(), KeyKind::Rsa, passphrase);
        match expected {
            Ok(()) => assert_eq!(loaded, Ok(()), "{file}"),
            Err(expected) => assert_eq!(reason(loaded), expected, "{file}"),
        }
    }
}

#[test]
fn k3_encryption_of_old_is_refused_with_or_without_the_passphrase_and_the_cure_is_told() {
    if !require_tool("openssl") {
        return;
    }
    let key = Authority::root("Root").issue(&Leaf::server()).key_pem();
    let control = encrypt(&key, &["-v2", "aes-128-cbc"]);
    assert_eq!(load_key(&control, KeyKind::Any, Some(SESAME)), Ok(()));
    let legacy = ["ec", "-aes128", "-passout", "pass:open sesame"];
    for (encrypted, what) in [
        (openssl(&legacy, key.as_bytes()), "Proc-Type"),
        (encrypt(&key, &["-v1", "PBE-SHA1-3DES"]), "triple DES"),
        (
            encrypt(&key, &["-v1", "PBE-SHA1-3DES", "-outform", "DER"]),
            "triple DES",
        ),
        (encrypt(&key, &["-v2", "des3"]), "1.2.840.113549.3.7"),
        (
            encrypt(&key, &["-v2", "camellia-256-cbc"]),
            "1.2.392.200011.61.1.1.1.4",
        ),
    ] {
        for passphrase in [Some(SESAME), Some("wrong"), None] {
            let (reason, line) = key_refusal(load_key(&encrypted, KeyKind::Any, passphrase));
            assert_eq!(reason, Encrypted, "{what}");
            assert!(line.contains(what), "{line}");
            assert!(line.contains("openssl pkcs8 -topk8"), "{line}");
        }
    }
    // The command that the line names opens the key.
    let arguments = ["-passin", "pass:open sesame", "-iter", "1"];
    let legacy = String::from_utf8(openssl(&legacy, key.as_bytes())).unwrap();
    let cured = encrypt(&legacy, &arguments);
    assert_eq!(load_key(&cured, KeyKind::Any, Some(SESAME)), Ok(()));
}

/// An encrypted key with these parameters, and a ciphertext of no meaning.
pub(super) fn with_parameters(kdf: Kdf, encryption: Cipher) -> Vec<u8> {
    with_ciphertext(Parameters { kdf, encryption }, &[0; 64])
}

/// This key, encrypted.
fn encrypted_by(parameters: Parameters, key: &[u8]) -> Vec<u8> {
    let ciphertext = parameters.encrypt(SESAME, key).unwrap();
    with_ciphertext(parameters, &ciphertext)
}

fn with_ciphertext(parameters: Parameters, ciphertext: &[u8]) -> Vec<u8> {
    let encrypted = EncryptedPrivateKeyInfoRef {
        encryption_algorithm: EncryptionScheme::Pbes2(parameters),
        encrypted_data: OctetStringRef::new(ciphertext).unwrap(),
    };
    encrypted.to_der().unwrap()
}

pub(super) const AES: Cipher = Cipher::Aes128Cbc { iv: [0; 16] };

pub(super) fn pbkdf2(iterations: u32) -> Kdf {
    Kdf::Pbkdf2(Pbkdf2Params {
        salt: Salt::new([0; 8]).unwrap(),
        iteration_count: iterations,
        key_length: None,
        prf: Pbkdf2Prf::HmacWithSha256,
    })
}

fn scrypt(n: u64, r: u16, p: u16) -> Kdf {
    Kdf::Scrypt(ScryptParams {
        salt: Salt::new([0; 8]).unwrap(),
        cost_parameter: n,
        block_size: r,
        parallelization: p,
        key_length: None,
    })
}

#[test]
fn a_key_derivation_of_hostile_cost_is_refused_before_it_is_begun() {
    let refusal = |kdf| {
        let key = with_parameters(kdf, AES);
        let (reason, line) = key_refusal(load_key(&key, KeyKind::Any, Some(SESAME)));
        let in_pem = pem("ENCRYPTED PRIVATE KEY", &key);
        let (same, _) = key_refusal(load_key(in_pem.as_bytes(), KeyKind::Any, Some(SESAME)));
        assert_eq!(reason, same);
        (reason, line)
    };
    for (kdf, named) in [
        (pbkdf2(10_000_001), "PBKDF2 with 10000001 iterations"),
        (pbkdf2(u32::MAX), "iterations"),
        // Memory; time at little memory; both numbers at their largest.
        (scrypt(1 << 15, 8, 1), "N=32768, r=8, p=1"),
        (scrypt(1 << 40, 1, 1), "scrypt"),
        (scrypt(1 << 63, u16::MAX, u16::MAX), "scrypt"),
        (scrypt(2, 8, u16::MAX), "scrypt"),
        (scrypt(1 << 15, 1, 1 << 10), "scrypt"),
    ] {
        let (reason, line) = refusal(kdf);
        assert_eq!(reason, TooCostly, "{line}");
        assert!(line.contains(named), "{line}");
    }
    for kdf in [
        pbkdf2(0),
        // The library would panic, as it computes the logarithm of N.
        scrypt(0, 8, 1),
        scrypt(1, 8, 1),
        scrypt(3, 8, 1),
        scrypt(16, 0, 1),
        scrypt(16, 8, 0),
    ] {
        assert_eq!(refusal(kdf).0, Malformed);
    }
    // These differ from the first ones by their cost only: they are opened, and found to hold
    // nothing.
    for kdf in [pbkdf2(2048), scrypt(1 << 14, 8, 1), scrypt(1 << 15, 4, 1)] {
        assert_eq!(refusal(kdf).0, PassphraseWrong);
    }
}

#[test]
fn the_keys_of_one_file_share_what_they_may_cost() {
    let elliptic = Authority::root("Root").issue(&Leaf::server());
    let cheap = encrypted_by(
        Parameters {
            kdf: pbkdf2(1),
            encryption: AES,
        },
        elliptic.key_der(),
    );
    let cheap = pem("ENCRYPTED PRIVATE KEY", &cheap);
    assert_eq!(
        load_key(cheap.as_bytes(), KeyKind::Ec, Some(SESAME)),
        Ok(())
    );
    // A cost that one key alone may just have is too much after another key.
    let dear = with_parameters(pbkdf2(10_000_000), AES);
    let both = cheap + &pem("ENCRYPTED PRIVATE KEY", &dear);
    let refused = load_key(both.as_bytes(), KeyKind::Rsa, Some(SESAME));
    assert_eq!(reason(refused), TooCostly);
    assert_eq!(load_key(both.as_bytes(), KeyKind::Ec, Some(SESAME)), Ok(()));
}

#[test]
fn parameters_that_are_not_supported_or_broken_are_told_apart() {
    let load = |key: &[u8]| key_refusal(load_key(key, KeyKind::Any, Some(SESAME)));
    let gcm = with_parameters(pbkdf2(1), Cipher::Aes128Gcm { nonce: [0; 12] });
    assert_eq!(load(&gcm).0, Encrypted);
    let mut other_length = pbkdf2(1);
    if let Kdf::Pbkdf2(parameters) = &mut other_length {
        parameters.key_length = Some(32);
    }
    let other_length = with_parameters(other_length, AES);
    assert_eq!(load(&other_length).0, Malformed);
    let good = with_parameters(pbkdf2(1), AES);
    assert_eq!(load(&good).0, PassphraseWrong);

    let pbkdf2 = |salt: &[u8], iterations: &[u8]| {
        let aes = der(6, &[&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 2]]);
        let cipher = der(0x30, &[&aes, &der(4, &[&[0; 16]])]);
        let parameters = der(0x30, &[&der(4, &[salt]), iterations]);
        let oid = |last| der(6, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, last]]);
        let kdf = der(0x30, &[&oid(12), &parameters]);
        let scheme = der(0x30, &[&oid(13), &der(0x30, &[&kdf, &cipher])]);
        der(0x30, &[&scheme, &der(4, &[&[0; 64]])])
    };
    for (salt, iterations, expected) in [
        (8, integer(1), PassphraseWrong),
        (32, integer(1), PassphraseWrong),
        (33, integer(1), Encrypted),
        (8, integer(1 << 32), TooCostly),
        (8, integer(u64::MAX), Malformed),
        (8, der(2, &[&[0xff]]), Malformed),
    ] {
        let key = pbkdf2(&vec![0; salt], &iterations);
        assert_eq!(load(&key).0, expected, "{salt} {iterations:?}");
    }
}

#[test]
fn an_encrypted_key_that_is_cut_or_flipped_anywhere_gives_no_other_key() {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    let parameters = Parameters {
        kdf: pbkdf2(1),
        encryption: AES,
    };
    let good = encrypted_by(parameters, identity.key_der());
    assert!(with_key(&identity, &good, Some(SESAME)).is_ok());
    for end in 0..good.len() {
        let cut = pem("ENCRYPTED PRIVATE KEY", &good[..end]);
        for input in [&good[..end], cut.as_bytes()] {
            assert!(with_key(&identity, input, Some(SESAME)).is_err(), "{end}");
        }
    }
    for at in 0..good.len() {
        for bits in [0x01, 0x80, 0xff] {
            let mut flipped = good.clone();
            flipped[at] ^= bits;
            if let Ok(server) = with_key(&identity, &flipped, Some(SESAME)) {
                // The flip is in a part that does not count, such as the version of the key.
                assert_eq!(presented(&authority, &server), [identity.certificate_der()]);
            }
        }
    }
}
