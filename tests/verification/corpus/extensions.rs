//! Each extension of RFC 5280 and some others, in each way in which it can be there.

use super::Corpus;
use crate::certificate::{At, Draft};
use crate::x509::{dns, extension, oid, sequence, tlv};

/// An extension: what names it here, its OID, and a value of it that changes nothing.
type Known = (&'static str, &'static str, fn(At) -> Vec<u8>);

const KNOWN: [Known; 20] = [
    ("basic-constraints", "2.5.29.19", |at| match at {
        At::Leaf => sequence(&[]),
        _ => sequence(&[tlv(1, &[0xff])]),
    }),
    ("key-usage", "2.5.29.15", |at| match at {
        At::Leaf => tlv(3, &[7, 0x80]),
        _ => tlv(3, &[1, 0x06]),
    }),
    ("extended-key-usage", "2.5.29.37", |_| {
        sequence(&[oid(crate::x509::SERVER_AUTH)])
    }),
    ("alternative-names", "2.5.29.17", |at| match at {
        At::Leaf => sequence(&[dns(crate::certificate::NAME)]),
        _ => sequence(&[dns("authority.test")]),
    }),
    ("issuer-alternative-names", "2.5.29.18", |_| {
        sequence(&[dns("authority.test")])
    }),
    ("name-constraints", "2.5.29.30", |_| {
        sequence(&[tlv(0xa0, &sequence(&[dns("test")]))])
    }),
    ("policies", "2.5.29.32", |_| {
        sequence(&[sequence(&[oid("1.2.3.4")])])
    }),
    ("policy-mappings", "2.5.29.33", |_| {
        sequence(&[sequence(&[oid("1.2.3.4"), oid("1.2.3.5")])])
    }),
    ("policy-constraints", "2.5.29.36", |_| {
        sequence(&[tlv(0x80, &[5])])
    }),
    ("inhibit-any-policy", "2.5.29.54", |_| tlv(2, &[5])),
    ("subject-key-identifier", "2.5.29.14", |_| tlv(4, &[1; 20])),
    ("authority-key-identifier", "2.5.29.35", |_| {
        sequence(&[tlv(0x80, &[1; 20])])
    }),
    ("revocation-lists", "2.5.29.31", |_| {
        sequence(&[distribution_point()])
    }),
    ("freshest-list", "2.5.29.46", |_| {
        sequence(&[distribution_point()])
    }),
    ("directory-attributes", "2.5.29.9", |_| {
        let attribute = [oid("2.5.4.6"), tlv(0x31, &tlv(19, b"DE"))];
        sequence(&[sequence(&attribute)])
    }),
    ("private-key-usage-period", "2.5.29.16", |_| {
        sequence(&[tlv(0x80, b"20200101000000Z"), tlv(0x81, b"20491231235959Z")])
    }),
    ("authority-information", "1.3.6.1.5.5.7.1.1", |_| {
        let location = tlv(0x86, b"http://ocsp.test");
        sequence(&[sequence(&[oid("1.3.6.1.5.5.7.48.1"), location])])
    }),
    ("tls-feature", "1.3.6.1.5.5.7.1.24", |_| {
        sequence(&[tlv(2, &[5])])
    }),
    ("netscape-type", "2.16.840.1.113730.1.1", |at| match at {
        At::Leaf => tlv(3, &[6, 0x40]),
        _ => tlv(3, &[2, 0x04]),
    }),
    ("unknown", "1.3.6.1.4.1.99999.1", |_| tlv(5, &[])),
];

fn distribution_point() -> Vec<u8> {
    let location = tlv(0x86, b"http://lists.test/list.crl");
    sequence(&[tlv(0xa0, &tlv(0xa0, &location))])
}

/// Gives the extension of this OID, which is there, the critical flag.
pub(super) fn make_critical(draft: &mut Draft, dotted: &str) {
    let (_, dotted, value) = KNOWN.iter().find(|(_, one, _)| *one == dotted).unwrap();
    draft.replace(dotted, vec![extension(dotted, true, &value(At::Leaf))]);
}

pub(super) fn add(corpus: &mut Corpus) {
    for (name, dotted, value) in KNOWN {
        for at in At::SENT {
            let good = value(at);
            let with = |critical, value: &[u8]| vec![extension(dotted, critical, value)];
            let longer = || {
                let mut longer = good.clone();
                longer.push(0);
                longer
            };
            let flag = |flag: &[u8]| {
                let parts = [oid(dotted), tlv(1, flag), tlv(4, &good)];
                vec![sequence(&parts)]
            };
            let twice = [with(false, &good), with(false, &good)].concat();
            for (way, list) in [
                ("absent", Vec::new()),
                ("plain", with(false, &good)),
                ("critical", with(true, &good)),
                ("twice", twice),
                ("value-empty", with(false, &[])),
                ("value-empty-sequence", with(false, &sequence(&[]))),
                ("value-no-der", with(false, &[0xff])),
                ("value-byte-after", with(false, &longer())),
                ("flag-false", flag(&[0])),
                ("flag-1", flag(&[1])),
                (
                    "value-not-wrapped",
                    vec![sequence(&[oid(dotted), good.clone()])],
                ),
            ] {
                // Some are not there in a plain chain.
                corpus.each(&[at], &format!("extension/{name}/{way}"), |draft| {
                    draft.replace(dotted, list.clone());
                });
            }
        }
    }
    for (name, list) in [
        ("oid-empty", sequence(&[tlv(6, &[]), tlv(4, &[])])),
        ("oid-absent", sequence(&[tlv(4, &[])])),
        (
            "oid-cut-short",
            sequence(&[tlv(6, &[0x55, 0x9d]), tlv(4, &[])]),
        ),
        (
            "oid-critical-cut-short",
            sequence(&[tlv(6, &[0x55, 0x9d]), tlv(1, &[0xff]), tlv(4, &[])]),
        ),
        ("empty", sequence(&[])),
        ("value-absent", sequence(&[oid("1.2.3.4")])),
        (
            "value-after",
            sequence(&[oid("1.2.3.4"), tlv(4, &[]), tlv(5, &[])]),
        ),
        (
            "poison",
            extension("1.3.6.1.4.1.11129.2.4.3", true, &tlv(5, &[])),
        ),
    ] {
        corpus.each(&At::SENT, &format!("extension/any/{name}"), |draft| {
            draft.extensions.push(list.clone());
        });
    }
}
