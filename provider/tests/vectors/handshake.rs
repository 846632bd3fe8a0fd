//! Whole handshakes with this provider on both ends: every suite with every group and key type.

use std::io::{Read, Write};
use std::sync::Arc;

use portcullis_provider::{ALL_CIPHER_SUITES, ALL_KX_GROUPS, crypto_provider, kx};
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, ConnectionCommon, Error, NamedGroup,
    ProtocolVersion, RootCertStore, ServerConfig, ServerConnection, SideData, SupportedCipherSuite,
};

use crate::sign::rsa_pkcs8;

struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    fn new(pair: &KeyPair) -> Self {
        let parameters = CertificateParams::new(["localhost".to_owned()]).unwrap();
        Self {
            certificate: parameters.self_signed(pair).unwrap().der().clone(),
            key: pair.serialize_der().try_into().unwrap(),
        }
    }

    fn of(algorithm: &'static rcgen::SignatureAlgorithm) -> Self {
        Self::new(&KeyPair::generate_for(algorithm).unwrap())
    }

    fn rsa() -> Self {
        let der = rsa_pkcs8().to_vec().into();
        let algorithm = &rcgen::PKCS_RSA_SHA256;
        Self::new(&KeyPair::from_pkcs8_der_and_sign_algo(&der, algorithm).unwrap())
    }
}

struct Pair {
    client: ClientConnection,
    server: ServerConnection,
}

impl Pair {
    fn new(
        suite: SupportedCipherSuite,
        group: &'static dyn SupportedKxGroup,
        id: &Identity,
    ) -> Self {
        let provider = Arc::new(CryptoProvider {
            cipher_suites: vec![suite],
            kx_groups: vec![group],
            ..CryptoProvider::clone(&crypto_provider())
        });
        let versions = &[suite.version()];
        let mut roots = RootCertStore::empty();
        roots.add(id.certificate.clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![id.certificate.clone()], id.key.clone_key())
            .unwrap();
        let name = "localhost".try_into().unwrap();
        Self {
            client: ClientConnection::new(Arc::new(client), name).unwrap(),
            server: ServerConnection::new(Arc::new(server)).unwrap(),
        }
    }

    fn handshake(&mut self) {
        while self.client.is_handshaking() || self.server.is_handshaking() {
            deliver(&sent(&mut self.client), &mut self.server).unwrap();
            deliver(&sent(&mut self.server), &mut self.client).unwrap();
        }
    }

    /// Sends several records each way, then one that is changed on its way.
    fn exchange(&mut self) {
        let plaintext = vec![0x42; 40_000];
        self.client.writer().write_all(&plaintext).unwrap();
        assert_eq!(
            deliver(&sent(&mut self.client), &mut self.server),
            Ok(plaintext)
        );

        let plaintext = vec![0x24; 40_000];
        self.server.writer().write_all(&plaintext).unwrap();
        assert_eq!(
            deliver(&sent(&mut self.server), &mut self.client),
            Ok(plaintext)
        );

        self.client
            .writer()
            .write_all(b"changed on its way")
            .unwrap();
        let mut ciphertext = sent(&mut self.client);
        *ciphertext.last_mut().unwrap() ^= 1;
        assert_eq!(
            deliver(&ciphertext, &mut self.server),
            Err(Error::DecryptError)
        );
    }
}

fn sent<D>(from: &mut ConnectionCommon<D>) -> Vec<u8> {
    let mut ciphertext = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut ciphertext).unwrap();
    }
    ciphertext
}

/// Hands the bytes over and returns the plaintext that came out.
fn deliver<D>(mut ciphertext: &[u8], to: &mut ConnectionCommon<D>) -> Result<Vec<u8>, Error>
where
    D: SideData,
{
    let mut plaintext = Vec::new();
    while !ciphertext.is_empty() {
        to.read_tls(&mut ciphertext).unwrap();
        let available = to.process_new_packets()?.plaintext_bytes_to_read();
        let mut part = vec![0; available];
        to.reader().read_exact(&mut part).unwrap();
        plaintext.extend(part);
    }
    Ok(plaintext)
}

fn is_rsa(suite: SupportedCipherSuite) -> bool {
    matches!(
        suite.suite(),
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
    )
}

#[test]
fn every_suite_works_with_every_group() {
    let (ecdsa, rsa) = (
        Identity::of(&rcgen::PKCS_ECDSA_P256_SHA256),
        Identity::rsa(),
    );
    let mut run = 0;
    for suite in ALL_CIPHER_SUITES {
        let version = suite.version().version;
        for group in ALL_KX_GROUPS {
            if !group.usable_for_version(version) {
                let name = group.name();
                assert!(format!("{name:?}").ends_with("MLKEM768"), "{name:?}");
                continue;
            }
            let id = if is_rsa(*suite) { &rsa } else { &ecdsa };
            let mut pair = Pair::new(*suite, *group, id);
            pair.handshake();
            let used = pair.client.negotiated_cipher_suite().unwrap();
            assert_eq!(used.suite(), suite.suite());
            let used = pair.server.negotiated_key_exchange_group().unwrap();
            assert_eq!(used.name(), group.name());
            pair.exchange();
            run += 1;
        }
    }
    // The groups with ML-KEM run with the three suites of TLS 1.3 alone.
    assert_eq!(run, 9 * 3 + 3 * 2);
}

#[test]
fn every_key_type_authenticates_a_server_in_both_versions() {
    let [tls13, ecdsa, rsa] = [
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ]
    .map(crate::suite);
    for (id, tls12) in [
        (Identity::of(&rcgen::PKCS_ECDSA_P256_SHA256), ecdsa),
        (Identity::of(&rcgen::PKCS_ECDSA_P384_SHA384), ecdsa),
        (Identity::of(&rcgen::PKCS_ED25519), ecdsa),
        (Identity::rsa(), rsa),
    ] {
        for suite in [tls13, tls12] {
            let mut pair = Pair::new(suite, kx::X25519, &id);
            pair.handshake();
            pair.exchange();
        }
    }
}

#[test]
fn chacha20_and_x25519mlkem768_are_chosen_when_both_ends_offer_everything() {
    let id = Identity::of(&rcgen::PKCS_ECDSA_P256_SHA256);
    let provider = crypto_provider();
    let mut roots = RootCertStore::empty();
    roots.add(id.certificate.clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![id.certificate], id.key)
        .unwrap();
    let mut pair = Pair {
        client: ClientConnection::new(Arc::new(client), "localhost".try_into().unwrap()).unwrap(),
        server: ServerConnection::new(Arc::new(server)).unwrap(),
    };
    pair.handshake();
    assert_eq!(
        pair.client.protocol_version(),
        Some(ProtocolVersion::TLSv1_3)
    );
    let suite = pair.client.negotiated_cipher_suite().unwrap().suite();
    assert_eq!(suite, CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    let group = pair.client.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, NamedGroup::X25519MLKEM768);
}

#[test]
fn provider_is_complete_for_webpki_and_makes_no_claim_to_fips() {
    let provider = crypto_provider();
    assert!(!provider.fips());
    assert!(Arc::ptr_eq(&provider, &crypto_provider()));
    let mut random = [[0; 32]; 2];
    for buffer in &mut random {
        provider.secure_random.fill(buffer).unwrap();
    }
    assert_ne!(random[0], random[1]);
    assert_ne!(random[0], [0; 32]);
}
