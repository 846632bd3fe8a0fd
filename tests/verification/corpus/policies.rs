//! Certificate policies (RFC 5280 §6.1), which matter where an authority requires them.

use super::Corpus;
use crate::certificate::Chain;
use crate::x509::{ANY_POLICY, extension, oid, policies, sequence, tlv};

const ONE: &str = "1.2.3.4";
const OTHER: &str = "1.2.3.5";

fn one() -> Vec<u8> {
    policies(false, &[ONE])
}

fn any() -> Vec<u8> {
    policies(false, &[ANY_POLICY])
}

/// requireExplicitPolicy after so many certificates.
fn require(after: u8) -> Vec<u8> {
    crate::x509::require_policy(after)
}

fn mappings(pairs: &[(&str, &str)]) -> Vec<u8> {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(from, to)| sequence(&[oid(from), oid(to)]))
        .collect();
    extension("2.5.29.33", true, &sequence(&pairs))
}

fn inhibit_mapping(after: u8) -> Vec<u8> {
    extension(
        "2.5.29.36",
        true,
        &sequence(&[tlv(0x80, &[0]), tlv(0x81, &[after])]),
    )
}

fn inhibit_any(after: u8) -> Vec<u8> {
    extension("2.5.29.54", true, &tlv(2, &[after]))
}

pub(super) fn add(corpus: &mut Corpus) {
    let other = || policies(false, &[OTHER]);
    for (title, authority, own) in [
        ("none", vec![], vec![]),
        ("own-alone", vec![], vec![one()]),
        ("authority-alone", vec![one()], vec![]),
        ("differ", vec![one()], vec![other()]),
        (
            "critical",
            vec![policies(true, &[ONE])],
            vec![policies(true, &[OTHER])],
        ),
        ("required-and-same", vec![one(), require(0)], vec![one()]),
        ("required-and-none", vec![one(), require(0)], vec![]),
        ("required-and-other", vec![one(), require(0)], vec![other()]),
        ("required-and-none-above", vec![require(0)], vec![one()]),
        ("required-after-1", vec![one(), require(1)], vec![]),
        ("required-after-2", vec![one(), require(2)], vec![]),
        ("required-by-own", vec![one()], vec![require(0)]),
        (
            "required-by-own-and-there",
            vec![one()],
            vec![one(), require(0)],
        ),
        ("any-above", vec![any(), require(0)], vec![one()]),
        ("any-below", vec![one(), require(0)], vec![any()]),
        ("any-both", vec![any(), require(0)], vec![any()]),
        (
            "any-inhibited",
            vec![one(), require(0), inhibit_any(0)],
            vec![any()],
        ),
        (
            "any-inhibited-after-1",
            vec![one(), require(0), inhibit_any(1)],
            vec![any()],
        ),
        (
            "any-inhibited-without-require",
            vec![one(), inhibit_any(0)],
            vec![any()],
        ),
        (
            "mapped",
            vec![one(), require(0), mappings(&[(ONE, OTHER)])],
            vec![other()],
        ),
        (
            "mapped-and-not-followed",
            vec![one(), require(0), mappings(&[(ONE, OTHER)])],
            vec![one()],
        ),
        (
            "mapped-without-require",
            vec![one(), mappings(&[(ONE, OTHER)])],
            vec![other()],
        ),
        (
            "mapped-from-any",
            vec![any(), mappings(&[(ANY_POLICY, OTHER)])],
            vec![other()],
        ),
        (
            "mapped-from-any-and-required",
            vec![any(), require(0), mappings(&[(ANY_POLICY, OTHER)])],
            vec![other()],
        ),
        (
            "mapping-inhibited",
            vec![one(), inhibit_mapping(0), mappings(&[(ONE, OTHER)])],
            vec![other()],
        ),
        (
            "policy-twice",
            vec![policies(false, &[ONE, ONE])],
            vec![one()],
        ),
        (
            "policy-twice-and-required",
            vec![policies(false, &[ONE, ONE]), require(0)],
            vec![one()],
        ),
        ("list-empty", vec![policies(false, &[])], vec![]),
        (
            "list-empty-and-required",
            vec![policies(false, &[]), require(0)],
            vec![one()],
        ),
        (
            "list-no-sequences",
            vec![extension("2.5.29.32", false, &sequence(&[oid(ONE)]))],
            vec![],
        ),
        (
            "list-no-sequences-and-required",
            vec![
                extension("2.5.29.32", false, &sequence(&[oid(ONE)])),
                require(0),
            ],
            vec![one()],
        ),
        (
            "constraints-empty",
            vec![extension("2.5.29.36", true, &sequence(&[]))],
            vec![],
        ),
        (
            "constraints-negative",
            vec![extension(
                "2.5.29.36",
                true,
                &sequence(&[tlv(0x80, &[0xff])]),
            )],
            vec![],
        ),
        (
            "constraints-huge",
            vec![
                one(),
                extension("2.5.29.36", true, &sequence(&[tlv(0x80, &[0x7f; 9])])),
            ],
            vec![],
        ),
        (
            "qualifier",
            vec![],
            vec![extension(
                "2.5.29.32",
                true,
                &sequence(&[sequence(&[
                    oid(ONE),
                    sequence(&[sequence(&[
                        oid("1.3.6.1.5.5.7.2.1"),
                        tlv(22, b"http://policy.test"),
                    ])]),
                ])]),
            )],
        ),
        (
            "qualifier-unknown",
            vec![],
            vec![extension(
                "2.5.29.32",
                true,
                &sequence(&[sequence(&[
                    oid(ONE),
                    sequence(&[sequence(&[oid("1.2.9"), tlv(5, &[])])]),
                ])]),
            )],
        ),
    ] {
        let mut chain = Chain::new();
        chain.middle.extensions.extend(authority);
        chain.leaf.extensions.extend(own);
        corpus.add(chain.case(format!("policy/{title}")));
    }
}
