//! X25519MLKEM768 and SecP256r1MLKEM768: the accumulated vectors of Go's `crypto/mlkem`, another implementation, and what
//! a peer may not send.

use ml_kem::kem::{Decapsulate as _, KeyExport as _};
use ml_kem::{DecapsulationKey768, EncapsulationKey768};
use portcullis_provider::kx::danger::{answer_with_randomness, start_with_private_key};
use portcullis_provider::kx::{SECP256R1, SECP256R1MLKEM768, X25519, X25519MLKEM768};
use rustls::crypto::ActiveKeyExchange;
use rustls::{Error, NamedGroup, PeerMisbehaved, ProtocolVersion};
use shake::Shake128;
use shake::digest::{ExtendableOutput as _, Update as _, XofReader as _};

use crate::hex;

const INVALID_KEY_SHARE: Error = Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare);

/// Lengths of FIPS 203: encapsulation key and ciphertext.
const KEY: usize = 1184;
const CIPHERTEXT: usize = 1088;

/// FIPS 203's q.
const MODULUS: u16 = 3329;

/// The groups, each with the one beside ML-KEM, and whether that comes first.
const GROUPS: [(NamedGroup, NamedGroup, bool); 2] = [
    (NamedGroup::X25519MLKEM768, NamedGroup::X25519, false),
    (NamedGroup::secp256r1MLKEM768, NamedGroup::secp256r1, true),
];

/// A private key of X25519 and of P-256, where a test does not depend on it.
const CLASSIC: [u8; 32] = [9; 32];

fn client(seed: &[u8; 64], classic: &[u8; 32]) -> Box<dyn ActiveKeyExchange> {
    let key = [seed.as_slice(), classic].concat();
    start_with_private_key(NamedGroup::X25519MLKEM768, &key).unwrap()
}

fn point(classic: &[u8]) -> Vec<u8> {
    let exchange = start_with_private_key(NamedGroup::X25519, classic).unwrap();
    exchange.pub_key().to_vec()
}

/// Bytes that are different for each number, and the same every time.
fn bytes<const LENGTH: usize>(number: u8) -> [u8; LENGTH] {
    let mut hash = Shake128::default();
    hash.update(&[number]);
    let mut bytes = [0; LENGTH];
    hash.finalize_xof().read(&mut bytes);
    bytes
}

/// In place of the vectors, Go has a hash of the outcomes of a hundred keys, encapsulations and
/// decapsulations, half of the last of random ciphertexts. (Its hash of ten thousand comes out too,
/// in a quarter of a minute: 8a518cc63da366322a8e7a818c7a0d63483cb3528d34a4cf42f35d5ad73f22fc.)
#[test]
fn a_hundred_accumulated_vectors_of_go_come_out() {
    let mut stream = Shake128::default().finalize_xof();
    let mut sum = Shake128::default();
    let point = point(&CLASSIC);
    let (mut seed, mut m, mut random) = ([0; 64], [0; 32], [0; CIPHERTEXT]);
    for _ in 0..100 {
        stream.read(&mut seed);
        let ours = client(&seed, &CLASSIC);
        let share = ours.pub_key().to_vec();
        assert_eq!(share.len(), KEY + 32);
        sum.update(&share[..KEY]);

        stream.read(&mut m);
        let answer =
            answer_with_randomness(NamedGroup::X25519MLKEM768, &[m, CLASSIC].concat(), &share)
                .unwrap();
        assert_eq!(answer.pub_key.len(), CIPHERTEXT + 32);
        sum.update(&answer.pub_key[..CIPHERTEXT]);
        sum.update(&answer.secret.secret_bytes()[..32]);
        let completed = ours.complete(&answer.pub_key).unwrap();
        assert_eq!(completed.secret_bytes(), answer.secret.secret_bytes());

        stream.read(&mut random);
        let strange = [random.as_slice(), &point].concat();
        let completed = client(&seed, &CLASSIC).complete(&strange).unwrap();
        sum.update(&completed.secret_bytes()[..32]);
    }
    let mut digest = [0; 32];
    sum.finalize_xof().read(&mut digest);
    let expected = "1114b1b6699ed191734fa339376afa7e285c9e6acf6ff0177d346696ce564415";
    assert_eq!(digest.to_vec(), hex(expected));
}

/// draft-ietf-tls-ecdhe-mlkem: ML-KEM before X25519 and after P-256, in both shares and in the secret.
#[test]
fn shares_and_secret_are_ml_kem_then_x25519_or_p_256_then_ml_kem() {
    for (group, other, is_other_first) in GROUPS {
        let join = |post_quantum: &[u8], classic: &[u8]| match is_other_first {
            true => [classic, post_quantum].concat(),
            false => [post_quantum, classic].concat(),
        };
        for number in 0..50 {
            let (seed, classic): ([u8; 64], [u8; 32]) = (bytes(number), bytes(number + 50));
            let (m, servers): ([u8; 32], [u8; 32]) = (bytes(number + 100), bytes(number + 150));
            let start = |key: &[u8]| start_with_private_key(other, key).unwrap();
            let ours = start_with_private_key(group, &[&seed[..], &classic].concat()).unwrap();
            let theirs = DecapsulationKey768::from_seed(seed.into());
            let key = theirs.encapsulation_key().to_bytes();
            assert_eq!(ours.pub_key(), join(&key, start(&classic).pub_key()));

            let given = [m, servers].concat();
            let answer = answer_with_randomness(group, &given, ours.pub_key()).unwrap();
            let (ciphertext, secret) = theirs
                .encapsulation_key()
                .encapsulate_deterministic(&m.into());
            let share = join(&ciphertext, start(&servers).pub_key());
            assert_eq!(answer.pub_key, share);
            assert_eq!((answer.group, ours.group()), (group, group));

            let classic = start(&classic).complete(start(&servers).pub_key()).unwrap();
            let both = join(&secret, classic.secret_bytes());
            assert_eq!(answer.secret.secret_bytes(), both);
            assert_eq!(ours.complete(&share).unwrap().secret_bytes(), both);
        }
    }
}

/// FIPS 203 §6.3: no error, and the same wrong secret in every implementation.
#[test]
fn a_changed_ciphertext_gives_the_secret_that_others_come_to() {
    let seed: [u8; 64] = bytes(0);
    let theirs = DecapsulationKey768::from_seed(seed.into());
    let share = client(&seed, &CLASSIC).pub_key().to_vec();
    let good = answer_with_randomness(
        NamedGroup::X25519MLKEM768,
        &[bytes::<32>(1), CLASSIC].concat(),
        &share,
    )
    .unwrap();
    let right = good.secret.secret_bytes();
    for at in 0..CIPHERTEXT {
        let mut changed = good.pub_key.clone();
        changed[at] ^= 1 << (at % 8);
        let ours = client(&seed, &CLASSIC).complete(&changed).unwrap();
        let ciphertext = changed[..CIPHERTEXT].try_into().unwrap();
        let rejected = theirs.decapsulate(&ciphertext);
        assert_eq!(ours.secret_bytes()[..32], rejected[..], "{at}");
        assert_ne!(ours.secret_bytes()[..32], right[..32], "{at}");
        assert_eq!(ours.secret_bytes()[32..], right[32..], "{at}");
    }
}

/// FIPS 203 §7.2: every coefficient of an encapsulation key is below the modulus.
#[test]
fn a_key_with_a_coefficient_that_is_too_large_is_refused() {
    let good = client(&bytes(0), &CLASSIC).pub_key().to_vec();
    // Twelve bits each, least significant first; the last 32 bytes are no coefficients.
    let with = |number: usize, value: u16| {
        let mut share = good.clone();
        let [low, high] = value.to_le_bytes();
        let at = number / 2 * 3;
        if number.is_multiple_of(2) {
            share[at] = low;
            share[at + 1] = share[at + 1] & 0xf0 | high;
        } else {
            share[at + 1] = share[at + 1] & 0x0f | low << 4;
            share[at + 2] = low >> 4 | high << 4;
        }
        share
    };
    for number in 0..768 {
        for value in [MODULUS, 4095] {
            let refused = X25519MLKEM768.start_and_complete(&with(number, value));
            assert_eq!(refused.err(), Some(INVALID_KEY_SHARE), "{number} {value}");
        }
        let largest = with(number, MODULUS - 1);
        assert!(
            X25519MLKEM768.start_and_complete(&largest).is_ok(),
            "{number}"
        );
        let key = largest[..KEY].try_into().unwrap();
        assert!(EncapsulationKey768::new(&key).is_ok(), "{number}");
    }
}

#[test]
fn shares_of_another_length_or_without_a_point_are_refused_on_both_sides() {
    let share = client(&bytes(0), &CLASSIC).pub_key().to_vec();
    let answer = X25519MLKEM768.start_and_complete(&share).unwrap();
    for (good, part) in [(&share, KEY), (&answer.pub_key, CIPHERTEXT)] {
        let is_client = part == KEY;
        let refused = |share: &[u8]| match is_client {
            true => X25519MLKEM768.start_and_complete(share).err(),
            false => client(&bytes(0), &CLASSIC).complete(share).err(),
        };
        assert_eq!(refused(good), None);
        let longer = [good.as_slice(), &[0]].concat();
        for wrong in [
            &[],
            &good[..32],
            &good[..part - 1],
            &good[..part],
            &good[..good.len() - 1],
            &longer,
        ] {
            assert_eq!(refused(wrong), Some(INVALID_KEY_SHARE), "{}", wrong.len());
        }
        // The all-zero secret of X25519 is refused here too (RFC 8446 §7.4.2).
        let zero = [&good[..part], &[0; 32]].concat();
        assert_eq!(refused(&zero), Some(INVALID_KEY_SHARE));
    }
}

#[test]
fn with_p_256_shares_of_another_length_or_off_the_curve_are_refused_on_both_sides() {
    const POINT: usize = 65;
    let client = || SECP256R1MLKEM768.start().unwrap();
    let share = client().pub_key().to_vec();
    let answer = SECP256R1MLKEM768
        .start_and_complete(&share)
        .unwrap()
        .pub_key;
    assert_eq!(
        (share.len(), answer.len()),
        (POINT + KEY, POINT + CIPHERTEXT)
    );
    for (is_client, good) in [(true, &share), (false, &answer)] {
        let refused = |share: &[u8]| match is_client {
            true => SECP256R1MLKEM768.start_and_complete(share).err(),
            false => client().complete(share).err(),
        };
        assert_eq!(refused(good), None);
        let mut off = good.clone();
        off[POINT - 1] ^= 1;
        let mut compressed = good.clone();
        compressed[0] = 2;
        let longer = [good.as_slice(), &[0]].concat();
        for wrong in [
            &[],
            &good[..POINT],
            &good[1..],
            &good[..good.len() - 1],
            &longer,
            &off,
            &compressed,
        ] {
            assert_eq!(refused(wrong), Some(INVALID_KEY_SHARE), "{}", wrong.len());
        }
    }
    // P-256's own share goes along, as X25519's does.
    let ours = client();
    let (group, point) = ours.hybrid_component().unwrap();
    assert_eq!(
        (group, point),
        (NamedGroup::secp256r1, &ours.pub_key()[..POINT])
    );
    let theirs = SECP256R1.start_and_complete(point).unwrap();
    let secret = ours.complete_hybrid_component(&theirs.pub_key).unwrap();
    assert_eq!(secret.secret_bytes(), theirs.secret.secret_bytes());
}

/// A server that knows X25519 alone then needs no second ClientHello.
#[test]
fn x25519s_share_goes_along_and_is_completed_alone() {
    let ours = client(&bytes(0), &CLASSIC);
    let component = ours.hybrid_component();
    assert_eq!(component, Some((NamedGroup::X25519, &*point(&CLASSIC))));
    let theirs = X25519.start().unwrap();
    let share = theirs.pub_key().to_vec();
    let secret = ours.complete_hybrid_component(&share).unwrap();
    let expected = theirs.complete(&point(&CLASSIC)).unwrap();
    assert_eq!(secret.secret_bytes(), expected.secret_bytes());

    for wrong in [&[0; 32][..], &share[1..], &[]] {
        let refused = client(&bytes(0), &CLASSIC).complete_hybrid_component(wrong);
        assert_eq!(refused.err(), Some(INVALID_KEY_SHARE));
    }
}

#[test]
fn it_is_for_tls_13_alone() {
    assert!(X25519MLKEM768.usable_for_version(ProtocolVersion::TLSv1_3));
    assert!(!X25519MLKEM768.usable_for_version(ProtocolVersion::TLSv1_2));
    assert!(X25519.usable_for_version(ProtocolVersion::TLSv1_2));
}

#[test]
fn two_exchanges_share_no_bytes() {
    let shares = [(); 2].map(|()| X25519MLKEM768.start().unwrap().pub_key().to_vec());
    assert_ne!(shares[0][..KEY], shares[1][..KEY]);
    assert_ne!(shares[0][KEY..], shares[1][KEY..]);
    let answers = [(); 2].map(|()| {
        X25519MLKEM768
            .start_and_complete(&shares[0])
            .unwrap()
            .pub_key
    });
    assert_ne!(answers[0][..CIPHERTEXT], answers[1][..CIPHERTEXT]);
    assert_ne!(answers[0][CIPHERTEXT..], answers[1][CIPHERTEXT..]);
}
