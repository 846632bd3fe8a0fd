//! The core: sessions, credentials, words and cryptography. `tests/corpora.rs` includes this file.
//!
//! Over 400 lines: each target stands with all that it checks.

use std::sync::{Arc, OnceLock};

use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use p256::ecdsa::signature::hazmat::{PrehashSigner as _, PrehashVerifier as _};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use portcullis::endpoint::Host;
use portcullis::error::Error;
use portcullis::tls::{
    Certificate, Config, KeyKind, Role, Session, Settings, State, Version, mistaken_path,
};
use portcullis_provider::aead::Refused;
use portcullis_provider::algorithm::Algorithm;
use portcullis_provider::ecdsa_p256;

use crate::support::certs::{Authority, KeyType, Leaf, NAME};
use crate::support::pair::{Pair, client_settings, only, read_all, seal, server_settings};

/// A client and a server for all versions, 1.2 and 1.3.
pub fn configs() -> &'static [(Arc<Config>, Arc<Config>); 3] {
    static CONFIGS: OnceLock<[(Arc<Config>, Arc<Config>); 3]> = OnceLock::new();
    CONFIGS.get_or_init(|| {
        let (client, server) = settings(KeyType::P256);
        let of = |version| {
            let both = (client.clone(), server.clone());
            (seal(&only(both.0, version)), seal(&only(both.1, version)))
        };
        [
            (seal(&client), seal(&server)),
            of(Version::Tls12),
            of(Version::Tls13),
        ]
    })
}

/// For 1.2 and 1.3, with what is quickest, for many handshakes.
fn fast_configs() -> &'static [(Arc<Config>, Arc<Config>); 2] {
    static CONFIGS: OnceLock<[(Arc<Config>, Arc<Config>); 2]> = OnceLock::new();
    CONFIGS.get_or_init(|| {
        let both = settings(KeyType::Ed25519);
        [Version::Tls12, Version::Tls13].map(|version| {
            let [client, server] = [both.0.clone(), both.1.clone()].map(|mut settings| {
                settings.set_groups(&["x25519"]).unwrap();
                seal(&only(settings, version))
            });
            (client, server)
        })
    })
}

/// A client without memory, and a server that it trusts.
fn settings(key: KeyType) -> (Settings, Settings) {
    let authority = Authority::root("Root");
    let mut client = client_settings(authority.der());
    client.set_session_cache(0).unwrap();
    (
        client,
        server_settings(&authority.issue(&Leaf::server().key(key))),
    )
}

/// Feeds a session what a peer without any key can send. It never opens.
fn strangers(mut session: Session, data: &[u8]) {
    let Some((&chunk, bytes)) = data.split_first() else {
        return;
    };
    for part in bytes.chunks(usize::from(chunk) * 8 + 1) {
        let mut rest = part;
        while !rest.is_empty() {
            match session.handle_ciphertext(rest) {
                Ok(0) => return,
                Ok(taken) => rest = &rest[taken..],
                Err(error) => {
                    assert_eq!(*session.state(), State::Failed(error.clone()));
                    let mut last_words = Vec::new();
                    session.poll_ciphertext(&mut last_words);
                    assert!(last_words.len() < 20_000);
                    assert_eq!(session.read(1), Err(error.clone()));
                    assert_eq!(session.handle_ciphertext(part), Err(error));
                    return;
                }
            }
        }
        session.poll_ciphertext(&mut Vec::new());
        assert_eq!(*session.state(), State::Handshaking);
        assert!(!session.has_plaintext());
    }
    assert!(session.handle_eof().is_err());
}

/// A client, whatever a server sends. The first byte chooses the versions, the second the pieces.
pub fn client(data: &[u8]) {
    let Some((&which, rest)) = data.split_first() else {
        return;
    };
    let (client, _) = &configs()[usize::from(which % 3)];
    let mut session = Session::new(client, Some(NAME)).unwrap();
    session.poll_ciphertext(&mut Vec::new());
    strangers(session, rest);
}

/// A server, whatever a client sends.
pub fn server(data: &[u8]) {
    let Some((&which, rest)) = data.split_first() else {
        return;
    };
    let (_, server) = &configs()[usize::from(which % 3)];
    strangers(Session::new(server, None).unwrap(), rest);
}

/// A handshake and data with bytes that are changed, cut and put in on their way: what is read is the
/// front of what was written. Each change is direction and place (2 bytes), kind, and a byte.
pub fn wire(data: &[u8]) {
    let Some((&which, changes)) = data.split_first() else {
        return;
    };
    let (client, server) = &fast_configs()[usize::from(which % 2)];
    let mut pair = Pair::new(client, server).in_chunks(usize::from(which / 3) * 100 + 50);
    let mut changes = changes.chunks_exact(4);
    let written = [b"request ".repeat(40), b"answer ".repeat(60)];
    let mut has_written = [false; 2];
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        let has_moved = pair.step();
        if let Some(change) = changes.next() {
            let wire = match change[0] & 0x80 {
                0 => &mut pair.to_client,
                _ => &mut pair.to_server,
            };
            let place = usize::from(u16::from_be_bytes([change[0] & 0x7f, change[1]]));
            if place < wire.queue.len() {
                match change[2] % 4 {
                    0 => wire.queue[place] ^= change[3],
                    1 => wire.queue.truncate(place),
                    2 => wire.queue.insert(place, change[3]),
                    _ => {
                        let end = (place + usize::from(change[3])).min(wire.queue.len());
                        let again = wire.queue[place..end].to_vec();
                        wire.queue.extend(again);
                    }
                }
            }
        }
        for (number, session) in [&mut pair.client, &mut pair.server].into_iter().enumerate() {
            if *session.state() == State::Open && !has_written[number] {
                has_written[number] = true;
                session.write(&written[number]).unwrap();
                session.close();
            }
        }
        asked.extend(read_all(&mut pair.server));
        answered.extend(read_all(&mut pair.client));
        if !has_moved {
            break;
        }
    }
    assert!(written[0].starts_with(&asked));
    assert!(written[1].starts_with(&answered));
    for (session, read, all) in [
        (&pair.server, &asked, &written[0]),
        (&pair.client, &answered, &written[1]),
    ] {
        // An end in order is the end of everything.
        if matches!(session.state(), State::ReadClosed | State::Closed) {
            assert_eq!(read.len(), all.len());
        }
    }
}

/// What seeds with a passphrase are encrypted under.
pub const PASSPHRASE: &str = "open sesame";

/// An error quotes no more of a file than a few words, and no passphrase.
fn tells_no_secret(result: Result<(), Error>, input: &[u8]) {
    let Err(error) = result else { return };
    let told = format!("{error:?}");
    assert!(!told.contains(PASSPHRASE), "{told}");
    let told = told.as_bytes();
    let is_quoted = |part: &[u8]| told.windows(part.len()).any(|quoted| quoted == part);
    // Part of a line of base64; or of DER, were it printed as it is. The label of a block may be told.
    let is_label = |line: &&[u8]| line.windows(5).any(|dashes| dashes == b"-----");
    let (labels, lines): (Vec<_>, Vec<_>) = input.split(|byte| *byte == b'\n').partition(is_label);
    let labels = labels.concat();
    for part in lines.iter().flat_map(|line| line.chunks_exact(24)) {
        let is_of_label = labels.windows(part.len()).any(|label| label == part);
        assert!(is_of_label || !is_quoted(part), "{error:?}");
    }
}

/// Files of credentials. The first byte says as what the rest is loaded.
pub fn credentials(data: &[u8]) {
    let Some((&which, input)) = data.split_first() else {
        return;
    };
    let passphrase = [None, Some(PASSPHRASE), Some("")][usize::from(which >> 4) % 3];
    let mut settings = Settings::secure(match which & 8 {
        0 => Role::Server,
        _ => Role::Client,
    });
    match which & 7 {
        0 => {
            let _ = settings.load_certificate_chain(input);
        }
        1 => {
            let kinds = [KeyKind::Any, KeyKind::Rsa];
            let kind = kinds[usize::from(which >> 6) % kinds.len()];
            tells_no_secret(settings.load_private_key(input, kind, passphrase), input);
        }
        2 => tells_no_secret(settings.load_pkcs12(input, passphrase), input),
        3 => {
            if let Ok(count) = settings.add_trust_roots(input) {
                assert!(count as usize <= input.len());
            }
        }
        4 => {
            let _ = settings.load_suggested_authorities(input);
            if let Ok(count) = settings.add_revocation_lists(input) {
                assert!((1..=input.len()).contains(&(count as usize)));
                assert_eq!(settings.add_revocation_lists(input), Ok(0));
            }
        }
        5 => {
            let _ = settings.load_staple(input);
        }
        6 => {
            let files = [("a".to_owned(), Ok(input)), ("b".to_owned(), Ok(input))];
            settings.add_trust_files("directory", files);
        }
        _ => {
            if let Ok(certificate) = Certificate::parse(input.to_vec()) {
                assert_eq!(certificate.der(), input);
                let texts = [certificate.subject(), certificate.issuer()];
                assert!(texts.iter().all(|text| text.len() <= 8 * input.len() + 64));
                assert!(certificate.public_key().len() <= input.len() + 16);
                let numbers = (
                    certificate.serial_number(),
                    certificate.signature_algorithm(),
                );
                assert!(numbers.0.len() + numbers.1.len() <= 8 * input.len() + 64);
                let marks = (
                    certificate.fingerprint(),
                    certificate.public_key_fingerprint(),
                );
                assert_ne!(marks.0, marks.1);
                let _ = (certificate.extended_key_usage(), certificate.is_authority());
            }
        }
    }
}

/// What users write: cipher lists, groups, schemes, protocols and hosts. The first byte says which;
/// spaces stand between words.
pub fn words(data: &[u8]) {
    let Some((&which, rest)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let mut settings = Settings::secure(Role::Client);
    match which % 6 {
        0 => {
            let before = settings.cipher_suites();
            if settings.set_cipher_list(&words).is_err() {
                assert_eq!(settings.cipher_suites(), before);
            } else {
                assert!(!settings.cipher_suites().is_empty());
            }
        }
        1 => {
            if settings.set_groups(&words).is_ok() {
                assert!(!settings.groups().is_empty());
            }
        }
        2 => {
            if settings.set_signature_schemes(&words).is_ok() {
                assert!(!settings.signature_schemes().is_empty());
            }
        }
        3 => {
            let _ = settings.set_alpn(&words);
        }
        4 => {
            let _ = settings.set_protocol(text);
            let _ = mistaken_path(text);
        }
        _ => {
            if let Ok(host) = Host::parse(text) {
                let name = host.name();
                // Two dots at the end are no name, and an address with one is a name all the same; the
                // session says what it thinks of both.
                if text.ends_with("..") || name.parse::<std::net::IpAddr>().is_ok() {
                    return;
                }
                let again = Host::parse(&name).map(|host| host.name());
                assert_eq!(again.as_ref(), Ok(&name), "{text:?}");
                let _ = host.to_connect(443);
                let _ = host.to_listen(443);
            }
        }
    }
}

fn bytes<const N: usize>(data: &mut &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    let count = N.min(data.len());
    bytes[..count].copy_from_slice(&data[..count]);
    *data = &data[count..];
    bytes
}

/// Our verification over P-256 agrees with RustCrypto's. The first byte says what is changed in a
/// signature that is valid, if anything.
pub fn signatures(data: &[u8]) {
    let rest = &mut &data[..];
    let [which, place, bits] = bytes(rest);
    let [secret, digest, r, s]: [[u8; 32]; 4] =
        [bytes(rest), bytes(rest), bytes(rest), bytes(rest)];
    let Ok(key) = SigningKey::from_slice(&secret) else {
        return;
    };
    let mut point: [u8; 65] = key
        .verifying_key()
        .to_sec1_point(false)
        .as_bytes()
        .try_into()
        .unwrap();
    let signature: Signature = key.sign_prehash(&digest).unwrap();
    let (mut own_r, mut own_s): ([u8; 32], [u8; 32]) = (
        signature.r().to_bytes().into(),
        signature.s().to_bytes().into(),
    );
    let mut digest = digest;
    let at = usize::from(place);
    match which % 8 {
        0 => {}
        1 => own_r[at % 32] ^= bits,
        2 => own_s[at % 32] ^= bits,
        3 => digest[at % 32] ^= bits,
        4 => point[at % 65] ^= bits,
        5 => own_r = r,
        6 => own_s = s,
        _ => (own_r, own_s) = (r, s),
    }
    let ours = ecdsa_p256::verify(&point, &digest, &own_r, &own_s).is_ok();
    let theirs = VerifyingKey::from_sec1_bytes(&point).is_ok_and(|key| {
        Signature::from_scalars(own_r, own_s)
            .is_ok_and(|signature| key.verify_prehash(&digest, &signature).is_ok())
    });
    assert_eq!(
        ours, theirs,
        "of {point:02x?} {digest:02x?} {own_r:02x?} {own_s:02x?}"
    );
}

/// Our record protection agrees with RustCrypto's, and opens nothing that was changed. The first byte
/// is the algorithm, then come lengths, key, nonce, associated data and text.
pub fn records(data: &[u8]) {
    let rest = &mut &data[..];
    let [which, place, bits, aad_len] = bytes(rest);
    match which % 3 {
        0 => protect::<ChaCha20Poly1305>(Algorithm::ChaCha20Poly1305, rest, aad_len, place, bits),
        1 => protect::<Aes128Gcm>(Algorithm::Aes128Gcm, rest, aad_len, place, bits),
        _ => protect::<Aes256Gcm>(Algorithm::Aes256Gcm, rest, aad_len, place, bits),
    }
}

fn protect<Other>(algorithm: Algorithm, rest: &mut &[u8], aad_len: u8, place: u8, bits: u8)
where
    Other: AeadInOut<NonceSize = U12, TagSize = U16> + KeyInit,
{
    let key: [u8; 32] = bytes(rest);
    let key = &key[..algorithm.key_len()];
    let nonce: [u8; 12] = bytes(rest);
    let (aad, text) = rest.split_at(usize::from(aad_len).min(rest.len()));
    // A short input stands for a long text: lanes and batches begin beyond some hundred bytes.
    let text = text.repeat(1 + usize::from(place) / 16);

    let mut expected = text.clone();
    let other = Other::new_from_slice(key).unwrap();
    let tag = other
        .encrypt_inout_detached((&nonce).into(), aad, expected.as_mut_slice().into())
        .unwrap();
    let ours = algorithm.with_key(key);
    let mut buffer = text.clone();
    let mut sealed = ours.seal(&nonce, aad, &mut buffer).unwrap();
    assert_eq!(buffer, expected);
    assert_eq!(sealed, *tag);

    let at = usize::from(place);
    if bits != 0 {
        match buffer.len() {
            length if at % 2 == 0 && length > 0 => buffer[at * 7 % length] ^= bits,
            _ => sealed[at % 16] ^= bits,
        }
        let changed = buffer.clone();
        assert_eq!(ours.open(&nonce, aad, &mut buffer, &sealed), Err(Refused));
        assert_eq!(buffer, changed, "no plaintext");
    } else {
        assert_eq!(ours.open(&nonce, aad, &mut buffer, &sealed), Ok(()));
        assert_eq!(buffer, text);
    }
}
