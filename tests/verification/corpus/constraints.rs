//! Name constraints (RFC 5280 §4.2.1.10): each form of names, permitted and excluded, one below another.
//!
//! Over 400 lines: most of it is tables.

use super::Corpus;
use super::names::with;
use crate::certificate::{At, Chain, Draft, NAME};
use crate::key::KEYS;
use crate::x509::{directory, dns, extension, name, name_constraints, oid, sequence, tlv};

const GERMANY: (u8, u8, &str) = (6, 19, "DE");

fn mail(text: &str) -> Vec<u8> {
    tlv(0x81, text.as_bytes())
}

fn uri(text: &str) -> Vec<u8> {
    tlv(0x86, text.as_bytes())
}

fn address(bytes: &[u8]) -> Vec<u8> {
    tlv(0x87, bytes)
}

pub(super) fn add(corpus: &mut Corpus) {
    matrix(corpus);
    nested(corpus);
    places(corpus);
    odd(corpus);
}

/// Each base with each name, permitted and excluded.
fn matrix(corpus: &mut Corpus) {
    let other = |text: &[u8]| tlv(0xa0, &[oid("1.2.3"), tlv(0xa0, &tlv(12, text))].concat());
    let v6 = |last: u8| [[0x20, 1, 0x0d, 0xb8].as_slice(), &[0; 11], &[last]].concat();
    let v6_net = || {
        [
            [0x20, 1, 0x0d, 0xb8].as_slice(),
            &[0; 12],
            &[0xff; 4],
            &[0; 12],
        ]
        .concat()
    };
    let net = || address(&[10, 0, 0, 0, 255, 0, 0, 0]);
    let germany = || directory(&name(&[GERMANY]));
    for (title, base, presented) in [
        ("dns-same", dns("server.test"), dns("server.test")),
        ("dns-parent", dns("test"), dns("server.test")),
        ("dns-parent-case", dns("TEST"), dns("server.test")),
        ("dns-parent-dot", dns(".test"), dns("server.test")),
        ("dns-same-dot", dns(".server.test"), dns("server.test")),
        ("dns-child", dns("www.server.test"), dns("server.test")),
        ("dns-suffix", dns("erver.test"), dns("server.test")),
        ("dns-other", dns("other.test"), dns("server.test")),
        ("dns-empty", dns(""), dns("server.test")),
        ("dns-dot-at-end", dns("test."), dns("server.test")),
        ("dns-wildcard-base", dns("*.test"), dns("server.test")),
        (
            "dns-wildcard-name",
            dns("server.test"),
            dns("*.server.test"),
        ),
        (
            "dns-wildcard-name-child",
            dns("www.server.test"),
            dns("*.server.test"),
        ),
        (
            "dns-wildcard-name-parent",
            dns("test"),
            dns("*.server.test"),
        ),
        (
            "dns-wildcard-name-dot",
            dns(".server.test"),
            dns("*.server.test"),
        ),
        ("dns-not-ascii", dns("b\u{fc}cher.test"), dns("server.test")),
        (
            "dns-of-name-with-dot-at-end",
            dns("test"),
            dns("server.test."),
        ),
        ("dns-of-address", dns("test"), address(&[10, 0, 0, 1])),
        ("v4-within", net(), address(&[10, 0, 0, 1])),
        ("v4-outside", net(), address(&[11, 0, 0, 1])),
        ("v4-all", address(&[0; 8]), address(&[10, 0, 0, 1])),
        (
            "v4-host",
            address(&[10, 0, 0, 1, 255, 255, 255, 255]),
            address(&[10, 0, 0, 1]),
        ),
        (
            "v4-bits-below-mask",
            address(&[10, 0, 0, 9, 255, 0, 0, 0]),
            address(&[10, 0, 0, 1]),
        ),
        (
            "v4-mask-with-hole",
            address(&[10, 0, 0, 0, 255, 0, 255, 0]),
            address(&[10, 0, 0, 1]),
        ),
        (
            "v4-without-mask",
            address(&[10, 0, 0, 0]),
            address(&[10, 0, 0, 1]),
        ),
        ("v4-of-v6", net(), address(&v6(1))),
        (
            "v4-of-mapped",
            net(),
            address(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1]),
        ),
        ("v6-within", address(&v6_net()), address(&v6(1))),
        ("v6-outside", address(&v6_net()), address(&[1; 16])),
        ("v6-of-v4", address(&v6_net()), address(&[10, 0, 0, 1])),
        ("v4-of-dns", net(), dns("server.test")),
        ("mail-host", mail("server.test"), mail("a@server.test")),
        ("mail-host-case", mail("SERVER.test"), mail("a@server.test")),
        ("mail-host-below", mail("test"), mail("a@server.test")),
        ("mail-domain", mail(".test"), mail("a@server.test")),
        (
            "mail-domain-itself",
            mail(".server.test"),
            mail("a@server.test"),
        ),
        ("mail-box", mail("a@server.test"), mail("a@server.test")),
        (
            "mail-box-case",
            mail("A@server.test"),
            mail("a@server.test"),
        ),
        (
            "mail-box-other",
            mail("b@server.test"),
            mail("a@server.test"),
        ),
        ("mail-empty", mail(""), mail("a@server.test")),
        ("mail-broken", mail("test"), mail("no mail")),
        ("uri-host", uri("server.test"), uri("https://server.test/x")),
        (
            "uri-host-port",
            uri("server.test"),
            uri("https://server.test:8443/x"),
        ),
        (
            "uri-host-user",
            uri("server.test"),
            uri("https://a@server.test/x"),
        ),
        ("uri-host-below", uri("test"), uri("https://server.test/x")),
        ("uri-domain", uri(".test"), uri("https://server.test/x")),
        (
            "uri-domain-itself",
            uri(".server.test"),
            uri("https://server.test/x"),
        ),
        ("uri-address", uri("test"), uri("https://10.0.0.1/")),
        ("uri-without-host", uri("test"), uri("urn:x:y")),
        (
            "directory-within",
            germany(),
            directory(&name(&[GERMANY, (10, 12, "Example")])),
        ),
        ("directory-same", germany(), directory(&name(&[GERMANY]))),
        (
            "directory-case",
            directory(&name(&[(6, 19, "de")])),
            directory(&name(&[GERMANY])),
        ),
        (
            "directory-encoding",
            directory(&name(&[(6, 12, "DE")])),
            directory(&name(&[GERMANY])),
        ),
        (
            "directory-outside",
            germany(),
            directory(&name(&[(6, 19, "FR")])),
        ),
        (
            "directory-shorter",
            directory(&name(&[GERMANY, (10, 12, "E")])),
            directory(&name(&[GERMANY])),
        ),
        (
            "directory-empty",
            directory(&sequence(&[])),
            directory(&name(&[GERMANY])),
        ),
        ("registered", tlv(0x88, &[0x2a]), tlv(0x88, &[0x2a, 3])),
        ("other", other(b"x"), other(b"x")),
        ("other-of-dns", other(b"x"), dns("server.test")),
    ] {
        // The name that is asked for is there beside what the constraint is about.
        let mut names = vec![presented.clone()];
        let asks_for_dns = title.starts_with("dns-") && presented.first() == Some(&0x82);
        let asked = match title.contains("wildcard-name") {
            true => "www.server.test",
            false => NAME,
        };
        if !asks_for_dns {
            names.push(dns(NAME));
        }
        for (list, constraints) in [
            ("permitted", {
                let mut bases = vec![base.clone()];
                // DNS names stay permitted where the constraint is not about them; subjects always.
                if title.starts_with("directory-") {
                    bases.push(directory(&name(&[(3, 12, "Server")])));
                }
                name_constraints(&bases, &[])
            }),
            (
                "excluded",
                name_constraints(&[], std::slice::from_ref(&base)),
            ),
        ] {
            let mut chain = with(&names);
            chain.middle.extensions.push(constraints);
            corpus.add(chain.case(format!("constraint/{list}/{title}")).host(asked));
        }
    }
}

/// Constraints of two authorities, one below the other.
fn nested(corpus: &mut Corpus) {
    for (title, upper, lower) in [
        (
            "narrower",
            (vec![dns("test")], vec![]),
            (vec![dns("server.test")], vec![]),
        ),
        (
            "wider",
            (vec![dns("server.test")], vec![]),
            (vec![dns("test")], vec![]),
        ),
        (
            "upper-other",
            (vec![dns("other.test")], vec![]),
            (vec![dns("test")], vec![]),
        ),
        (
            "lower-other",
            (vec![dns("test")], vec![]),
            (vec![dns("other.test")], vec![]),
        ),
        (
            "upper-excludes",
            (vec![], vec![dns("server.test")]),
            (vec![dns("test")], vec![]),
        ),
        (
            "lower-excludes",
            (vec![dns("test")], vec![]),
            (vec![], vec![dns("server.test")]),
        ),
        (
            "forms-differ",
            (vec![dns("test")], vec![]),
            (vec![mail("test")], vec![]),
        ),
    ] {
        let mut chain = Chain::new();
        chain
            .middle
            .extensions
            .push(name_constraints(&upper.0, &upper.1));
        let mut below = Draft::authority("Authority", "Below", &KEYS.other);
        below.extensions.push(name_constraints(&lower.0, &lower.1));
        chain.leaf.issuer = below.subject.clone();
        let [root, middle, _] = chain.issued();
        let below = below.issued_by(&KEYS.middle);
        let leaf = chain.leaf.issued_by(&KEYS.other);
        let chain = vec![leaf, below, middle];
        corpus.add(super::Case::new(
            format!("constraint/nested/{title}"),
            chain,
            root,
            &KEYS.leaf,
        ));
    }
}

/// Who has constraints, and whose names they are about.
fn places(corpus: &mut Corpus) {
    let other = || name_constraints(&[dns("other.test")], &[]);
    let right = || name_constraints(&[dns("test")], &[]);
    for at in At::ALL {
        for (title, constraints) in [("right", right()), ("other", other())] {
            let mut chain = Chain::new();
            chain.at(at).extensions.push(constraints);
            corpus.add(chain.case(format!("constraint/place/{title}/{}", at.name())));
        }
    }
    // The names of an authority below.
    let mut chain = Chain::new();
    chain.root.extensions.push(right());
    chain
        .middle
        .extensions
        .push(crate::x509::alternative_names(&[dns("other.example")]));
    corpus.add(chain.case("constraint/place/names-of-authority"));
    // A common name where there are no names.
    for (title, common) in [
        ("within", "server.test"),
        ("outside", "other.example"),
        ("words", "A Server"),
    ] {
        let mut chain = Chain::new();
        chain.middle.extensions.push(right());
        chain.leaf.subject = name(&[(3, 12, common)]);
        corpus.add(chain.case(format!("constraint/common-name/{title}")));
        chain.leaf.replace("2.5.29.17", Vec::new());
        chain.leaf.replace(
            "2.5.29.37",
            vec![crate::x509::extended_key_usage(&[crate::x509::CLIENT_AUTH])],
        );
        corpus.add(
            chain
                .case(format!("constraint/common-name/{title}-alone"))
                .client(),
        );
    }
    // A mail address in the subject.
    let address = |text: &str| {
        let attribute = [oid("1.2.840.113549.1.9.1"), tlv(22, text.as_bytes())];
        sequence(&[tlv(0x31, &sequence(&attribute))])
    };
    for (title, text) in [("within", "a@server.test"), ("outside", "a@other.test")] {
        let mut chain = Chain::new();
        chain
            .middle
            .extensions
            .push(name_constraints(&[mail("server.test")], &[]));
        chain.leaf.subject = address(text);
        corpus.add(chain.case(format!("constraint/subject-mail/{title}")));
    }
    // The subject itself.
    for (title, subject) in [
        ("within", vec![GERMANY, (3, 12, "Server")]),
        ("outside", vec![(6, 19, "FR")]),
    ] {
        for (list, constraints) in [
            (
                "permitted",
                name_constraints(&[directory(&name(&[GERMANY]))], &[]),
            ),
            (
                "excluded",
                name_constraints(&[], &[directory(&name(&[GERMANY]))]),
            ),
        ] {
            let mut chain = Chain::new();
            chain.middle.extensions.push(constraints);
            chain.leaf.subject = name(&subject);
            corpus.add(chain.case(format!("constraint/subject/{list}-{title}")));
        }
    }
}

/// Constraints that are written in odd ways.
fn odd(corpus: &mut Corpus) {
    let subtree = |parts: &[Vec<u8>]| sequence(&[tlv(0xa0, &sequence(parts))]);
    for (title, value) in [
        ("both-absent", sequence(&[])),
        ("permitted-empty", sequence(&[tlv(0xa0, &[])])),
        ("excluded-empty", sequence(&[tlv(0xa1, &[])])),
        (
            "order",
            sequence(&[
                tlv(0xa1, &sequence(&[dns("other.test")])),
                tlv(0xa0, &sequence(&[dns("test")])),
            ]),
        ),
        ("minimum-0", subtree(&[dns("test"), tlv(0x80, &[0])])),
        ("minimum-1", subtree(&[dns("test"), tlv(0x80, &[1])])),
        ("maximum", subtree(&[dns("test"), tlv(0x81, &[5])])),
        ("subtree-empty", subtree(&[])),
        ("subtree-more", subtree(&[dns("test"), tlv(5, &[])])),
        ("form-unknown", subtree(&[tlv(0x89, b"test")])),
    ] {
        let mut chain = Chain::new();
        chain
            .middle
            .extensions
            .push(extension("2.5.29.30", true, &value));
        corpus.add(chain.case(format!("constraint/odd/{title}")));
    }
    let many = |count: usize| {
        (0..count)
            .map(|n| dns(&format!("host{n}.example")))
            .collect::<Vec<_>>()
    };
    for (title, bases, names) in [("hundreds", 300, 300), ("thousands", 1500, 700)] {
        let mut names = many(names);
        names.push(dns(NAME));
        let mut chain = with(&names);
        chain.middle.extensions.push(name_constraints(
            &[],
            &many(bases)
                .iter()
                .map(|base| {
                    let mut base = base.clone();
                    base[2] = b'x';
                    base
                })
                .collect::<Vec<_>>(),
        ));
        corpus.add(chain.case(format!("constraint/odd/{title}")));
    }
}
