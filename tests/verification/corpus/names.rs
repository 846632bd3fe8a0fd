//! The names of servers (RFC 9525).

use super::{Case, Corpus};
use crate::certificate::{Chain, Draft};
use crate::key::KEYS;
use crate::x509::{
    SERVER_AUTH, directory, dns, extended_key_usage, extension, key_usage, name, oid, sequence, tlv,
};

pub(super) fn add(corpus: &mut Corpus) {
    dns_names(corpus);
    addresses(corpus);
    without(corpus);
    forms(corpus);
}

/// A chain whose own certificate has these names.
pub(super) fn with(names: &[Vec<u8>]) -> Chain {
    Chain {
        leaf: Draft::server("Authority", names),
        ..Chain::new()
    }
}

fn dns_names(corpus: &mut Corpus) {
    let long = format!("{}.test", "x".repeat(63));
    let too_long = format!("{}.test", "x".repeat(64));
    let label = "a".repeat(49);
    let whole = [label.as_str(); 5].join(".") + ".tes";
    for (name, presented, asked) in [
        ("same", "server.test", "server.test"),
        ("case", "SERVER.Test", "server.test"),
        ("case-asked", "server.test", "SERVER.TEST"),
        ("other", "other.test", "server.test"),
        ("shorter", "test", "server.test"),
        ("longer", "www.server.test", "server.test"),
        ("suffix", "erver.test", "server.test"),
        ("prefix", "server.test.example", "server.test"),
        ("dot-at-end", "server.test.", "server.test"),
        ("dot-at-end-asked", "server.test", "server.test."),
        ("dot-in-front", ".server.test", "server.test"),
        ("dots", "server..test", "server.test"),
        ("empty", "", "server.test"),
        ("dot", ".", "server.test"),
        ("blank-in-front", " server.test", "server.test"),
        ("blank-at-end", "server.test ", "server.test"),
        ("nul-at-end", "server.test\0", "server.test"),
        ("nul-inside", "server.test\0.example", "server.test"),
        ("line-at-end", "server.test\n", "server.test"),
        ("port", "server.test:443", "server.test"),
        ("scheme", "https://server.test", "server.test"),
        ("underscore", "ser_ver.test", "ser_ver.test"),
        ("underscore-in-front", "_server.test", "_server.test"),
        ("hyphen-in-front", "-server.test", "-server.test"),
        ("hyphen-at-end", "server-.test", "server-.test"),
        ("digits", "123.test", "123.test"),
        ("digits-alone", "127.1", "server.test"),
        ("label-of-63", &long, &long),
        ("label-of-64", &too_long, "server.test"),
        ("whole-of-253", &whole, &whole),
        ("single-label", "localhost", "localhost"),
        ("utf8", "b\u{fc}cher.test", "xn--bcher-kva.test"),
        ("a-label", "xn--bcher-kva.test", "xn--bcher-kva.test"),
        ("a-label-case", "XN--BCHER-KVA.test", "xn--bcher-kva.test"),
        ("latin-1", "b\u{fc}cher.test", "server.test"),
        ("wildcard", "*.server.test", "www.server.test"),
        ("wildcard-case", "*.SERVER.test", "www.server.test"),
        ("wildcard-of-two", "*.server.test", "a.www.server.test"),
        ("wildcard-of-none", "*.server.test", "server.test"),
        ("wildcard-empty-label", "*.server.test", ".server.test"),
        ("wildcard-top", "*.test", "server.test"),
        ("wildcard-alone", "*", "server.test"),
        ("wildcard-alone-single", "*", "localhost"),
        ("wildcard-dot", "*.", "server.test"),
        ("wildcard-second", "www.*.test", "www.server.test"),
        ("wildcard-last", "www.server.*", "www.server.test"),
        ("wildcard-twice", "*.*.test", "www.server.test"),
        (
            "wildcard-twice-in-label",
            "**.server.test",
            "www.server.test",
        ),
        ("wildcard-prefix", "w*.server.test", "www.server.test"),
        ("wildcard-suffix", "*w.server.test", "www.server.test"),
        ("wildcard-inside", "w*w.server.test", "www.server.test"),
        (
            "wildcard-of-a-label",
            "*.server.test",
            "xn--bcher-kva.server.test",
        ),
        (
            "wildcard-in-a-label",
            "xn--*.server.test",
            "xn--bcher-kva.server.test",
        ),
        (
            "wildcard-and-dot-at-end",
            "*.server.test.",
            "www.server.test",
        ),
        ("wildcard-without-dot", "*server.test", "wwwserver.test"),
        (
            "wildcard-of-underscore",
            "*.server.test",
            "_www.server.test",
        ),
        ("wildcard-of-address", "*.0.0.1", "127.0.0.1"),
    ] {
        corpus.add(
            with(&[dns(presented)])
                .case(format!("name/dns/{name}"))
                .host(asked),
        );
    }
    for (name, names) in [
        ("first-of-two", [dns("server.test"), dns("other.test")]),
        ("second-of-two", [dns("other.test"), dns("server.test")]),
        ("twice", [dns("server.test"), dns("server.test")]),
        (
            "beside-broken",
            [dns("server.test"), dns("b\u{fc}cher.test")],
        ),
        ("beside-nul", [dns("server.test"), dns("a\0b")]),
        ("beside-empty", [dns("server.test"), dns("")]),
    ] {
        corpus.add(with(&names).case(format!("name/dns/{name}")));
    }
}

fn address(bytes: &[u8]) -> Vec<u8> {
    tlv(0x87, bytes)
}

fn addresses(corpus: &mut Corpus) {
    let v4 = [127, 0, 0, 1];
    let mut v6 = [0; 16];
    v6[15] = 1;
    let mut mapped = [0; 16];
    mapped[10..12].fill(0xff);
    mapped[12..].copy_from_slice(&v4);
    for (name, presented, asked) in [
        ("v4", address(&v4), "127.0.0.1"),
        ("v4-other", address(&[127, 0, 0, 2]), "127.0.0.1"),
        ("v6", address(&v6), "::1"),
        ("v6-other", address(&mapped), "::1"),
        ("v4-mapped", address(&mapped), "127.0.0.1"),
        ("v4-mapped-asked", address(&v4), "::ffff:127.0.0.1"),
        ("v4-mapped-both", address(&mapped), "::ffff:127.0.0.1"),
        (
            "v4-with-mask",
            address(&[127, 0, 0, 1, 255, 255, 255, 255]),
            "127.0.0.1",
        ),
        ("three-bytes", address(&[127, 0, 0]), "127.0.0.1"),
        ("empty", address(&[]), "127.0.0.1"),
        ("as-dns", dns("127.0.0.1"), "127.0.0.1"),
        ("v6-as-dns", dns("::1"), "::1"),
        ("as-text", address(b"127.0.0.1"), "127.0.0.1"),
        ("as-uri", tlv(0x86, b"https://127.0.0.1/"), "127.0.0.1"),
    ] {
        corpus.add(
            with(&[presented])
                .case(format!("name/address/{name}"))
                .host(asked),
        );
    }
    let wrong = with(&[address(&[127, 0, 0]), dns("server.test")]);
    corpus.add(wrong.case("name/address/three-bytes-beside-dns"));
}

/// A common name in place of a subjectAltName.
fn without(corpus: &mut Corpus) {
    let mut add = |title: &str, common: &str, names: Option<Vec<Vec<u8>>>, asked: &str| {
        let mut chain = Chain::new();
        chain.leaf.subject = name(&[(3, 12, common)]);
        let names = names.map(|names| extension("2.5.29.17", false, &sequence(&names)));
        chain.leaf.replace("2.5.29.17", names.into_iter().collect());
        corpus.add(chain.case(format!("name/common/{title}")).host(asked));
    };
    add("alone", "server.test", None, "server.test");
    add("wildcard", "*.server.test", None, "www.server.test");
    add(
        "beside-empty-list",
        "server.test",
        Some(vec![]),
        "server.test",
    );
    add(
        "beside-other",
        "server.test",
        Some(vec![dns("other.test")]),
        "server.test",
    );
    let mail = || tlv(0x81, b"a@other.test");
    add(
        "beside-mail",
        "server.test",
        Some(vec![mail()]),
        "server.test",
    );
    add(
        "beside-address",
        "server.test",
        Some(vec![address(&[127, 0, 0, 1])]),
        "server.test",
    );
    add("address", "127.0.0.1", None, "127.0.0.1");
    add("nul", "server.test\0.example", None, "server.test");
}

/// Names of other forms, and lists that are none.
fn forms(corpus: &mut Corpus) {
    let other = |value: &[u8]| tlv(0xa0, &[oid("1.2.3"), tlv(0xa0, value)].concat());
    let forms = [
        ("mail", tlv(0x81, b"server@server.test")),
        ("mail-broken", tlv(0x81, b"\xff@@")),
        (
            "mail-of-smtp-utf8",
            tlv(
                0xa0,
                &[
                    oid("1.3.6.1.5.5.7.8.9"),
                    tlv(0xa0, &tlv(12, "\u{fc}@server.test".as_bytes())),
                ]
                .concat(),
            ),
        ),
        ("uri", tlv(0x86, b"https://server.test/")),
        ("uri-broken", tlv(0x86, b"::::")),
        ("uri-not-ascii", tlv(0x86, b"https://b\xfccher.test/")),
        ("directory", directory(&name(&[(3, 12, "server.test")]))),
        ("directory-empty", directory(&sequence(&[]))),
        ("directory-broken", tlv(0xa4, &[0xff])),
        ("registered", tlv(0x88, &[0x2a, 3])),
        ("registered-broken", tlv(0x88, &[])),
        ("other", other(&tlv(12, b"server.test"))),
        ("other-broken", tlv(0xa0, &[0xff])),
        ("x400", tlv(0xa3, &sequence(&[]))),
        ("edi", tlv(0xa5, &tlv(0xa1, &tlv(12, b"x")))),
        ("tag-9", tlv(0x89, b"server.test")),
        ("universal", tlv(22, b"server.test")),
        ("dns-constructed", tlv(0xa2, &tlv(22, b"server.test"))),
    ];
    for (name, form) in forms {
        corpus.add(with(std::slice::from_ref(&form)).case(format!("name/form/{name}-alone")));
        corpus.add(with(&[dns("server.test"), form]).case(format!("name/form/{name}-beside")));
    }
    // The service name of RFC 4985.
    let service = tlv(
        0xa0,
        &[
            oid("1.3.6.1.5.5.7.8.7"),
            tlv(0xa0, &tlv(22, b"_https.server.test")),
        ]
        .concat(),
    );
    corpus.add(with(&[service]).case("name/form/service"));
    // Names do not matter of clients.
    let mut chain = Chain::new();
    chain.leaf = Draft::new(
        "Authority",
        "Client",
        &KEYS.leaf,
        vec![
            key_usage(0x80),
            extended_key_usage(&[crate::x509::CLIENT_AUTH]),
        ],
    );
    corpus.add(chain.case("name/client-without").client());
    let mut chain = Chain::new();
    chain.leaf.extensions = vec![key_usage(0x80), extended_key_usage(&[SERVER_AUTH])];
    let case: Case = chain.case("name/server-without");
    corpus.add(case);
}
