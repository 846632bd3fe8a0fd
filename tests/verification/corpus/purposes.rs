//! What certificates may be used for: key usage, extended key usage and basic constraints, for servers
//! and for clients.

use super::Corpus;
use crate::certificate::{At, Chain};
use crate::x509::{
    CLIENT_AUTH, SERVER_AUTH, authority, extended_key_usage, extension, key_usage, oid, sequence,
    tlv,
};

const ANY: &str = "2.5.29.37.0";
const CODE: &str = "1.3.6.1.5.5.7.3.3";
const STEP_UP: &str = "2.16.840.1.113730.4.1";

pub(super) fn add(corpus: &mut Corpus) {
    let mut client = Chain::new();
    client
        .leaf
        .replace("2.5.29.37", vec![extended_key_usage(&[CLIENT_AUTH])]);
    corpus.add(client.case("plain/client").client());
    corpus.add(client.case("purpose/client-as-server"));
    corpus.add(Chain::new().case("purpose/server-as-client").client());
    extended(corpus);
    usages(corpus);
    authorities(corpus);
}

fn extended(corpus: &mut Corpus) {
    for (name, list) in [
        ("both", &[SERVER_AUTH, CLIENT_AUTH][..]),
        ("server", &[SERVER_AUTH]),
        ("client", &[CLIENT_AUTH]),
        ("any", &[ANY]),
        ("any-and-code", &[ANY, CODE]),
        ("server-and-any", &[SERVER_AUTH, ANY]),
        ("code", &[CODE]),
        ("step-up", &[STEP_UP]),
        ("server-twice", &[SERVER_AUTH, SERVER_AUTH]),
        ("unknown", &["1.2.3.4"]),
        ("none", &[]),
    ] {
        for at in At::ALL {
            for critical in [false, true] {
                if critical && !matches!(name, "server" | "any") {
                    continue;
                }
                let oids: Vec<_> = list.iter().map(|dotted| oid(dotted)).collect();
                let usage = extension("2.5.29.37", critical, &sequence(&oids));
                let mut chain = Chain::new();
                chain.at(at).replace("2.5.29.37", vec![usage]);
                let way = if critical { "-critical" } else { "" };
                corpus.add(chain.case(format!("purpose/extended/{name}{way}/{}", at.name())));
                if at == At::Leaf && !critical {
                    let name = format!("purpose/extended/{name}/client");
                    corpus.add(chain.case(name).client());
                }
            }
        }
    }
    let mut chain = Chain::new();
    chain.leaf.replace("2.5.29.37", Vec::new());
    corpus.add(chain.case("purpose/extended/absent/client").client());
}

fn usages(corpus: &mut Corpus) {
    for (name, bits) in [
        ("digital-signature", 0x80),
        ("key-encipherment", 0x20),
        ("key-agreement", 0x08),
        ("non-repudiation", 0x40),
        ("sign-certificates", 0x04),
        ("sign-lists", 0x02),
        ("none", 0x00),
    ] {
        corpus.each(&At::ALL, &format!("purpose/usage/{name}"), |draft| {
            draft.replace("2.5.29.15", vec![key_usage(bits)]);
        });
    }
    corpus.each(
        &[At::Leaf],
        "purpose/usage/sign-certificates-too",
        |draft| {
            draft.replace("2.5.29.15", vec![key_usage(0x84)]);
        },
    );
    for (name, value) in [
        ("no-bits", tlv(3, &[0])),
        ("unused-bits-set", tlv(3, &[5, 0xff])),
        ("unused-bits-8", tlv(3, &[8, 0x06])),
        ("three-bytes", tlv(3, &[0, 0x86, 0, 0])),
        ("zeros-at-end", tlv(3, &[0, 0x86])),
        ("empty", tlv(3, &[])),
        ("octets", tlv(4, &[0x06])),
    ] {
        corpus.each(&At::SENT, &format!("purpose/usage/{name}"), |draft| {
            draft.replace("2.5.29.15", vec![extension("2.5.29.15", true, &value)]);
        });
    }
}

fn authorities(corpus: &mut Corpus) {
    let is_ca = || tlv(1, &[0xff]);
    let length = |contents: &[u8]| sequence(&[tlv(1, &[0xff]), tlv(2, contents)]);
    for (name, value) in [
        ("false", sequence(&[])),
        ("false-explicit", sequence(&[tlv(1, &[0])])),
        ("true-as-1", sequence(&[tlv(1, &[1])])),
        ("length-0", length(&[0])),
        ("length-1", length(&[1])),
        ("length-127", length(&[127])),
        ("length-negative", length(&[0xff])),
        ("length-not-shortest", length(&[0, 1])),
        (
            "length-huge",
            length(&[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ),
        ("length-empty", length(&[])),
        ("length-without-flag", sequence(&[tlv(2, &[0])])),
        ("length-with-false", sequence(&[tlv(1, &[0]), tlv(2, &[0])])),
        ("length-before-flag", sequence(&[tlv(2, &[0]), is_ca()])),
        ("more", sequence(&[is_ca(), tlv(2, &[1]), tlv(5, &[])])),
        ("no-sequence", is_ca()),
    ] {
        corpus.each(&At::ALL, &format!("basic/{name}"), |draft| {
            draft.replace("2.5.29.19", vec![extension("2.5.29.19", true, &value)]);
        });
    }
    corpus.each(&At::ALL, "basic/true-and-plain", |draft| {
        let value = sequence(&[is_ca()]);
        draft.replace("2.5.29.19", vec![extension("2.5.29.19", false, &value)]);
    });
    // An authority as a peer, which may sign certificates too.
    let mut chain = Chain::new();
    chain.leaf.replace("2.5.29.19", vec![authority(None)]);
    chain.leaf.replace("2.5.29.15", vec![key_usage(0x86)]);
    corpus.add(chain.case("basic/authority-as-server"));
    corpus.add({
        let mut chain = chain.clone();
        chain
            .leaf
            .replace("2.5.29.37", vec![extended_key_usage(&[CLIENT_AUTH])]);
        chain.case("basic/authority-as-client").client()
    });
}
