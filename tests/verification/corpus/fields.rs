//! The parts of a certificate, each of them wrong in each way, in the peer's own certificate and in that
//! of the authority above it; times at their bounds.
//!
//! Over 400 lines: most of it is tables.

use super::{Corpus, NOW};
use crate::certificate::{At, Chain, Draft, generalized, utc, version};
use crate::key::{Algorithm, Hash};
use crate::x509::{common_name, name, oid, sequence, tlv};

/// What names it, and what is done to the bytes.
type Change = (&'static str, fn(&mut Vec<u8>));
/// What names it, and what stands in place of the extensions.
type List = (&'static str, fn(&Draft) -> Vec<u8>);

pub(super) fn add(corpus: &mut Corpus) {
    encoding(corpus);
    heads(corpus);
    distinguished_names(corpus);
    times(corpus);
    spans(corpus);
    keys(corpus);
    lists(corpus);
    signatures(corpus);
}

/// The DER of the whole.
fn encoding(corpus: &mut Corpus) {
    let whole: [Change; 9] = [
        ("empty", Vec::clear),
        ("cut-short", |der| der.truncate(der.len() - 1)),
        ("byte-after", |der| der.push(0)),
        ("value-after", |der| der.extend(tlv(5, &[]))),
        ("text", |der| *der = b"certificate".to_vec()),
        ("set", |der| der[0] = 0x31),
        ("length-not-shortest", |der| {
            // 30 82 xx xx becomes 30 83 00 xx xx.
            der[1] = 0x83;
            der.insert(2, 0);
        }),
        ("length-indefinite", |der| {
            der.splice(1..4, [0x80]);
            der.extend([0, 0]);
        }),
        ("fourth-part", |der| {
            let mut reader = der[4..].to_vec();
            reader.extend(tlv(5, &[]));
            *der = tlv(0x30, &reader);
        }),
    ];
    for (name, change) in whole {
        corpus.each(&At::SENT, &format!("encoding/{name}"), |draft| {
            draft.on_whole = change;
        });
    }
    corpus.each(&At::SENT, "encoding/body-value-after", |draft| {
        draft.on_body = |body| {
            let mut contents = body[4..].to_vec();
            contents.extend(tlv(5, &[]));
            *body = tlv(0x30, &contents);
        };
    });
}

/// Version and serial number.
fn heads(corpus: &mut Corpus) {
    let negative = [0xfe];
    let versions: [(&str, Vec<u8>); 9] = [
        ("1-absent", Vec::new()),
        ("1-explicit", version(&[0])),
        ("2", version(&[1])),
        ("4", version(&[3])),
        ("negative", version(&negative)),
        ("long", version(&[0, 2])),
        ("huge", version(&[1, 0, 0, 0, 0, 2])),
        ("empty", tlv(0xa0, &[])),
        ("no-integer", tlv(0xa0, &tlv(4, &[2]))),
    ];
    for (name, value) in versions {
        corpus.each(&At::SENT, &format!("version/{name}"), |draft| {
            draft.version.clone_from(&value);
        });
    }
    for (name, value) in [("1", Vec::new()), ("2", version(&[1]))] {
        corpus.each(
            &At::ALL,
            &format!("version/{name}-without-extensions"),
            |draft| {
                draft.version.clone_from(&value);
                draft.extensions.clear();
            },
        );
    }
    corpus.each(&At::ALL, "version/3-without-extensions", |draft| {
        draft.extensions.clear();
    });
    let long = |length: usize| tlv(2, &vec![0x11; length]);
    let serials: [(&str, Vec<u8>); 9] = [
        ("zero", tlv(2, &[0])),
        ("negative", tlv(2, &[0x80])),
        ("20-bytes", long(20)),
        ("21-bytes", long(21)),
        ("160-bytes", long(160)),
        ("zeros-in-front", tlv(2, &[0, 1])),
        ("empty", tlv(2, &[])),
        ("no-integer", tlv(4, &[1])),
        ("absent", Vec::new()),
    ];
    for (name, value) in serials {
        corpus.each(&At::SENT, &format!("serial/{name}"), |draft| {
            draft.serial.clone_from(&value);
        });
    }
    let identifier = || tlv(0x81, &[0, 1, 2]);
    for (name, value) in [
        ("1", Vec::new()),
        ("2", version(&[1])),
        ("3", version(&[2])),
    ] {
        corpus.each(
            &[At::Leaf],
            &format!("unique-identifier/version-{name}"),
            |draft| {
                draft.version.clone_from(&value);
                draft.identifiers = identifier();
                if name != "3" {
                    draft.extensions.clear();
                }
            },
        );
    }
}

/// Issuer and subject.
fn distinguished_names(corpus: &mut Corpus) {
    let empty = || sequence(&[]);
    let attribute = |tag: u8, text: &[u8]| {
        let value = [oid("2.5.4.3"), tlv(tag, text)];
        sequence(&[tlv(0x31, &sequence(&value))])
    };
    corpus.each(&[At::Leaf], "subject/empty", |draft| {
        draft.subject = empty()
    });
    corpus.each(&[At::Leaf], "subject/empty-and-names-critical", |draft| {
        draft.subject = empty();
        super::extensions::make_critical(draft, "2.5.29.17");
    });
    for (name, subject) in [
        ("no-sequence", tlv(0x31, &[])),
        (
            "no-set",
            sequence(&[sequence(&[oid("2.5.4.3"), tlv(12, b"Server")])]),
        ),
        ("set-empty", sequence(&[tlv(0x31, &[])])),
        (
            "value-absent",
            sequence(&[tlv(0x31, &sequence(&[oid("2.5.4.3")]))]),
        ),
        ("utf8-broken", attribute(12, &[0xff, 0xfe])),
        ("printable-broken", attribute(19, b"Server*@\x01")),
        ("bmp-odd", attribute(30, b"abc")),
        ("nul", attribute(12, b"Ser\0ver")),
        ("long", attribute(12, &[b'x'; 5000])),
        ("absent", Vec::new()),
    ] {
        corpus.each(&[At::Leaf], &format!("subject/{name}"), |draft| {
            draft.subject.clone_from(&subject);
        });
    }
    // The issuer is the same name in another form.
    for (name, issuer) in [
        ("other", common_name("Nobody")),
        ("empty", empty()),
        ("printable", attribute(19, b"Authority")),
        ("case", common_name("AUTHORITY")),
        ("blanks", common_name(" Authority ")),
        (
            "more-attributes",
            name(&[(3, 12, "Authority"), (10, 12, "More")]),
        ),
        ("no-sequence", tlv(0x31, &[])),
    ] {
        corpus.each(&[At::Leaf], &format!("issuer/{name}"), |draft| {
            draft.issuer.clone_from(&issuer);
        });
    }
    let mut chain = Chain::new();
    chain.middle.subject = empty();
    chain.leaf.issuer = empty();
    corpus.add(chain.case("subject/empty/authority"));
}

fn span(from: Vec<u8>, to: Vec<u8>) -> Vec<u8> {
    sequence(&[from, to])
}

/// How times are written.
fn times(corpus: &mut Corpus) {
    let end = || utc("491231235959Z");
    for (name, from) in [
        ("utc-without-seconds", utc("2001010000Z")),
        ("utc-with-offset", utc("200101000000+0000")),
        ("utc-without-zone", utc("200101000000")),
        ("utc-month-13", utc("201301000000Z")),
        ("utc-month-0", utc("200001000000Z")),
        ("utc-day-0", utc("200100000000Z")),
        ("utc-february-30", utc("200230000000Z")),
        ("utc-february-29-in-2023", utc("230229000000Z")),
        ("utc-hour-24", utc("200101240000Z")),
        ("utc-second-60", utc("200101000060Z")),
        ("utc-letters", utc("20010100000xZ")),
        ("generalized-before-2050", generalized("20200101000000Z")),
        ("generalized-fraction", generalized("20200101000000.5Z")),
        (
            "generalized-with-offset",
            generalized("20200101000000+0100"),
        ),
        ("generalized-without-seconds", generalized("202001010000Z")),
        ("generalized-without-zone", generalized("20200101000000")),
        ("generalized-year-0", generalized("00000101000000Z")),
        ("no-time", tlv(12, b"200101000000Z")),
        ("empty", utc("")),
    ] {
        corpus.each(&At::SENT, &format!("time/{name}"), |draft| {
            draft.validity = span(from.clone(), end());
        });
    }
    corpus.each(&[At::Leaf], "time/third", |draft| {
        draft.validity = sequence(&[utc("200101000000Z"), end(), end()]);
    });
    corpus.each(&[At::Leaf], "time/one-alone", |draft| {
        draft.validity = sequence(&[utc("200101000000Z")]);
    });
}

/// When certificates are valid.
fn spans(corpus: &mut Corpus) {
    for (name, from, to) in [
        ("over", utc("200101000000Z"), utc("241231235959Z")),
        ("to-come", utc("260101000000Z"), utc("491231235959Z")),
        ("upside-down", utc("491231235959Z"), utc("200101000000Z")),
        ("from-1950", utc("500101000000Z"), utc("491231235959Z")),
        (
            "from-1949",
            generalized("19490101000000Z"),
            utc("491231235959Z"),
        ),
        ("from-1969", utc("690101000000Z"), utc("491231235959Z")),
        ("to-1969", utc("600101000000Z"), utc("690101000000Z")),
        (
            "to-2050",
            utc("200101000000Z"),
            generalized("20500101000000Z"),
        ),
        ("to-2050-as-utc", utc("200101000000Z"), utc("500101000000Z")),
        (
            "to-9999",
            utc("200101000000Z"),
            generalized("99991231235959Z"),
        ),
        (
            "from-year-1",
            generalized("00010101000000Z"),
            generalized("99991231235959Z"),
        ),
        // NOW is the first of June 2025.
        ("last-second", utc("200101000000Z"), utc("250601000000Z")),
        (
            "second-too-late",
            utc("200101000000Z"),
            utc("250531235959Z"),
        ),
        ("first-second", utc("250601000000Z"), utc("491231235959Z")),
        (
            "second-too-early",
            utc("250601000001Z"),
            utc("491231235959Z"),
        ),
    ] {
        corpus.each(&At::ALL, &format!("validity/{name}"), |draft| {
            draft.validity = span(from.clone(), to.clone());
        });
    }
    // The authority's was over before the own one began.
    let mut chain = Chain::new();
    chain.middle.validity = span(utc("200101000000Z"), utc("211231235959Z"));
    chain.leaf.validity = span(utc("220101000000Z"), utc("491231235959Z"));
    corpus.add(chain.case("validity/not-nested").at(NOW));
    // After the ends of 32 bits, with a sign and without, and of UTCTime.
    for (name, time) in [
        ("2038", 2_147_483_648),
        ("2051", 2_556_144_000),
        ("2106", 4_294_967_296),
    ] {
        let mut chain = Chain::new();
        for at in At::ALL {
            chain.at(at).validity = span(utc("200101000000Z"), generalized("21991231235959Z"));
        }
        corpus.add(chain.case(format!("validity/now-{name}")).at(time));
    }
}

/// The SubjectPublicKeyInfo of the authority: what cannot be read must not verify.
fn keys(corpus: &mut Corpus) {
    for (name, change) in [
        ("absent", (|_| Vec::new()) as fn(&[u8]) -> Vec<u8>),
        ("value-after", |info| {
            let mut contents = info[2..].to_vec();
            contents.extend(tlv(5, &[]));
            tlv(0x30, &contents)
        }),
        ("unused-bits", |info| {
            let mut info = info.to_vec();
            // 30 59 30 13 06 07 … 06 08 … 03 42 00 04 …
            info[25] = 1;
            info
        }),
        ("no-point", |info| {
            let mut info = info.to_vec();
            let last = info.len() - 1;
            info[last] ^= 1;
            info
        }),
        ("point-compressed", |info| {
            let sign = 2 | (info[info.len() - 1] & 1);
            let point = [&[0, sign], &info[27..59]].concat();
            sequence(&[info[2..23].to_vec(), tlv(3, &point)])
        }),
        ("point-hybrid", |info| {
            let mut info = info.to_vec();
            info[26] = 6 | (info[info.len() - 1] & 1);
            info
        }),
        ("point-at-infinity", |info| {
            sequence(&[info[2..23].to_vec(), tlv(3, &[0, 0])])
        }),
        ("curve-absent", |info| {
            let algorithm = sequence(&[oid("1.2.840.10045.2.1")]);
            sequence(&[algorithm, info[23..].to_vec()])
        }),
        ("curve-of-p384", |info| {
            sequence(&[crate::key::curve("1.3.132.0.34"), info[23..].to_vec()])
        }),
        ("curve-explicit", |info| {
            sequence(&[super::algorithms::explicit_p256(), info[23..].to_vec()])
        }),
        ("algorithm-unknown", |info| {
            sequence(&[sequence(&[oid("1.2.3.4")]), info[23..].to_vec()])
        }),
    ] {
        corpus.each(&At::SENT, &format!("key/{name}"), |draft| {
            let info = change(&draft.key.info);
            draft.key = draft.key.with_info(info);
        });
    }
}

/// The list of extensions.
fn lists(corpus: &mut Corpus) {
    let cases: [List; 6] = [
        ("empty", |_| tlv(0xa3, &sequence(&[]))),
        ("wrapper-empty", |_| tlv(0xa3, &[])),
        ("no-sequence", |draft| {
            tlv(0xa3, &tlv(0x31, &draft.extensions.concat()))
        }),
        ("value-after", |draft| {
            let list = sequence(&draft.extensions);
            tlv(0xa3, &[list, tlv(5, &[])].concat())
        }),
        ("tag-2", |draft| tlv(0xa2, &sequence(&draft.extensions))),
        ("twice", |draft| {
            let list = tlv(0xa3, &sequence(&draft.extensions));
            [list.clone(), list].concat()
        }),
    ];
    for (name, change) in cases {
        corpus.each(&At::SENT, &format!("extensions/{name}"), |draft| {
            draft.in_place = Some(change(draft));
        });
    }
    corpus.each(&At::SENT, "extensions/reversed", |draft| {
        draft.extensions.reverse()
    });
}

/// Signatures and their algorithms.
fn signatures(corpus: &mut Corpus) {
    let bits: [Change; 7] = [
        ("flipped", |bits| {
            let last = bits.len() - 1;
            bits[last] ^= 1;
        }),
        ("empty", |bits| bits.truncate(1)),
        ("no-bits", Vec::clear),
        ("unused-bits", |bits| bits[0] = 1),
        ("byte-after", |bits| bits.push(0)),
        ("cut-short", |bits| bits.truncate(bits.len() - 1)),
        // An r of 0 and an s of 0.
        ("zeros", |bits| *bits = vec![0, 0x30, 6, 2, 1, 0, 2, 1, 0]),
    ];
    for (name, change) in bits {
        corpus.each(&At::SENT, &format!("signature/{name}"), |draft| {
            draft.on_signature = change;
        });
    }
    // A root is trusted for its key, and not for what it says of itself.
    corpus.each(&[At::Root], "signature/flipped", |draft| {
        draft.on_signature = bits[0].1
    });
    corpus.each(&At::SENT, "signature/of-another-key", |draft| {
        draft.on_body = |body| {
            // One byte of the serial number is another than was signed.
            let at = body.windows(3).position(|part| part == [2, 1, 0x51]);
            body[at.unwrap() + 2] = 0x52;
        };
        draft.on_whole = |whole| {
            let at = whole.windows(3).position(|part| part == [2, 1, 0x52]);
            whole[at.unwrap() + 2] = 0x51;
        };
    });
    let sha384 = || Some(Algorithm::Ecdsa(Hash::Sha384).identifier());
    let with_null = || Some(sequence(&[oid("1.2.840.10045.4.3.2"), crate::key::null()]));
    let unknown = || Some(sequence(&[oid("1.2.3.4.5")]));
    for (name, inner, outer) in [
        ("inner-other", sha384(), None),
        ("outer-other", None, sha384()),
        ("both-other", sha384(), sha384()),
        ("inner-with-null", with_null(), None),
        ("outer-with-null", None, with_null()),
        ("both-with-null", with_null(), with_null()),
        ("both-unknown", unknown(), unknown()),
        ("inner-empty", Some(sequence(&[])), None),
        ("outer-empty", None, Some(sequence(&[]))),
    ] {
        corpus.each(&At::SENT, &format!("algorithm/{name}"), |draft| {
            draft.identifier = [inner.clone(), outer.clone()];
        });
    }
}
