//! The built component: what certificates say, against OpenSSL, and pins of public keys, against rustls
//! with ring's cryptography.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use portcullis_host::context_types::{Verify, VerifyName};
use portcullis_host::types::{
    CertificateReason, ConfigurationItem, ConfigurationReason, Error, Role,
};
use portcullis_host::{Certificate, Context, Instance, Port};
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use support::certs::{Authority, KeyType, Leaf, NAME, pem};
use support::component::{
    ask_for_client_certificates, bytes, configuration, error, instance, server_context,
};
use support::meeting::{meet, reason};
use support::peers::{echo_and_close, serve_tls, server_config_of};
use support::x509::{
    CLIENT_AUTH, Issued, SERVER_AUTH, Spec, alternative_names, common_name, dns,
    extended_key_usage, extension, name, no_authority, oid, sequence, tlv,
};
use support::{openssl, require_tool};

/// What alert 46 is for: a certificate that is refused for a reason of the receiver's own.
const CERTIFICATE_UNKNOWN: u8 = 46;

/// All that a certificate tells.
#[derive(Debug, PartialEq)]
struct Told {
    subject: String,
    issuer: String,
    serial_number: Vec<u8>,
    validity: (i64, i64),
    dns_names: Vec<String>,
    ip_addresses: Vec<String>,
    email_addresses: Vec<String>,
    uris: Vec<String>,
    key_usage: Option<Vec<String>>,
    extended_key_usage: Option<Vec<String>>,
    is_authority: bool,
    signature_algorithm: String,
    fingerprint: Vec<u8>,
    public_key: Vec<u8>,
    public_key_fingerprint: Vec<u8>,
    der: Vec<u8>,
}

/// None if it is refused as what cannot be read.
fn told_if_readable(tls: &mut Instance, der: &[u8]) -> Option<Told> {
    let certificate = match Certificate::parse(tls, der) {
        Ok(certificate) => certificate,
        Err(failure) => {
            let Error::Certificate(refused) = error::<()>(Err(failure)) else {
                panic!("another error");
            };
            assert_eq!(refused.reason, CertificateReason::BadEncoding);
            assert_eq!(refused.alert_sent, None);
            return None;
        }
    };
    let told = Told {
        subject: certificate.subject(tls).unwrap(),
        issuer: certificate.issuer(tls).unwrap(),
        serial_number: certificate.serial_number(tls).unwrap(),
        validity: (
            certificate.not_before(tls).unwrap(),
            certificate.not_after(tls).unwrap(),
        ),
        dns_names: certificate.dns_names(tls).unwrap(),
        ip_addresses: certificate.ip_addresses(tls).unwrap(),
        email_addresses: certificate.email_addresses(tls).unwrap(),
        uris: certificate.uris(tls).unwrap(),
        key_usage: certificate.key_usage(tls).unwrap(),
        extended_key_usage: certificate.extended_key_usage(tls).unwrap(),
        is_authority: certificate.is_authority(tls).unwrap(),
        signature_algorithm: certificate.signature_algorithm(tls).unwrap(),
        fingerprint: certificate.fingerprint(tls).unwrap(),
        public_key: certificate.public_key(tls).unwrap(),
        public_key_fingerprint: certificate.public_key_fingerprint(tls).unwrap(),
        der: certificate.der(tls).unwrap(),
    };
    let _ = certificate.check_name(tls, NAME).map_err(|failure| {
        assert!(failure.error().is_some(), "{failure:?}");
    });
    certificate.drop(tls).unwrap();
    Some(told)
}

fn told(tls: &mut Instance, der: &[u8]) -> Told {
    told_if_readable(tls, der).unwrap()
}

/// What `openssl x509` says of a certificate, without what comes before `=`.
fn said(der: &[u8], arguments: &[&str]) -> String {
    let arguments = [&["x509", "-inform", "DER", "-noout"], arguments].concat();
    let said = String::from_utf8(openssl(&arguments, der)).unwrap();
    said.trim_end().split_once('=').unwrap().1.to_owned()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[test]
fn a_certificate_says_what_openssl_reads_in_it() {
    if !require_tool("openssl") {
        return;
    }
    let mut tls = instance();
    let root = Authority::root("Root");
    let mut certificates: Vec<_> = KeyType::SUPPORTED
        .into_iter()
        .map(|key| root.issue(&Leaf::server().key(key)).chain[0].to_vec())
        .collect();
    certificates.push(root.der().to_vec());
    // Every form of a subject that has one text, to OpenSSL too.
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    for (kind, text) in [
        (DnType::CountryName, "DE"),
        (DnType::StateOrProvinceName, "Ländle"),
        (DnType::LocalityName, " #x "),
        (DnType::OrganizationName, "A, B + C; \"D\" <E> \\ = F"),
        (DnType::OrganizationalUnitName, "#1"),
        (DnType::CustomDnType(vec![2, 5, 4, 5]), "HRB 1"),
        (
            DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 25]),
            "example",
        ),
        (
            DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]),
            "me@example.com",
        ),
        (DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 99_999, 1]), "?"),
        (DnType::CommonName, "名"),
    ] {
        parameters.distinguished_name.push(kind, text);
    }
    let key = KeyPair::generate().unwrap();
    certificates.push(parameters.self_signed(&key).unwrap().der().to_vec());

    for der in &certificates {
        let told = told(&mut tls, der);
        let form = ["-nameopt", "RFC2253,-esc_msb"];
        assert_eq!(
            told.subject,
            said(der, &[&["-subject"], &form[..]].concat())
        );
        assert_eq!(told.issuer, said(der, &[&["-issuer"], &form[..]].concat()));
        // OpenSSL leaves the first byte out if it is nothing but the sign.
        let serial = hexadecimal(&told.serial_number);
        assert_eq!(
            serial.trim_start_matches("00"),
            said(der, &["-serial"]).trim_start_matches("00")
        );
        let fingerprint = said(der, &["-fingerprint", "-sha256"]).replace(':', "");
        assert_eq!(hexadecimal(&told.fingerprint), fingerprint);
        assert_eq!(told.fingerprint, Sha256::digest(der).to_vec());
        let key = openssl(&["x509", "-inform", "DER", "-noout", "-pubkey"], der);
        let key = openssl(&["pkey", "-pubin", "-outform", "DER"], &key);
        assert_eq!(told.public_key, key);
        assert_eq!(told.public_key_fingerprint, Sha256::digest(&key).to_vec());
        assert_eq!(&told.der, der);
        // Certificates of these tests are valid from the first day of 2020, or of 1975, in UTC.
        let first = said(der, &["-startdate", "-dateopt", "iso_8601"]);
        let second = match told.validity.0 {
            1_577_836_800 => "2020-01-01 00:00:00Z",
            157_766_400 => "1975-01-01 00:00:00Z",
            other => panic!("{other}"),
        };
        assert_eq!(first, second);
    }
    assert_eq!(
        told(&mut tls, &certificates[0]).validity.1,
        2_524_521_600 // 2049-12-31
    );
    let algorithms: Vec<_> = certificates[..4]
        .iter()
        .map(|der| told(&mut tls, der).signature_algorithm)
        .collect();
    // All are signed by the root, with ECDSA over P-256.
    assert_eq!(algorithms, ["1.2.840.10045.4.3.2"; 4]);
}

#[test]
fn every_kind_of_name_is_told_as_its_kind_and_no_other_is() {
    let mut tls = instance();
    let mut parameters =
        CertificateParams::new(["host.test", "*.host.test"].map(str::to_owned)).unwrap();
    for name in [
        SanType::IpAddress("192.0.2.1".parse().unwrap()),
        SanType::IpAddress("2001:db8::1".parse().unwrap()),
        SanType::Rfc822Name("me@example.com".try_into().unwrap()),
        SanType::URI("spiffe://host.test/it's?a=b".try_into().unwrap()),
        SanType::OtherName((vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 3], "upn@x".into())),
    ] {
        parameters.subject_alt_names.push(name);
    }
    // Neither a common name nor a mail address of the subject is one of them.
    parameters
        .distinguished_name
        .push(DnType::CommonName, "common.test");
    let key = KeyPair::generate().unwrap();
    let many = told(&mut tls, parameters.self_signed(&key).unwrap().der());
    assert_eq!(many.dns_names, ["host.test", "*.host.test"]);
    assert_eq!(many.ip_addresses, ["192.0.2.1", "2001:db8::1"]);
    assert_eq!(many.email_addresses, ["me@example.com"]);
    assert_eq!(many.uris, ["spiffe://host.test/it's?a=b"]);
    assert_eq!(many.subject, "CN=common.test");
    // Those of no kind of text are passed over.
    let names = [
        tlv(0xa4, &common_name("directory")),
        tlv(0x88, &[42, 3]),
        dns("host.test"),
    ];
    let leaf = Spec::new(sequence(&[]), vec![alternative_names(&names)]).self_signed();
    let one = told(&mut tls, &leaf.der);
    assert_eq!(
        (one.dns_names, one.subject.as_str()),
        (vec!["host.test".to_owned()], "")
    );
    assert!(one.ip_addresses.is_empty() && one.email_addresses.is_empty() && one.uris.is_empty());
    let none = told(
        &mut tls,
        &Spec::new(common_name("x"), Vec::new()).self_signed().der,
    );
    assert!(none.dns_names.is_empty());
}

#[test]
fn usages_are_told_by_name_and_by_oid_and_their_absence_is_told() {
    let mut tls = instance();
    let usage = |bits: &[u8]| extension("2.5.29.15", true, &tlv(3, bits));
    let all = "digitalSignature nonRepudiation keyEncipherment dataEncipherment keyAgreement \
               keyCertSign cRLSign encipherOnly decipherOnly";
    for (bits, expected) in [
        (&[7, 0xff, 0x80][..], all),
        (&[7, 0x80], "digitalSignature"),
        (&[7, 0, 0x80], "decipherOnly"),
        (&[1, 0b110], "keyCertSign cRLSign"),
        (&[0], ""),
    ] {
        let leaf = Spec::new(common_name("x"), vec![usage(bits)]).self_signed();
        let told = told(&mut tls, &leaf.der);
        assert_eq!(told.key_usage.unwrap().join(" "), expected);
        assert_eq!(told.extended_key_usage, None);
        assert!(!told.is_authority);
    }
    let purposes = [
        SERVER_AUTH,
        CLIENT_AUTH,
        "1.3.6.1.4.1.99999.7",
        "2.5.29.37.0",
    ];
    let extensions = vec![extended_key_usage(&purposes), no_authority()];
    let leaf = told(
        &mut tls,
        &Spec::new(common_name("x"), extensions).self_signed().der,
    );
    assert_eq!(leaf.extended_key_usage.unwrap(), purposes);
    assert_eq!((leaf.key_usage, leaf.is_authority), (None, false));
    assert!(told(&mut tls, &Spec::authority("x").self_signed().der).is_authority);
    // Made by another than these tests.
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.key_usages = vec![KeyUsagePurpose::CrlSign, KeyUsagePurpose::DecipherOnly];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
    let key = KeyPair::generate().unwrap();
    let other = told(&mut tls, parameters.self_signed(&key).unwrap().der());
    assert_eq!(other.key_usage.unwrap(), ["cRLSign", "decipherOnly"]);
    assert_eq!(other.extended_key_usage.unwrap(), ["1.3.6.1.5.5.7.3.9"]);
}

#[test]
fn a_name_is_checked_as_in_a_handshake() {
    let mut tls = instance();
    let names = ["host.test", "*.wild.test", "192.0.2.1", "2001:db8::1"];
    let leaf = Leaf::server().names(&names).self_signed();
    let certificate = Certificate::parse(&mut tls, leaf.certificate_der()).unwrap();
    for name in [
        "host.test",
        "HOST.test.",
        "a.wild.test",
        "192.0.2.1",
        "2001:DB8:0::1",
    ] {
        certificate.check_name(&mut tls, name).unwrap();
    }
    for name in [
        "other.test",
        "wild.test",
        "a.b.wild.test",
        "192.0.2.2",
        "Leaf",
    ] {
        let Error::Certificate(refused) = error(certificate.check_name(&mut tls, name)) else {
            panic!("{name}");
        };
        assert_eq!(refused.reason, CertificateReason::WrongName, "{name}");
        assert_eq!(refused.expected_name.as_deref(), Some(name));
        assert_eq!(refused.names, names);
        assert_eq!(refused.alert_sent, None);
    }
    for name in ["", "a b", "host..test", "münchen.test"] {
        let refused = error(certificate.check_name(&mut tls, name));
        assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
    }
}

#[test]
fn text_of_names_is_escaped_and_what_is_no_text_is_shown_as_its_der() {
    let mut tls = instance();
    let value = |kind: &str, value: Vec<u8>| tlv(0x31, &sequence(&[oid(kind), value]));
    let (cn, utf8) = ("2.5.4.3", 12);
    for (subject, expected) in [
        (
            name(&[(6, 19, "DE"), (10, 12, "Org"), (3, 12, "Host")]),
            "CN=Host,O=Org,C=DE",
        ),
        // Two attributes in one part.
        (
            sequence(&[tlv(
                0x31,
                &[common_name("a"), common_name("b")]
                    .map(|name| name[4..].to_vec())
                    .concat(),
            )]),
            "CN=a+CN=b",
        ),
        (common_name("a\0b\n\u{7f}\u{85}"), r"CN=a\00b\0A\7F\C2\85"),
        (common_name("x\u{202e}moc"), r"CN=x\E2\80\AEmoc"),
        (common_name("a,CN=b"), r"CN=a\,CN=b"),
        (common_name(""), "CN="),
        (common_name(" "), r"CN=\ "),
        // UTF-16 and Latin-1, as old certificates have them.
        (
            sequence(&[value(cn, tlv(30, &[0, b'a', 0x54, 0x0d]))]),
            "CN=a名",
        ),
        (sequence(&[value(cn, tlv(20, &[0xfc]))]), "CN=ü"),
        // Neither UTF-8, nor UTF-16, nor ASCII; no text at all; a type without a name.
        (
            sequence(&[value(cn, tlv(utf8, &[b'a', 0xff]))]),
            "CN=#0C0261FF",
        ),
        (sequence(&[value(cn, tlv(30, &[0xd8, 0]))]), "CN=#1E02D800"),
        (sequence(&[value(cn, tlv(19, &[0xfc]))]), "CN=#1301FC"),
        (sequence(&[value(cn, tlv(3, &[0, 1]))]), "CN=#03020001"),
        (
            sequence(&[value("1.2.3", tlv(utf8, b"a"))]),
            "1.2.3=#0C0161",
        ),
        // No Name, and an OID that has no end.
        (sequence(&[tlv(utf8, b"a")]), "#30030C0161"),
        (sequence(&[tlv(0x31, &[])]), "#30023100"),
        (
            sequence(&[tlv(0x31, &sequence(&[tlv(6, &[0xff; 11]), tlv(5, &[])]))]),
            "#30133111300F060BFFFFFFFFFFFFFFFFFFFFFF0500",
        ),
    ] {
        let leaf = Spec::new(subject, Vec::new()).self_signed();
        let told = told(&mut tls, &leaf.der);
        assert_eq!(told.subject, expected);
        assert_eq!(told.issuer, expected);
    }
    let names = [
        tlv(0x82, b"a\0.test"),
        tlv(0x82, "ü\\x.test".as_bytes()),
        tlv(0x81, b"me\r\n@host.test"),
        tlv(0x87, &[127, 0, 0]),
        tlv(0x87, &[127, 0, 0, 1]),
        // A tag that no name has.
        tlv(0x89, b"a"),
        tlv(0x82, b"last.test"),
        // Longer than what is left.
        vec![0x82, 9, b'a'],
    ];
    let leaf = Spec::new(common_name("x"), vec![alternative_names(&names)]).self_signed();
    let told = told(&mut tls, &leaf.der);
    assert_eq!(
        told.dns_names,
        [r"a\x00.test", r"\xC3\xBC\\x.test", "last.test"]
    );
    assert_eq!(told.email_addresses, [r"me\x0D\x0A@host.test"]);
    assert_eq!(told.ip_addresses, ["127.0.0.1"]);
    // A handshake that asks for a name refuses them all, and so does the check.
    let certificate = Certificate::parse(&mut tls, &leaf.der).unwrap();
    let Error::Certificate(refused) = error(certificate.check_name(&mut tls, "last.test")) else {
        panic!("not checked");
    };
    assert_eq!(refused.reason, CertificateReason::BadEncoding);
}

#[test]
fn what_a_handshake_accepts_can_be_taken_apart() {
    // Names that cannot be read, of a certificate that is trusted in person; and none is asked for.
    let names = alternative_names(&[dns(NAME), vec![0x82, 9]]);
    let strange = sequence(&[tlv(0x31, &[])]);
    let leaf = Spec::new(strange, vec![names]).self_signed();
    let config = server_config_of(&[leaf.certificate()], &leaf.key_pem());
    let (address, peer) = serve_tls(config, |stream| echo_and_close(stream).is_ok());
    let mut tls = instance();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    context
        .add_trust_roots(&mut tls, &bytes(&leaf.pem()))
        .unwrap();
    context
        .set_verify_name(&mut tls, &VerifyName::Unverified)
        .unwrap();
    let port = Port::blocking_connect(&mut tls, &context, "localhost", address.port()).unwrap();
    port.blocking_handshake(&mut tls).unwrap();
    let session = port.session(&mut tls).unwrap();
    assert_eq!(session.verify_result(&mut tls).unwrap(), Ok(()));
    let presented = session.peer_certificates(&mut tls).unwrap();
    let told = told(&mut tls, &presented[0]);
    assert_eq!(told.dns_names, [NAME]);
    assert_eq!(told.subject, "#30023100");
    port.close(&mut tls).unwrap();
    peer.join().unwrap();
}

#[test]
fn damaged_certificates_are_refused_or_read_and_nothing_traps() {
    let mut tls = instance();
    let root = Authority::root("Root");
    let identity = root.issue(&Leaf::server().names(&[NAME, "127.0.0.1"]));
    let whole = identity.certificate_der();
    assert!(told_if_readable(&mut tls, whole).is_some());
    for length in 0..whole.len() {
        assert_eq!(
            told_if_readable(&mut tls, &whole[..length]),
            None,
            "{length}"
        );
    }
    let longer = [whole, &[0]].concat();
    assert_eq!(told_if_readable(&mut tls, &longer), None);
    let two = [whole, whole].concat();
    assert_eq!(told_if_readable(&mut tls, &two), None);
    let mut readable = 0;
    for place in 0..whole.len() {
        for flip in [0x01, 0x20, 0x80, 0xff] {
            let mut damaged = whole.to_vec();
            damaged[place] ^= flip;
            if let Some(told) = told_if_readable(&mut tls, &damaged) {
                readable += 1;
                assert_eq!(told.der, damaged);
            }
        }
    }
    // Those of the signature and the key at least are read all the same.
    assert!(readable > 400, "{readable}");
    let pem = pem("CERTIFICATE", whole);
    let refused = error(Certificate::parse(&mut tls, pem.as_bytes()));
    assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
}

#[test]
fn what_a_certificate_costs_grows_with_its_length_alone() {
    // If it grew with the square, each of these would take minutes.
    const MANY: usize = 200_000;
    let mut tls = instance();
    let names: Vec<_> = (0..MANY)
        .map(|number| dns(&format!("{number}.test")))
        .collect();
    let leaf = Spec::new(common_name("x"), vec![alternative_names(&names)]).self_signed();
    let certificate = Certificate::parse(&mut tls, &leaf.der).unwrap();
    assert_eq!(certificate.dns_names(&mut tls).unwrap().len(), MANY);
    let Error::Certificate(refused) = error(certificate.check_name(&mut tls, "other")) else {
        panic!("found");
    };
    assert_eq!(refused.names.len(), MANY);
    certificate.drop(&mut tls).unwrap();
    let part = tlv(0x31, &sequence(&[oid("2.5.4.3"), tlv(12, b"\0")]));
    let subject = sequence(&vec![part; MANY]);
    let purposes = extended_key_usage(&[SERVER_AUTH].repeat(MANY));
    let leaf = Spec::new(subject, vec![purposes]).self_signed();
    let told = told(&mut tls, &leaf.der);
    assert_eq!(told.subject.len(), MANY * r"CN=\00,".len() - 1);
    assert_eq!(told.extended_key_usage.unwrap().len(), MANY);
    // One OID, and one text, of that length.
    for value in [tlv(6, &vec![1; MANY]), tlv(12, &vec![0; MANY])] {
        let mut parts = vec![oid("2.5.4.3"), value];
        if parts[1][0] == 6 {
            parts.swap(0, 1);
            parts[1] = tlv(5, &[]);
        }
        let subject = sequence(&[tlv(0x31, &sequence(&parts))]);
        let leaf = Spec::new(subject, Vec::new()).self_signed();
        let certificate = Certificate::parse(&mut tls, &leaf.der).unwrap();
        assert!(certificate.subject(&mut tls).unwrap().len() > 2 * MANY);
        certificate.drop(&mut tls).unwrap();
    }
}

/// A server's or a client's chain, with keys that have names here.
struct Chain {
    root: Issued,
    between: Issued,
    own: Issued,
    /// It is sent along, and leads nowhere.
    beside: Issued,
    /// It is trusted, and leads nowhere either.
    elsewhere: Issued,
}

impl Chain {
    fn new() -> Self {
        let root = Spec::authority("Root").self_signed();
        let between = Spec::authority("Between").issued_by(&root);
        Self {
            own: Spec::leaf(NAME).issued_by(&between),
            beside: Spec::authority("Beside").issued_by(&root),
            elsewhere: Spec::authority("Elsewhere").self_signed(),
            between,
            root,
        }
    }

    fn sent(&self) -> Vec<CertificateDer<'static>> {
        [&self.own, &self.beside, &self.between]
            .map(Issued::certificate)
            .to_vec()
    }

    fn trusted(&self) -> String {
        [self.root.pem(), self.elsewhere.pem()].concat()
    }
}

/// The SHA-256 of a certificate's public key, by other code than the component's.
fn pin(tls: &mut Instance, certificate: &Issued) -> Vec<u8> {
    let told = told(tls, &certificate.der);
    Sha256::digest(&told.public_key).to_vec()
}

/// Pins of our side, for [`meet`].
fn pinned<'a>(pins: &'a [Vec<u8>]) -> impl FnOnce(&mut Instance, &Context) + 'a {
    move |tls, context| {
        for pin in pins {
            context.add_pin(tls, pin).unwrap();
        }
    }
}

#[test]
fn a_pin_of_any_key_of_the_verified_chain_will_do_and_no_other() {
    let chain = Chain::new();
    let key = chain.own.key_pem();
    let mut tls = instance();
    let pins = |tls: &mut Instance, certificates: &[&Issued]| -> Vec<Vec<u8>> {
        certificates.iter().map(|one| pin(tls, one)).collect()
    };
    let mismatch = CertificateReason::PinMismatch;
    let (own, beside) = (&chain.own, &chain.beside);
    let cases = [
        (pins(&mut tls, &[]), Ok(())),
        (pins(&mut tls, &[own]), Ok(())),
        (pins(&mut tls, &[&chain.between]), Ok(())),
        (pins(&mut tls, &[&chain.root]), Ok(())),
        (pins(&mut tls, &[beside, own, own]), Ok(())),
        // Sent, and of the same authority, but not on the way; trusted, and not on the way.
        (pins(&mut tls, &[beside]), Err(mismatch)),
        (pins(&mut tls, &[&chain.elsewhere, beside]), Err(mismatch)),
        // Of the certificate, and not of its key.
        (vec![Sha256::digest(&own.der).to_vec()], Err(mismatch)),
    ];
    for role in [Role::Client, Role::Server] {
        for (pins, expected) in &cases {
            let meet = |verify| {
                let sent = chain.sent();
                meet(role, &sent, &key, pinned(pins), &chain.trusted(), verify)
            };
            assert_eq!(reason(meet(Verify::Required)), expected.map(Ok), "{role:?}");
            assert_eq!(reason(meet(Verify::Deferred)), Ok(*expected), "{role:?}");
            // A client goes on, a server does not.
            let optional = match role {
                Role::Client => Ok(*expected),
                Role::Server => expected.map(Ok),
            };
            assert_eq!(reason(meet(Verify::Optional)), optional, "{role:?}");
        }
    }
}

#[test]
fn a_refusal_by_pins_says_which_key_the_peer_has_and_is_told_to_the_peer() {
    let chain = Chain::new();
    let mut tls = instance();
    let (own, beside) = (pin(&mut tls, &chain.own), pin(&mut tls, &chain.beside));
    for role in [Role::Client, Role::Server] {
        let meet = |pins: &[Vec<u8>], trusted: &str, verify| {
            let key = chain.own.key_pem();
            meet(role, &chain.sent(), &key, pinned(pins), trusted, verify)
        };
        let wrong = [beside.clone()];
        let refused = meet(&wrong, &chain.root.pem(), Verify::Required).unwrap_err();
        assert_eq!(refused.alert_sent, Some(CERTIFICATE_UNKNOWN));
        let line = tls.explain(&Error::Certificate(refused)).unwrap();
        assert!(line.contains(&hexadecimal(&own)), "{line}");
        // No pin makes up for anything else.
        let stranger = &chain.elsewhere.pem();
        let refused = meet(std::slice::from_ref(&own), stranger, Verify::Required);
        assert_eq!(reason(refused), Err(CertificateReason::UnknownAuthority));
    }
}

#[test]
fn a_chain_with_a_pinned_key_is_found_beside_one_without() {
    // Two authorities vouch for the one between, and both are trusted.
    let roots = ["A", "B"].map(|name| Spec::authority(name).self_signed());
    let [first, second] = &roots;
    let between = Spec::authority("Between").issued_by(first);
    let again = Spec::authority("Between").issued_for(&between, second);
    let own = Spec::leaf(NAME).issued_by(&between);
    let sent = [&own, &between, &again].map(Issued::certificate);
    let trusted: String = roots.iter().map(Issued::pem).collect();
    let mut tls = instance();
    for root in &roots {
        let pins = [pin(&mut tls, root)];
        let met = meet(
            Role::Client,
            &sent,
            &own.key_pem(),
            pinned(&pins),
            &trusted,
            Verify::Required,
        );
        assert_eq!(met, Ok(Ok(())));
    }
    // A certificate that is a root itself has no way but itself.
    let alone = Leaf::server().self_signed();
    let trusted = [trusted, alone.certificate_pem()].concat();
    let told = told(&mut tls, alone.certificate_der());
    for (pin, expected) in [
        (told.public_key_fingerprint, Ok(Ok(()))),
        (pin(&mut tls, first), Err(CertificateReason::PinMismatch)),
    ] {
        let pins = [pin];
        let sent = [alone.chain[0].clone(), first.certificate()];
        let key = alone.key_pem();
        let met = meet(
            Role::Client,
            &sent,
            &key,
            pinned(&pins),
            &trusted,
            Verify::Required,
        );
        assert_eq!(reason(met), expected);
    }
}

#[test]
fn pins_that_are_none_or_that_nothing_would_check_are_refused() {
    let mut tls = instance();
    let authority = Authority::root("Root");
    let own = authority.issue(&Leaf::server());
    for role in [Role::Client, Role::Server] {
        let context = match role {
            Role::Client => Context::secure(&mut tls, role).unwrap(),
            Role::Server => server_context(&mut tls, &own.chain_pem(), &own.key_pem()),
        };
        for length in [0, 20, 31, 33, 64] {
            let refused = configuration(context.add_pin(&mut tls, &vec![0; length]));
            assert_eq!(
                (refused.item, refused.reason),
                (ConfigurationItem::Pins, ConfigurationReason::Malformed)
            );
        }
        context.set_verify(&mut tls, Verify::Unverified).unwrap();
        // None was taken of those that were refused.
        context.copy(&mut tls).unwrap().seal(&mut tls).unwrap();
        context.add_pin(&mut tls, &[0; 32]).unwrap();
        let refused = configuration(context.seal(&mut tls));
        assert_eq!(
            (refused.item, refused.reason),
            (ConfigurationItem::Pins, ConfigurationReason::Conflict)
        );
        // A copy has them too.
        let copy = context.copy(&mut tls).unwrap();
        assert_eq!(configuration(copy.seal(&mut tls)), refused);
        // It is still open, and with a check it can be sealed.
        ask_for_client_certificates(&mut tls, &context, &authority.pem(), Verify::Required);
        context.seal(&mut tls).unwrap();
        assert_eq!(error(context.add_pin(&mut tls, &[0; 32])), Error::Sealed);
    }
}
