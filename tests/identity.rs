//! The built component takes its identity in every format, from bytes and from files, and says what
//! is wrong with one that it does not take.
//!
//! Over 400 lines: the formats are many, and share one way to present what was taken.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::thread;

use portcullis_host::context_types::{KeyKind, Source};
use portcullis_host::types::{
    ConfigurationItem as Item, ConfigurationReason as Reason, Error, Role,
};
use portcullis_host::{Context, Failure, Instance, Listener, Port};
use support::certs::{Authority, Identity, KeyType, Leaf};
use support::component::{client_context, error, guest, instance, options, server_context};
use support::folder::Folder;
use support::peers::{
    ALL, LOCALHOST, TLS12, TLS13, client_config, connect_tls, echo_and_close, listen, serve_tls,
    server_config, shown_staple,
};
use support::pkcs12::{
    certificate_bag, contents, der, file, file_with, file_with_mac, integer, key_bag,
};
use support::{openssl, require_tool};

const SESAME: &str = "open sesame";

/// A folder of the test, with a directory in it that the component sees as `/keys`.
struct Shown(Folder);

impl Shown {
    fn new() -> Self {
        let folder = Folder::new();
        fs::create_dir(folder.path().join("keys")).unwrap();
        Self(folder)
    }

    /// The source of a file in the directory that is shown.
    fn put(&self, name: &str, contents: impl AsRef<[u8]>) -> Source {
        self.0.put(&format!("keys/{name}"), contents);
        path(&format!("/keys/{name}"))
    }

    fn instance(&self) -> Instance {
        let options = options().directory(self.0.path().join("keys"), "/keys");
        guest().instantiate(options).unwrap()
    }
}

fn path(path: &str) -> Source {
    Source::Path(path.to_owned())
}

fn bytes(contents: impl Into<Vec<u8>>) -> Source {
    Source::Bytes(contents.into())
}

/// A way to give an identity: a name, and what loads it.
type Way = (
    &'static str,
    Box<dyn Fn(&Context, &mut Instance, &dyn Fn(&str, &[u8]) -> Source) -> Result<(), Failure>>,
);

/// Every way of OpenSSL and ours to write this identity.
fn ways(identity: &Identity, has_traditional_form: bool) -> Vec<Way> {
    let (chain, key) = (identity.chain_pem(), identity.key_pem());
    let of_key = |arguments: &[&str]| openssl(arguments, key.as_bytes());
    let topk8 = ["pkcs8", "-topk8", "-passout", "pass:open sesame"];
    let mut keys = vec![
        ("PKCS#8 PEM", key.clone().into_bytes(), None),
        ("PKCS#8 DER", identity.key_der().to_vec(), None),
        ("encrypted PEM", of_key(&topk8), Some(SESAME)),
        (
            "encrypted DER",
            of_key(&[&topk8[..], &["-outform", "DER"]].concat()),
            Some(SESAME),
        ),
        (
            "encrypted by scrypt",
            of_key(&[&topk8[..], &["-scrypt"]].concat()),
            Some(SESAME),
        ),
    ];
    if has_traditional_form {
        let traditional = ["pkey", "-traditional"];
        keys.push(("traditional PEM", of_key(&traditional), None));
        let der = [&traditional[..], &["-outform", "DER"]].concat();
        keys.push(("traditional DER", of_key(&der), None));
    }
    let mut ways: Vec<Way> = Vec::new();
    for (name, key, passphrase) in keys {
        let chain = chain.clone();
        ways.push((
            name,
            Box::new(move |context, tls, source| {
                let chain = source("chain", chain.as_bytes());
                context.load_identity(tls, &chain, &source("key", &key), passphrase)
            }),
        ));
    }
    let both = key.clone() + &chain;
    for (name, passphrase) in [("PKCS#12", SESAME), ("PKCS#12 without a passphrase", "")] {
        let option = format!("pass:{passphrase}");
        let arguments = ["pkcs12", "-export", "-passout", &option];
        let file = openssl(&arguments, both.as_bytes());
        let passphrase = Some(passphrase).filter(|passphrase| !passphrase.is_empty());
        ways.push((
            name,
            Box::new(move |context, tls, source| {
                context.load_pkcs12(tls, &source("own.p12", &file), passphrase)
            }),
        ));
    }
    ways.push((
        "one file",
        Box::new(move |context, tls, source| {
            let both = source("both.pem", both.as_bytes());
            context.load_identity(tls, &both, &both, None)
        }),
    ));
    ways
}

#[test]
fn c7_k6_a_client_proves_itself_with_a_key_of_every_format_from_bytes_and_from_a_file() {
    if !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    let roots = authority.pem();
    let server = authority.issue(&Leaf::server().names(&["localhost"]));
    let folder = Shown::new();
    for key in KeyType::SUPPORTED {
        let own = authority
            .intermediate("Intermediate")
            .issue(&Leaf::client().key(key));
        for (way, load) in ways(&own, key != KeyType::Ed25519) {
            for is_file in [false, true] {
                let (chain, key) = (server.chain_pem(), server.key_pem());
                let config = server_config(&chain, &key, Some(&roots), ALL);
                let expected = own.certificate_der().to_vec();
                let (address, peer) = serve_tls(config, move |stream| {
                    let ended = echo_and_close(stream);
                    let seen = stream.conn.peer_certificates().unwrap();
                    ended.map(|()| seen[0].as_ref() == expected)
                });
                let mut tls = folder.instance();
                let context = client_context(&mut tls, &roots);
                load(&context, &mut tls, &|name, contents| {
                    if is_file {
                        folder.put(name, contents)
                    } else {
                        bytes(contents)
                    }
                })
                .unwrap_or_else(|failure| panic!("{way}: {failure:?}"));
                let port = Port::blocking_connect(&mut tls, &context, "localhost", address.port());
                let port = port.unwrap();
                port.blocking_write_all(&mut tls, b"hello").unwrap();
                assert_eq!(port.blocking_read(&mut tls, 9).unwrap().unwrap(), b"hello");
                port.close(&mut tls).unwrap();
                assert!(peer.join().unwrap().unwrap(), "{way}");
            }
        }
    }
}

#[test]
fn c7_a_server_presents_the_chain_of_a_pkcs12_file() {
    if !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    let own = authority
        .intermediate("Intermediate")
        .issue(&Leaf::server().names(&["localhost"]));
    let both = own.key_pem() + &own.chain_pem();
    let arguments = ["pkcs12", "-export", "-passout", "pass:open sesame"];
    let folder = Shown::new();
    let source = folder.put("own.p12", openssl(&arguments, both.as_bytes()));
    let mut tls = folder.instance();
    let context = Context::secure(&mut tls, Role::Server).unwrap();
    context
        .load_pkcs12(&mut tls, &source, Some(SESAME))
        .unwrap();
    let listener = Listener::listen(&mut tls, &context, LOCALHOST, 0, None).unwrap();
    let number = listener.local_address(&mut tls).unwrap().port;
    let config = client_config(&authority.pem(), None, ALL);
    let client = thread::spawn(move || {
        let mut stream = connect_tls(config, "localhost", number);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).unwrap();
        }
        stream.conn.peer_certificates().unwrap().to_vec()
    });
    let port = listener.blocking_accept(&mut tls).unwrap();
    port.blocking_handshake(&mut tls).unwrap();
    assert_eq!(client.join().unwrap(), own.chain);
}

/// The refusal of a configuration, in its typed parts and as a line.
#[track_caller]
fn refusal<T>(result: Result<T, Failure>) -> (Item, Reason, String) {
    let Err(failure) = result else {
        panic!("it was not refused");
    };
    match failure.error() {
        Some(Error::InvalidConfiguration(error)) => (error.item, error.reason, failure.to_string()),
        _ => panic!("{failure:?}"),
    }
}

/// A source to load, and the reason of its refusal; `None` if it is accepted.
type Case = (Source, Option<Reason>);

#[test]
fn c7_a_path_leads_through_a_directory_that_is_shown_and_nowhere_else() {
    let identity = Authority::root("Root").issue(&Leaf::server());
    let both = identity.key_pem() + &identity.chain_pem();
    let folder = Shown::new();
    let good = folder.put("both.pem", &both);
    folder.0.put("secret.pem", &both);
    fs::create_dir(folder.0.path().join("keys/sub")).unwrap();
    let link =
        |to, from| std::os::unix::fs::symlink(to, folder.0.path().join("keys").join(from)).unwrap();
    link("both.pem", "inside.pem");
    link("../secret.pem", "outside.pem");
    let outside = folder
        .0
        .path()
        .join("secret.pem")
        .to_str()
        .unwrap()
        .to_owned();
    link(&outside, "absolute.pem");
    // Sparse: it takes no room.
    let large = fs::File::create(folder.0.path().join("keys/large.pem")).unwrap();
    large.set_len(1 << 30).unwrap();
    let shown: [Case; 10] = [
        (good.clone(), None),
        (path("/keys/sub/../both.pem"), None),
        (path("/keys/inside.pem"), None),
        (path("/keys/none.pem"), Some(Reason::NotFound)),
        (path("/keys/../secret.pem"), Some(Reason::AccessDenied)),
        (path("/keys/outside.pem"), Some(Reason::AccessDenied)),
        (path("/keys/absolute.pem"), Some(Reason::AccessDenied)),
        (path(&outside), Some(Reason::NotFound)),
        (path("/keys/sub"), Some(Reason::Unreadable)),
        (path("/keys/large.pem"), Some(Reason::Unreadable)),
    ];
    let mut tls = folder.instance();
    for (source, expected) in &shown {
        check(&mut tls, source, *expected);
    }
    let mut blind = instance();
    check(&mut blind, &good, Some(Reason::NotFound));
    check(&mut blind, &path("both.pem"), Some(Reason::NotFound));
    check(&mut blind, &bytes(both), None);
}

/// Load the source as chain, as key, as both, and as PKCS#12.
#[track_caller]
fn check(tls: &mut Instance, source: &Source, expected: Option<Reason>) {
    let context = Context::secure(tls, Role::Server).unwrap();
    let chain = context.load_certificate_chain(tls, source);
    let key = context.load_private_key(tls, source, KeyKind::Any, None);
    let fresh = Context::secure(tls, Role::Server).unwrap();
    let both = fresh.load_identity(tls, source, source, None);
    let Some(expected) = expected else {
        for loaded in [chain, key, both] {
            loaded.unwrap_or_else(|failure| panic!("{source:?}: {failure:?}"));
        }
        return;
    };
    let pkcs12 = fresh.load_pkcs12(tls, source, None);
    for (refused, item) in [
        (chain, Item::CertificateChain),
        (key, Item::PrivateKey),
        (both, Item::CertificateChain),
        (pkcs12, Item::Pkcs12),
    ] {
        let (of, reason, line) = refusal(refused);
        assert_eq!((of, reason), (item, expected), "{source:?}: {line}");
    }
}

#[test]
fn each_reason_to_refuse_a_chain_a_key_or_pkcs12_is_told() {
    if !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    let (own, other) = (
        authority.issue(&Leaf::server()),
        authority.issue(&Leaf::server()),
    );
    let short = authority.issue(&Leaf::server().key(KeyType::Rsa1024));
    let topk8 = ["pkcs8", "-topk8", "-passout", "pass:open sesame"];
    let of_key = |arguments: &[&str]| openssl(arguments, own.key_pem().as_bytes());
    let encrypted = of_key(&topk8);
    let old = of_key(&["ec", "-aes128", "-passout", "pass:open sesame"]);
    let costly = scrypt(1 << 20, 8, 1);
    let mut seen = BTreeSet::new();
    let mut tls = instance();

    let own_chain = own.chain_pem();
    for (input, expected) in [
        (own_chain.as_bytes(), None),
        (own.certificate_der(), None),
        (b"", Some(Reason::Empty)),
        (b"no PEM", Some(Reason::Malformed)),
        (
            &own_chain.as_bytes()[..own_chain.len() - 9],
            Some(Reason::Malformed),
        ),
        (own.key_pem().as_bytes(), Some(Reason::NoCertificate)),
        (other.certificate_der(), Some(Reason::KeyMismatch)),
    ] {
        let context = Context::secure(&mut tls, Role::Server).unwrap();
        let key = bytes(own.key_der());
        let kind = KeyKind::Ec;
        context
            .load_private_key(&mut tls, &key, kind, None)
            .unwrap();
        let loaded = context.load_certificate_chain(&mut tls, &bytes(input));
        seen.extend(expect(loaded, Item::CertificateChain, expected));
    }

    let right = Some(SESAME);
    for (input, kind, passphrase, expected) in [
        (own.key_der(), KeyKind::Any, None, None),
        (&encrypted, KeyKind::Ec, right, None),
        (b"", KeyKind::Any, None, Some(Reason::Empty)),
        (b"no PEM", KeyKind::Any, None, Some(Reason::Malformed)),
        (
            own.certificate_der(),
            KeyKind::Any,
            None,
            Some(Reason::NoPrivateKey),
        ),
        (
            own.key_der(),
            KeyKind::Rsa,
            None,
            Some(Reason::NoPrivateKey),
        ),
        (&encrypted, KeyKind::Rsa, right, Some(Reason::NoPrivateKey)),
        (
            own.key_der(),
            KeyKind::Dsa,
            None,
            Some(Reason::UnsupportedKeyType),
        ),
        (
            short.key_der(),
            KeyKind::Any,
            None,
            Some(Reason::UnsupportedKeyType),
        ),
        (&old, KeyKind::Any, right, Some(Reason::Encrypted)),
        (
            &encrypted,
            KeyKind::Any,
            None,
            Some(Reason::PassphraseMissing),
        ),
        (
            &encrypted,
            KeyKind::Any,
            Some("x"),
            Some(Reason::PassphraseWrong),
        ),
        (&costly, KeyKind::Any, right, Some(Reason::TooCostly)),
        (
            other.key_der(),
            KeyKind::Any,
            None,
            Some(Reason::KeyMismatch),
        ),
    ] {
        let context = Context::secure(&mut tls, Role::Server).unwrap();
        let chain = bytes(own.certificate_der());
        context.load_certificate_chain(&mut tls, &chain).unwrap();
        let loaded = context.load_private_key(&mut tls, &bytes(input), kind, passphrase);
        seen.extend(expect(loaded, Item::PrivateKey, expected));
    }

    for (input, passphrase, expected) in pkcs12_cases(&own, &other, &short) {
        let context = server_context(&mut tls, &other.chain_pem(), &other.key_pem());
        let loaded = context.load_pkcs12(&mut tls, &bytes(input), passphrase);
        seen.extend(expect(loaded, Item::Pkcs12, expected));
        context.seal(&mut tls).unwrap();
        let sealed = context.load_pkcs12(&mut tls, &bytes(own.key_der()), None);
        assert_eq!(error(sealed), Error::Sealed);
    }

    let context = Context::secure(&mut tls, Role::Server).unwrap();
    let missing = context.seal(&mut tls);
    seen.extend(expect(
        missing,
        Item::CertificateChain,
        Some(Reason::Missing),
    ));
    let chain = bytes(own.certificate_der());
    context.load_certificate_chain(&mut tls, &chain).unwrap();
    let missing = context.seal(&mut tls);
    seen.extend(expect(missing, Item::PrivateKey, Some(Reason::Missing)));

    // These are all reasons but `not-found`, `access-denied` and `unreadable`, which have a test of
    // their own.
    assert_eq!(seen.len(), 11, "{seen:?}");
}

/// Asserts the expected outcome; returns the reason by name.
#[track_caller]
fn expect(result: Result<(), Failure>, item: Item, expected: Option<Reason>) -> Option<String> {
    let Some(expected) = expected else {
        result.unwrap();
        return None;
    };
    let (of, reason, line) = refusal(result);
    assert_eq!((of, reason), (item, expected), "{line}");
    assert!(line.contains("; "), "no cure in: {line}");
    Some(format!("{reason:?}"))
}

/// A key of no meaning, encrypted with AES and a passphrase through scrypt.
fn scrypt(n: u64, r: u64, p: u64) -> Vec<u8> {
    let numbers = [integer(n), integer(r), integer(p)].concat();
    let parameters = der(0x30, &[&der(4, &[&[0; 8]]), &numbers]);
    let scrypt = der(6, &[&[0x2b, 6, 1, 4, 1, 0xda, 0x47, 4, 11]]);
    let aes = der(6, &[&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42]]);
    let cipher = der(0x30, &[&aes, &der(4, &[&[0; 16]])]);
    let kdf = der(0x30, &[&scrypt, &parameters]);
    let pbes2 = der(6, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13]]);
    let scheme = der(0x30, &[&pbes2, &der(0x30, &[&kdf, &cipher])]);
    der(0x30, &[&scheme, &der(4, &[&[0; 64]])])
}

fn pkcs12_cases(
    own: &Identity,
    other: &Identity,
    short: &Identity,
) -> Vec<(Vec<u8>, Option<&'static str>, Option<Reason>)> {
    let key = |identity: &Identity| key_bag(identity.key_der());
    let certificate = |identity: &Identity| certificate_bag(identity.certificate_der());
    let file_of = |bags: &[Vec<u8>]| {
        let bags: Vec<&[u8]> = bags.iter().map(Vec::as_slice).collect();
        contents(&bags)
    };
    let good = file_of(&[key(own), certificate(own)]);
    let both = own.key_pem() + &own.chain_pem();
    let export = |options: &[&str]| {
        let fixed = ["pkcs12", "-export", "-passout", "pass:open sesame"];
        openssl(&[&fixed, options].concat(), both.as_bytes())
    };
    let right = Some(SESAME);
    vec![
        (export(&[]), right, None),
        (export(&["-macalg", "sha1"]), right, None),
        (export(&["-nomac"]), right, None),
        (file(&good), None, None),
        (file_with_mac(&good, &[], 1), None, None),
        (file_with_mac(&good, &[0, 0], 1), None, None),
        (Vec::new(), None, Some(Reason::Empty)),
        (own.key_der().to_vec(), None, Some(Reason::Malformed)),
        (file(&good)[..100].to_vec(), None, Some(Reason::Malformed)),
        (
            file(&file_of(&[key(own)])),
            None,
            Some(Reason::NoCertificate),
        ),
        (
            file(&file_of(&[certificate(own)])),
            None,
            Some(Reason::NoPrivateKey),
        ),
        (
            file(&file_of(&[certificate(own), key(other)])),
            None,
            Some(Reason::KeyMismatch),
        ),
        (
            file(&file_of(&[certificate(short), key(short)])),
            None,
            Some(Reason::UnsupportedKeyType),
        ),
        (export(&["-legacy"]), right, Some(Reason::Encrypted)),
        (export(&[]), None, Some(Reason::PassphraseMissing)),
        (export(&[]), Some("x"), Some(Reason::PassphraseWrong)),
        (
            file_with(&good, &[0; 32], &integer(u64::from(u32::MAX))),
            right,
            Some(Reason::TooCostly),
        ),
    ]
}

#[test]
fn too_much_memory_is_refused_and_the_component_lives_on() {
    let mut tls = instance();
    let context = Context::secure(&mut tls, Role::Server).unwrap();
    let own = Authority::root("Root").issue(&Leaf::server());
    for (key, expected) in [
        (scrypt(1 << 18, 8, 1), Reason::TooCostly),
        (scrypt(1 << 62, 8, 1), Reason::TooCostly),
        (scrypt(0, 8, 1), Reason::Malformed),
        (scrypt(1 << 17, 1, 1), Reason::PassphraseWrong),
        (scrypt(1 << 14, 8, 1), Reason::PassphraseWrong),
    ] {
        let loaded = context.load_private_key(&mut tls, &bytes(key), KeyKind::Any, Some(SESAME));
        let (_, reason, line) = refusal(loaded);
        assert_eq!(reason, expected, "{line}");
    }
    let (chain, key) = (bytes(own.certificate_der()), bytes(own.key_der()));
    context.load_identity(&mut tls, &chain, &key, None).unwrap();
    context.seal(&mut tls).unwrap();
}

#[test]
fn a_key_in_the_place_of_its_path_is_in_no_message() {
    let shown = Shown::new();
    let mut tls = shown.instance();
    let own = Authority::root("Root").issue(&Leaf::server());
    let (chain, key) = (bytes(own.certificate_der()), own.key_pem());
    let good = shown.put("key.pem", &key);
    let context = Context::secure(&mut tls, Role::Server).unwrap();
    context
        .load_identity(&mut tls, &chain, &good, None)
        .unwrap();
    let secret = key.lines().nth(1).unwrap();
    let body: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    for text in [key.clone(), key.replace('\n', "\\n"), body, "x".repeat(300)] {
        let mistaken = path(&text);
        let mut refused = vec![
            refusal(context.load_identity(&mut tls, &chain, &mistaken, None)),
            refusal(context.load_identity(&mut tls, &mistaken, &good, None)),
            refusal(context.add_identity(&mut tls, &chain, &mistaken, None)),
            refusal(context.load_private_key(&mut tls, &mistaken, KeyKind::Any, None)),
            refusal(context.load_certificate_chain(&mut tls, &mistaken)),
            refusal(context.load_pkcs12(&mut tls, &mistaken, None)),
            refusal(
                context
                    .load_suggested_authorities(&mut tls, &mistaken)
                    .map(drop),
            ),
            refusal(context.add_trust_roots(&mut tls, &mistaken).map(drop)),
            refusal(context.add_trust_directory(&mut tls, &text).map(drop)),
        ];
        tls.set_default_authority_directory(Some(&text)).unwrap();
        let client = Context::secure(&mut tls, Role::Client).unwrap();
        refused.push(refusal(client.seal(&mut tls)));
        tls.set_default_authority_directory(None).unwrap();
        for (_, reason, line) in refused {
            assert_eq!(reason, Reason::NotFound, "{line}");
            assert!(line.contains("where a path belongs"), "{line}");
            assert!(line.contains("pass bytes"), "{line}");
            assert!(
                !line.contains(&secret[..20]) && !line.contains("xxx"),
                "{line}"
            );
        }
        assert!(!format!("{mistaken:?}").contains(&secret[..20]));
    }
    context.seal(&mut tls).unwrap();
}

#[test]
fn an_ocsp_response_is_presented_to_clients_with_its_chain() {
    // The form of one: the status successful, and an answer that clients judge.
    const RESPONSE: &[u8] = b"\x30\x07\x0a\x01\x00\xa0\x02\x05\x00";
    let identity = Authority::root("Root").issue(&Leaf::server());
    let mut tls = instance();
    let tls = &mut tls;
    let context = Context::secure(tls, Role::Server).unwrap();
    let (chain, key) = (bytes(identity.chain_pem()), bytes(identity.key_pem()));
    expect(
        context.load_staple(tls, &bytes(RESPONSE)),
        Item::CertificateChain,
        Some(Reason::Missing),
    );
    context.load_identity(tls, &chain, &key, None).unwrap();
    context.load_staple(tls, &bytes(RESPONSE)).unwrap();
    let cases = [
        (&b""[..], Reason::Empty),
        (b"-----BEGIN", Reason::Malformed),
        // tryLater.
        (b"\x30\x03\x0a\x01\x03", Reason::Malformed),
    ];
    for (response, reason) in cases {
        let refused = context.load_staple(tls, &bytes(response));
        expect(refused, Item::Staple, Some(reason));
    }
    let missing = context.load_staple(tls, &path("missing.der"));
    assert_eq!(refusal(missing).0, Item::Staple);
    let client = Context::secure(tls, Role::Client).unwrap();
    let refused = error(client.load_staple(tls, &bytes(RESPONSE)));
    assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
    // It is dropped with its chain.
    let plain = context.copy(tls).unwrap();
    plain.load_identity(tls, &chain, &key, None).unwrap();
    for version in [TLS12, TLS13] {
        for (context, expected) in [(&context, RESPONSE), (&plain, b"")] {
            let (listener, number) = listen(tls, context);
            let client = thread::spawn(move || shown_staple(version, number));
            let port = listener.blocking_accept(tls).unwrap();
            port.blocking_handshake(tls).unwrap();
            port.close(tls).unwrap();
            assert_eq!(client.join().unwrap(), expected);
        }
    }
}
