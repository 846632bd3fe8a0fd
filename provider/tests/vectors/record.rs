//! Record protection: sealed and opened by both versions, and the records that must be refused.

use portcullis_provider::algorithm::Algorithm;
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, Iv, MessageDecrypter, MessageEncrypter, OutboundChunks,
    OutboundPlainMessage, Tls12AeadAlgorithm, Tls13AeadAlgorithm,
};
use rustls::{ContentType, Error, ProtocolVersion};

use crate::hex;

type Pair = (Box<dyn MessageEncrypter>, Box<dyn MessageDecrypter>);

/// AES-128 is missing: an [`AeadKey`] of 16 bytes can only be made by rustls itself. It shares
/// all of its code here with AES-256; the handshakes cover it.
const ALGORITHMS: [Algorithm; 2] = [Algorithm::Aes256Gcm, Algorithm::ChaCha20Poly1305];

fn tls13(algorithm: Algorithm) -> Pair {
    let algorithm: &dyn Tls13AeadAlgorithm = &algorithm;
    (
        algorithm.encrypter(AeadKey::from([7; 32]), Iv::from([9; 12])),
        algorithm.decrypter(AeadKey::from([7; 32]), Iv::from([9; 12])),
    )
}

fn tls12(algorithm: Algorithm) -> Pair {
    let algorithm: &dyn Tls12AeadAlgorithm = &algorithm;
    let shape = algorithm.key_block_shape();
    let iv = vec![9; shape.fixed_iv_len];
    let explicit = vec![3; shape.explicit_nonce_len];
    (
        algorithm.encrypter(AeadKey::from([7; 32]), &iv, &explicit),
        algorithm.decrypter(AeadKey::from([7; 32]), &iv),
    )
}

fn seal(pair: &mut Pair, version: ProtocolVersion, plaintext: &[u8], seq: u64) -> Vec<u8> {
    // Two chunks, as a caller's vectored write gives them.
    let (head, tail) = plaintext.split_at(plaintext.len() / 2);
    let chunks = [head, tail];
    let message = OutboundPlainMessage {
        typ: ContentType::ApplicationData,
        version,
        payload: OutboundChunks::new(&chunks),
    };
    let announced = pair.0.encrypted_payload_len(plaintext.len());
    let sealed = pair
        .0
        .encrypt(message, seq)
        .unwrap()
        .payload
        .as_ref()
        .to_vec();
    assert_eq!(sealed.len(), announced);
    sealed
}

fn open(pair: &mut Pair, record: &[u8], seq: u64) -> Result<Vec<u8>, Error> {
    let mut payload = record.to_vec();
    let message = InboundOpaqueMessage::new(
        ContentType::ApplicationData,
        ProtocolVersion::TLSv1_2,
        &mut payload,
    );
    pair.1
        .decrypt(message, seq)
        .map(|plain| plain.payload.to_vec())
}

fn pairs() -> impl Iterator<Item = (ProtocolVersion, Pair)> {
    ALGORITHMS.into_iter().flat_map(|algorithm| {
        [
            (ProtocolVersion::TLSv1_2, tls12(algorithm)),
            (ProtocolVersion::TLSv1_3, tls13(algorithm)),
        ]
    })
}

#[test]
fn record_of_every_size_opens_as_it_was_sealed() {
    for (version, mut pair) in pairs() {
        for len in [0, 1, 15, 16, 17, 1000, 16384] {
            for seq in [0, 1, u64::from(u32::MAX) + 7] {
                let plaintext = vec![0x5a; len];
                let record = seal(&mut pair, version, &plaintext, seq);
                assert_eq!(open(&mut pair, &record, seq), Ok(plaintext));
            }
        }
    }
}

#[test]
fn record_out_of_its_place_is_refused() {
    for (version, mut pair) in pairs() {
        let record = seal(&mut pair, version, b"plaintext", 5);
        assert_eq!(open(&mut pair, &record, 6), Err(Error::DecryptError));
        assert_eq!(open(&mut pair, &record, 5), Ok(b"plaintext".to_vec()));
    }
}

#[test]
fn record_cut_or_changed_anywhere_is_refused() {
    for (version, mut pair) in pairs() {
        let record = seal(&mut pair, version, b"plaintext", 0);
        for len in 0..record.len() {
            let refused = open(&mut pair, &record[..len], 0);
            assert_eq!(
                refused,
                Err(Error::DecryptError),
                "{version:?} cut to {len}"
            );
        }
        for byte in 0..record.len() {
            let mut changed = record.clone();
            changed[byte] ^= 1;
            let refused = open(&mut pair, &changed, 0);
            assert_eq!(refused, Err(Error::DecryptError), "{version:?} byte {byte}");
        }
    }
}

#[test]
fn plaintext_over_the_limit_is_refused() {
    for (version, mut pair) in pairs() {
        let record = seal(&mut pair, version, &[1; 16385], 0);
        assert_eq!(
            open(&mut pair, &record, 0),
            Err(Error::PeerSentOversizedRecord)
        );
    }
}

#[test]
fn nonces_are_those_of_the_standards() {
    let nonce = |algorithm: Algorithm, nonce: &str, aad: &str, mut plain: Vec<u8>| {
        let key = algorithm.with_key(&[7; 32]);
        let nonce = hex(nonce).try_into().unwrap();
        let tag = key.seal(&nonce, &hex(aad), &mut plain).unwrap();
        plain.extend(tag);
        plain
    };

    // RFC 8446 §5.3 and RFC 7905 §2: IV xor sequence number.
    for algorithm in ALGORITHMS {
        let record = seal(
            &mut tls13(algorithm),
            ProtocolVersion::TLSv1_3,
            b"x",
            0x0102,
        );
        let expected = nonce(
            algorithm,
            "09090909090909090909080b",
            "1703030012",
            b"x\x17".to_vec(),
        );
        assert_eq!(record, expected);
    }
    let algorithm = Algorithm::ChaCha20Poly1305;
    let record = seal(
        &mut tls12(algorithm),
        ProtocolVersion::TLSv1_2,
        b"x",
        0x0102,
    );
    let aad = "00000000000001021703030001";
    assert_eq!(
        record,
        nonce(algorithm, "09090909090909090909080b", aad, b"x".to_vec())
    );

    // RFC 5288 §3: a salt, then what the record carries.
    let algorithm = Algorithm::Aes256Gcm;
    let record = seal(
        &mut tls12(algorithm),
        ProtocolVersion::TLSv1_2,
        b"x",
        0x0102,
    );
    let (explicit, sealed) = record.split_at(8);
    assert_eq!(explicit, hex("0303030303030201"));
    assert_eq!(
        sealed,
        nonce(algorithm, "090909090303030303030201", aad, b"x".to_vec())
    );
}

#[test]
fn traffic_keys_cannot_be_taken_out() {
    for algorithm in ALGORITHMS {
        let tls13: &dyn Tls13AeadAlgorithm = &algorithm;
        let tls12: &dyn Tls12AeadAlgorithm = &algorithm;
        let (iv, key) = (Iv::from([0; 12]), || AeadKey::from([0; 32]));
        assert!(tls13.extract_keys(key(), iv).is_err());
        assert!(tls12.extract_keys(key(), &[0; 4], &[0; 8]).is_err());
    }
}
