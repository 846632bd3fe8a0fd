//! The way from a certificate to a root: what is sent, in which order, and how many ways there are.

use super::{Case, Corpus};
use crate::certificate::{Chain, Draft, NAME};
use crate::key::{KEYS, Key};
use crate::x509::{authority, common_name, dns, extension, key_usage, name, sequence, tlv};

pub(super) fn add(corpus: &mut Corpus) {
    orders(corpus);
    depths(corpus);
    crosses(corpus);
    identifiers(corpus);
    lengths(corpus);
    sizes(corpus);
}

fn case(name: &str, chain: &[&Vec<u8>], root: &[u8]) -> Case {
    let chain = chain.iter().map(|der| (*der).clone()).collect();
    Case::new(format!("path/{name}"), chain, root.to_vec(), &KEYS.leaf)
}

fn orders(corpus: &mut Corpus) {
    let [root, middle, leaf] = Chain::new().issued();
    let other = Draft::authority("Other", "Other", &KEYS.other).issued_by(&KEYS.other);
    let garbage = b"garbage".to_vec();
    let empty = Vec::new();
    let upper = Draft::authority("Root", "Upper", &KEYS.other).issued_by(&KEYS.root);
    let lower = Draft::authority("Upper", "Authority", &KEYS.middle).issued_by(&KEYS.other);
    for (name, chain) in [
        ("root-too", vec![&leaf, &middle, &root]),
        ("root-before-authority", vec![&leaf, &root, &middle]),
        ("authority-absent", vec![&leaf]),
        ("authority-absent-and-root-there", vec![&leaf, &root]),
        ("authority-twice", vec![&leaf, &middle, &middle]),
        ("own-twice", vec![&leaf, &leaf, &middle]),
        ("own-last", vec![&middle, &leaf]),
        ("stranger-between", vec![&leaf, &other, &middle]),
        ("stranger-last", vec![&leaf, &middle, &other]),
        ("garbage-between", vec![&leaf, &garbage, &middle]),
        ("garbage-last", vec![&leaf, &middle, &garbage]),
        ("empty-last", vec![&leaf, &middle, &empty]),
        ("two-in-order", vec![&leaf, &lower, &upper]),
        ("two-reversed", vec![&leaf, &upper, &lower]),
        ("two-and-upper-absent", vec![&leaf, &lower]),
        ("two-and-lower-absent", vec![&leaf, &upper]),
        ("two-ways", vec![&leaf, &lower, &upper, &middle]),
    ] {
        corpus.add(case(name, &chain, &root));
    }
    // What is sent beside the path is wrong in some way.
    let mut bad = Draft::authority("Nobody", "Stranger", &KEYS.other);
    bad.version = Vec::new();
    corpus.add(case(
        "unused-of-version-1-with-extensions",
        &[&leaf, &middle, &bad.issued_by(&KEYS.other)],
        &root,
    ));
    let mut bad = Draft::authority("Nobody", "Stranger", &KEYS.other);
    bad.serial = tlv(2, &[]);
    corpus.add(case(
        "unused-with-empty-serial",
        &[&leaf, &middle, &bad.issued_by(&KEYS.other)],
        &root,
    ));
    let mut bad = Draft::authority("Nobody", "Stranger", &KEYS.other);
    bad.extensions.push(bad.extensions[0].clone());
    corpus.add(case(
        "unused-with-extension-twice",
        &[&leaf, &middle, &bad.issued_by(&KEYS.other)],
        &root,
    ));
    // Certificates that nobody knows, by the hundred.
    let strangers: Vec<_> = (0..100)
        .map(|number| {
            Draft::authority("Nobody", &format!("Stranger {number}"), &KEYS.other)
                .issued_by(&KEYS.other)
        })
        .collect();
    let mut chain = vec![&leaf];
    chain.extend(&strangers[..20]);
    chain.push(&middle);
    corpus.add(case("strangers-20", &chain, &root));
    let mut chain = vec![&leaf];
    chain.extend(&strangers);
    chain.push(&middle);
    corpus.add(case("strangers-100", &chain, &root));
}

/// A chain of so many authorities, the lowest first.
fn deep(count: usize) -> (Vec<Vec<u8>>, Vec<u8>) {
    let keys: Vec<_> = (0..count).map(|_| Key::p256()).collect();
    let mut chain = Vec::new();
    for number in 0..count {
        let (issuer, by) = match number.checked_sub(1) {
            None => ("Root".to_owned(), &KEYS.root),
            Some(above) => (format!("Authority {above}"), &keys[above]),
        };
        let draft = Draft::authority(&issuer, &format!("Authority {number}"), &keys[number]);
        chain.insert(0, draft.issued_by(by));
    }
    let mut leaf = Draft::server("", &[dns(NAME)]);
    leaf.issuer = common_name(&format!("Authority {}", count - 1));
    chain.insert(0, leaf.issued_by(keys.last().unwrap()));
    (
        chain,
        Draft::authority("Root", "Root", &KEYS.root).issued_by(&KEYS.root),
    )
}

fn depths(corpus: &mut Corpus) {
    for count in [2, 6, 7, 8, 9, 10, 12, 15, 16, 20, 40] {
        let (chain, root) = deep(count);
        corpus.add(Case::new(
            format!("path/authorities-{count}"),
            chain,
            root,
            &KEYS.leaf,
        ));
    }
    let (mut chain, root) = deep(12);
    chain[1..].reverse();
    corpus.add(Case::new(
        "path/authorities-12-reversed",
        chain.clone(),
        root.clone(),
        &KEYS.leaf,
    ));
    chain.remove(6);
    corpus.add(Case::new(
        "path/authorities-12-one-absent",
        chain,
        root,
        &KEYS.leaf,
    ));
}

/// Authorities that issue to each other.
fn crosses(corpus: &mut Corpus) {
    let root = Draft::authority("Root", "Root", &KEYS.root).issued_by(&KEYS.root);
    let (a, b) = (&KEYS.middle, &KEYS.other);
    let a_by_b = Draft::authority("B", "A", a).issued_by(b);
    let b_by_a = Draft::authority("A", "B", b).issued_by(a);
    let a_by_root = Draft::authority("Root", "A", a).issued_by(&KEYS.root);
    let b_by_root = Draft::authority("Root", "B", b).issued_by(&KEYS.root);
    let a_itself = Draft::authority("A", "A", a).issued_by(a);
    let leaf = Draft::server("A", &[dns(NAME)]).issued_by(a);
    let mut expired = Draft::authority("Root", "A", a);
    expired.validity = sequence(&[
        crate::certificate::utc("200101000000Z"),
        crate::certificate::utc("201231235959Z"),
    ]);
    let expired = expired.issued_by(&KEYS.root);
    let mut limited = Draft::authority("Root", "A", a);
    limited
        .extensions
        .push(crate::x509::name_constraints(&[dns("other.test")], &[]));
    let limited = limited.issued_by(&KEYS.root);
    let impostor = Draft::authority("Root", "A", &KEYS.rsa).issued_by(&KEYS.root);
    let mut forged = Draft::authority("Root", "A", a);
    forged.on_signature = |bits| {
        let last = bits.len() - 1;
        bits[last] ^= 1;
    };
    let forged = forged.issued_by(&KEYS.root);
    for (name, chain) in [
        ("loop-of-two", vec![&leaf, &a_by_b, &b_by_a]),
        (
            "loop-of-two-and-way-out",
            vec![&leaf, &a_by_b, &b_by_a, &b_by_root],
        ),
        (
            "loop-of-two-and-shortcut",
            vec![&leaf, &a_by_b, &b_by_a, &a_by_root],
        ),
        ("itself", vec![&leaf, &a_itself]),
        ("itself-and-root", vec![&leaf, &a_itself, &a_by_root]),
        ("expired-before-good", vec![&leaf, &expired, &a_by_root]),
        ("good-before-expired", vec![&leaf, &a_by_root, &expired]),
        (
            "expired-and-longer-way",
            vec![&leaf, &expired, &a_by_b, &b_by_root],
        ),
        ("limited-before-good", vec![&leaf, &limited, &a_by_root]),
        (
            "limited-and-longer-way",
            vec![&leaf, &limited, &a_by_b, &b_by_root],
        ),
        ("other-key-before-good", vec![&leaf, &impostor, &a_by_root]),
        ("forged-before-good", vec![&leaf, &forged, &a_by_root]),
        ("good-before-forged", vec![&leaf, &a_by_root, &forged]),
    ] {
        corpus.add(case(&format!("cross/{name}"), &chain, &root));
    }
    // The root is one of those that are sent with another issuer too.
    let root_by_other = Draft::authority("Elsewhere", "Root", &KEYS.root).issued_by(b);
    let [root, middle, leaf] = Chain::new().issued();
    corpus.add(case(
        "cross/root-by-another",
        &[&leaf, &middle, &root_by_other],
        &root,
    ));
    // A new key of the root's, by the old one.
    let renewed = Draft::authority("Root", "Root", b).issued_by(&KEYS.root);
    let leaf = Draft::server("Root", &[dns(NAME)]).issued_by(b);
    corpus.add(case("cross/root-with-new-key", &[&leaf, &renewed], &root));
    // All of one name, and each by each: no way leads out.
    let keys: Vec<_> = (0..8).map(|_| Key::p256()).collect();
    let leaf = Draft::server("Same", &[dns(NAME)]).issued_by(&keys[0]);
    let mut thicket = Vec::new();
    for key in &keys {
        for by in &keys {
            thicket.push(Draft::authority("Same", "Same", key).issued_by(by));
        }
    }
    let mut chain = vec![&leaf];
    chain.extend(&thicket);
    corpus.add(case("cross/thicket-of-64", &chain, &root));
    let [_, middle, leaf] = Chain::new().issued();
    let mut chain = vec![&leaf];
    chain.extend(&thicket);
    chain.push(&middle);
    corpus.add(case("cross/thicket-beside", &chain, &root));
}

/// The key identifiers help to find the way, and decide nothing (RFC 4158 §3.5.12).
fn identifiers(corpus: &mut Corpus) {
    let of_subject = |id: u8| extension("2.5.29.14", false, &tlv(4, &[id; 20]));
    let of_issuer = |parts: &[Vec<u8>]| extension("2.5.29.35", false, &sequence(parts));
    let key = |id: u8| tlv(0x80, &[id; 20]);
    let issuer = |text: &str| tlv(0xa1, &crate::x509::directory(&common_name(text)));
    let serial = |number: u8| tlv(0x82, &[number]);
    for (name, own, above) in [
        ("same", vec![key(1)], Some(1)),
        ("differ", vec![key(2)], Some(1)),
        ("absent-above", vec![key(1)], None),
        (
            "issuer-and-serial",
            vec![issuer("Root"), serial(0x51)],
            None,
        ),
        ("serial-differs", vec![issuer("Root"), serial(0x52)], None),
        (
            "issuer-differs",
            vec![issuer("Elsewhere"), serial(0x51)],
            None,
        ),
        ("serial-without-issuer", vec![serial(0x51)], None),
    ] {
        let mut chain = Chain::new();
        chain.leaf.extensions.push(of_issuer(&own));
        chain.middle.extensions.extend(above.map(of_subject));
        corpus.add(chain.case(format!("path/identifier/{name}")));
    }
}

/// Path lengths, over a chain of two authorities.
fn lengths(corpus: &mut Corpus) {
    for (name, of_root, of_upper, of_lower, is_self_issued) in [
        ("all-absent", None, None, None, false),
        ("root-2", Some(2), None, None, false),
        ("root-1", Some(1), None, None, false),
        ("root-0", Some(0), None, None, false),
        ("upper-1", None, Some(1), None, false),
        ("upper-0", None, Some(0), None, false),
        ("lower-0", None, None, Some(0), false),
        ("growing", Some(2), Some(5), Some(9), false),
        ("exact", Some(2), Some(1), Some(0), false),
        ("root-1-self-issued", Some(1), None, None, true),
        ("root-0-self-issued", Some(0), None, None, true),
    ] {
        let draft = |issuer: &str, subject: &str, key: &Key, length| {
            Draft::new(
                issuer,
                subject,
                key,
                vec![authority(length), key_usage(0x06)],
            )
        };
        let root = draft("Root", "Root", &KEYS.root, of_root).issued_by(&KEYS.root);
        let upper_name = if is_self_issued { "Root" } else { "Upper" };
        let upper = draft("Root", upper_name, &KEYS.other, of_upper).issued_by(&KEYS.root);
        let lower = draft(upper_name, "Authority", &KEYS.middle, of_lower).issued_by(&KEYS.other);
        let leaf = Draft::server("Authority", &[dns(NAME)]).issued_by(&KEYS.middle);
        corpus.add(case(
            &format!("length/{name}"),
            &[&leaf, &lower, &upper],
            &root,
        ));
    }
}

/// Certificates that are large.
fn sizes(corpus: &mut Corpus) {
    for (name, bytes) in [
        ("16-kib", 16),
        ("48-kib", 48),
        ("60-kib", 60),
        ("70-kib", 70),
        ("100-kib", 100),
        ("256-kib", 256),
    ] {
        let mut chain = Chain::new();
        let filling = vec![0x2a; bytes * 1024];
        let filling = extension("1.3.6.1.4.1.99999.2", false, &tlv(4, &filling));
        chain.leaf.extensions.push(filling);
        corpus.add(chain.case(format!("size/{name}")));
    }
    for count in [100, 1000, 2000] {
        let mut names: Vec<_> = (0..count)
            .map(|n| dns(&format!("host{n:05}.example")))
            .collect();
        names.push(dns(NAME));
        corpus.add(super::names::with(&names).case(format!("size/names-{count}")));
    }
    for count in [50, 500] {
        let mut chain = Chain::new();
        for number in 0..count {
            let oid = format!("1.3.6.1.4.1.99999.3.{number}");
            chain
                .leaf
                .extensions
                .push(extension(&oid, false, &tlv(5, &[])));
        }
        corpus.add(chain.case(format!("size/extensions-{count}")));
    }
    let attributes: Vec<_> = (0..200).map(|_| (11, 12, "Unit")).collect();
    let mut chain = Chain::new();
    chain.leaf.subject = name(&attributes);
    corpus.add(chain.case("size/attributes-200"));
}
