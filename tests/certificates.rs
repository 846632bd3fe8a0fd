//! Which certificates of peers are accepted, each beside one that differs in one respect, for
//! servers and for clients; and what comes before a certificate.
//!
//! Over 400 lines: the cases are many, and share one way to meet.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use portcullis::error::{CertificateError, CertificateReason as Reason, Error, ProtocolReason};
use portcullis::tls::{Role, Session, Settings, Verify, Version};
use support::certs::{Authority, Leaf, NAME};
use support::pair::{Pair, client_settings, failure, identify, only, seal, server_settings};
use support::x509::{
    ANY_POLICY, CLIENT_AUTH, Issued, SERVER_AUTH, Spec, alternative_names, authority, chain_pem,
    common_name, directory, dns, extended_key_usage, extension, key_usage, name, name_constraints,
    no_authority, policies, require_policy, sequence, tlv,
};

/// The roles of the end that presents its certificate.
const BOTH: [Role; 2] = [Role::Server, Role::Client];

/// Loads the chain and its key into the settings.
fn present(settings: &mut Settings, chain: &[&Issued]) {
    let (pem, key) = (chain_pem(chain), chain[0].key_pem());
    settings
        .load_identity(pem.as_bytes(), key.as_bytes(), None)
        .unwrap();
}

/// How a peer that trusts this root refuses an end of this role with this chain, if it does.
fn refusal(role: Role, chain: &[&Issued], root: &Issued) -> Option<CertificateError> {
    refusal_in(Version::Tls13, role, chain, root)
}

fn refusal_in(
    version: Version,
    role: Role,
    chain: &[&Issued],
    root: &Issued,
) -> Option<CertificateError> {
    let (client, server) = match role {
        Role::Server => {
            let mut server = Settings::secure(Role::Server);
            present(&mut server, chain);
            (client_settings(&root.der), server)
        }
        Role::Client => {
            let other = Authority::root("Root");
            let mut server = server_settings(&other.issue(&Leaf::server()));
            server.set_verify(Verify::Required);
            server.add_trust_roots(&root.der).unwrap();
            let mut client = client_settings(other.der());
            present(&mut client, chain);
            (client, server)
        }
    };
    let (client, server) = (only(client, version), only(server, version));
    let mut pair = Pair::new(&seal(&client), &seal(&server));
    pair.drive();
    let judge = match role {
        Role::Server => &pair.client,
        Role::Client => &pair.server,
    };
    match failure(judge) {
        None => {
            assert_eq!(judge.verify_result(), Ok(()));
            None
        }
        Some(Error::Certificate(error)) => Some(error),
        Some(other) => panic!("{other:?}"),
    }
}

/// Asserts that there is a refusal for this reason, whose line has these words.
#[track_caller]
fn assert_refused(refusal: Option<CertificateError>, reason: Reason, words: &str) {
    let refusal = refusal.expect("it is refused");
    let line = refusal.to_string();
    assert_eq!(refusal.reason, reason, "{line}");
    assert!(line.contains(words), "{line}");
}

/// A root, an authority below it of this kind, and a leaf below that.
fn below(intermediate: &Spec, leaf: &Spec) -> [Issued; 3] {
    let root = Spec::authority("Root").self_signed();
    let intermediate = intermediate.issued_by(&root);
    let leaf = leaf.issued_by(&intermediate);
    [leaf, intermediate, root]
}

/// The same as `refusal`, for a chain with an authority in between.
fn refusal_below(role: Role, intermediate: &Spec, leaf: &Spec) -> Option<CertificateError> {
    let [leaf, intermediate, root] = below(intermediate, leaf);
    refusal(role, &[&leaf, &intermediate], &root)
}

const EXPIRED: [&str; 2] = ["20200101000000Z", "20201231235959Z"];
const NOT_YET: [&str; 2] = ["20480101000000Z", "20491231235959Z"];

/// A critical extension that nobody knows.
fn strange() -> Vec<u8> {
    extension("1.2.3.4.5", true, &tlv(5, &[]))
}

#[test]
fn a_root_shown_in_person_is_accepted_whatever_it_says_of_authorities() {
    for role in BOTH {
        let issuer = Spec::authority("Unknown").self_signed();
        for ca in [
            authority(None),
            authority(Some(0)),
            no_authority(),
            Vec::new(),
        ] {
            let spec = Spec::leaf(NAME).and(&[ca]);
            for own in [spec.self_signed(), spec.issued_by(&issuer)] {
                assert_eq!(refusal(role, &[&own], &own), None);
                let other = spec.self_signed();
                assert!(refusal(role, &[&own], &other).is_some());
            }
        }
    }
}

#[test]
fn a_root_shown_in_person_is_checked_for_use_time_extensions_and_name() {
    for (role, use_, other_use) in [
        (Role::Server, SERVER_AUTH, CLIENT_AUTH),
        (Role::Client, CLIENT_AUTH, SERVER_AUTH),
    ] {
        for ca in [authority(None), no_authority()] {
            let spec = Spec::leaf(NAME).and(&[ca]);
            let itself = |spec: &Spec| {
                let own = spec.self_signed();
                refusal(role, &[&own], &own)
            };
            assert_eq!(
                itself(&spec.clone().and(&[extended_key_usage(&[use_])])),
                None
            );
            assert_refused(
                itself(&spec.clone().and(&[extended_key_usage(&[other_use])])),
                Reason::WrongPurpose,
                "its extended key usage",
            );
            assert_refused(
                itself(&spec.clone().valid(EXPIRED)),
                Reason::Expired,
                "was valid until 2020-12-31 23:59:59 UTC",
            );
            assert_refused(
                itself(&spec.clone().valid(NOT_YET)),
                Reason::NotYetValid,
                "is valid from 2048-01-01 00:00:00 UTC",
            );
            assert_refused(
                itself(&spec.clone().and(&[strange()])),
                Reason::UnhandledExtension,
                "a critical extension in it is not understood (OID 1.2.3.4.5)",
            );
        }
    }
    let named = Spec::leaf("other.test").self_signed();
    assert_refused(
        refusal(Role::Server, &[&named], &named),
        Reason::WrongName,
        "it has other.test",
    );
    assert_eq!(refusal(Role::Client, &[&named], &named), None);
}

#[test]
fn an_intermediate_authority_may_be_the_root() {
    for role in BOTH {
        let root = Spec::authority("Root").self_signed();
        let intermediate = Spec::authority("Intermediate").issued_by(&root);
        let own = Spec::leaf(NAME).issued_by(&intermediate);
        // Whether the peer presents it too makes no difference.
        assert_eq!(refusal(role, &[&own], &intermediate), None);
        assert_eq!(refusal(role, &[&own, &intermediate], &intermediate), None);
        let beside = Spec::authority("Beside").issued_by(&root);
        let refused = refusal(role, &[&own], &beside).unwrap();
        assert_eq!(refused.reason, Reason::UnknownAuthority);
    }
}

#[test]
fn a_root_that_is_no_authority_vouches_for_nobody_else() {
    for role in BOTH {
        let issued = |root: Spec| {
            let root = root.self_signed();
            let own = Spec::leaf(NAME).issued_by(&root);
            refusal(role, &[&own], &root)
        };
        assert_eq!(issued(Spec::authority("Root")), None);
        assert_eq!(issued(Spec::authority("Root").version(1)), None);
        for pinned in [Spec::leaf(NAME).and(&[no_authority()]), Spec::leaf(NAME)] {
            assert_refused(
                issued(pinned),
                Reason::WrongPurpose,
                "issued with a certificate that is no authority's",
            );
        }
        assert_refused(
            issued(Spec::authority("Root").and(&[key_usage(0x80)])),
            Reason::WrongPurpose,
            "keyCertSign is missing",
        );
        // A certificate of version 1 is an authority's only if it is its own issuer.
        let above = Spec::authority("Above").self_signed();
        let pinned = Spec::leaf(NAME).version(1).issued_by(&above);
        let own = Spec::leaf(NAME).issued_by(&pinned);
        assert_refused(
            refusal(role, &[&own], &pinned),
            Reason::WrongPurpose,
            "issued with a certificate that is no authority's",
        );
    }
}

#[test]
fn a_root_whose_time_is_over_or_to_come_vouches_for_nobody() {
    for role in BOTH {
        let issued = |validity| {
            let root = Spec::authority("Root").valid(validity).self_signed();
            refusal(role, &[&Spec::leaf(NAME).issued_by(&root)], &root)
        };
        assert_eq!(issued(["20200101000000Z", "20491231235959Z"]), None);
        assert_refused(
            issued(EXPIRED),
            Reason::Expired,
            "or an authority above it, was valid until 2020-12-31",
        );
        assert_refused(
            issued(NOT_YET),
            Reason::NotYetValid,
            "or an authority above it, is valid from 2048-01-01",
        );
        // A root of the same name and key that is valid serves.
        let root = Spec::authority("Root").self_signed();
        let old = Spec::authority("Root").valid(EXPIRED);
        let old = old.issued_for(&root, &root);
        let own = Spec::leaf(NAME).issued_by(&root);
        assert!(refusal(role, &[&own], &old).is_some());
        let both = [old.pem(), root.pem()].concat();
        let mut server = Settings::secure(Role::Server);
        present(&mut server, &[&own]);
        let client = client_settings(both.as_bytes());
        Pair::new(&seal(&client), &seal(&server)).handshake();
    }
}

#[test]
fn a_root_with_an_extended_key_usage_issues_for_that_alone() {
    let issued = |role, usage: &[&str]| {
        let root = Spec::authority("Root").and(&[extended_key_usage(usage)]);
        let root = root.self_signed();
        refusal(role, &[&Spec::leaf(NAME).issued_by(&root)], &root)
    };
    for role in BOTH {
        assert_eq!(issued(role, &[SERVER_AUTH, CLIENT_AUTH]), None);
        assert_refused(
            issued(role, &["1.3.6.1.5.5.7.3.4"]),
            Reason::WrongPurpose,
            "is for e-mail",
        );
    }
}

#[test]
fn an_authority_must_be_one_and_be_allowed_to_sign_certificates() {
    for role in BOTH {
        let with = |extensions: &[Vec<u8>]| {
            let spec = Spec::new(common_name("Intermediate"), extensions.to_vec());
            refusal_below(role, &spec, &Spec::leaf(NAME))
        };
        assert_eq!(with(&[authority(None)]), None);
        assert_eq!(with(&[authority(None), key_usage(0x04)]), None);
        assert_eq!(with(&[authority(None), key_usage(0x86)]), None);
        for usage in [0x80, 0x02, 0x00] {
            assert_refused(
                with(&[authority(None), key_usage(usage)]),
                Reason::WrongPurpose,
                "keyCertSign is missing",
            );
        }
        for none in [vec![no_authority()], Vec::new(), vec![key_usage(0x04)]] {
            assert_refused(with(&none), Reason::WrongPurpose, "no authority's");
        }
        // A certificate of version 1 cannot say that it is an authority's.
        let old = Spec::authority("Intermediate").version(1);
        assert_refused(
            refusal_below(role, &old, &Spec::leaf(NAME)),
            Reason::WrongPurpose,
            "no authority's",
        );
        for (usage, is_fit) in [(SERVER_AUTH, Role::Server), (CLIENT_AUTH, Role::Client)] {
            let refusal = with(&[authority(None), extended_key_usage(&[usage])]);
            if is_fit == role {
                assert_eq!(refusal, None);
            } else {
                assert_refused(refusal, Reason::WrongPurpose, "an authority above it");
            }
        }
        assert_refused(
            with(&[authority(None), strange()]),
            Reason::UnhandledExtension,
            "a critical extension",
        );
    }
}

#[test]
fn an_authority_in_person_is_no_peer() {
    for role in BOTH {
        let root = Spec::authority("Root").self_signed();
        let own = Spec::leaf(NAME).issued_by(&root);
        assert_eq!(refusal(role, &[&own], &root), None);
        let own = Spec::leaf(NAME).and(&[authority(None)]).issued_by(&root);
        assert_refused(
            refusal(role, &[&own], &root),
            Reason::WrongPurpose,
            "it is an authority's",
        );
    }
}

#[test]
fn path_lengths_count_the_authorities_below() {
    for role in BOTH {
        for (length, expected) in [(None, true), (Some(1), true), (Some(0), false)] {
            let spec = Spec::new(common_name("Root"), vec![authority(length)]);
            let root = spec.self_signed();
            let upper = Spec::authority("Upper").issued_by(&root);
            let own = Spec::leaf(NAME).issued_by(&upper);
            let of_root = refusal(role, &[&own, &upper], &root);

            let root = Spec::authority("Root").self_signed();
            let upper = Spec::new(common_name("Upper"), vec![authority(length)]).issued_by(&root);
            let lower = Spec::authority("Lower").issued_by(&upper);
            let own = Spec::leaf(NAME).issued_by(&lower);
            let of_upper = refusal(role, &[&own, &lower, &upper], &root);
            for refusal in [of_root, of_upper] {
                if expected {
                    assert_eq!(refusal, None, "{length:?}");
                } else {
                    assert_refused(refusal, Reason::WrongPurpose, "path length");
                }
            }
        }
        // An authority that issued to itself, for a new key, does not count.
        let root = Spec::new(common_name("Root"), vec![authority(Some(0))]).self_signed();
        let renewed = Spec::authority("Root").issued_by(&root);
        let own = Spec::leaf(NAME).issued_by(&renewed);
        assert_eq!(refusal(role, &[&own, &renewed], &root), None);
    }
}

#[test]
fn chains_may_be_long_out_of_order_and_among_strangers() {
    for role in BOTH {
        let root = Spec::authority("Root").self_signed();
        let mut authorities = vec![Spec::authority("0").issued_by(&root)];
        for number in 1..20 {
            let issuer = authorities.last().unwrap();
            authorities.push(Spec::authority(&number.to_string()).issued_by(issuer));
        }
        let own = Spec::leaf(NAME).issued_by(authorities.last().unwrap());
        let stranger = Spec::authority("Stranger").self_signed();
        let namesake = Spec::authority("5").issued_by(&stranger);
        let expired = Spec::authority("7").valid(EXPIRED);
        let expired = expired.issued_for(&authorities[7], &authorities[6]);
        let mut chain = vec![&own, &stranger, &namesake, &expired];
        chain.extend(authorities.iter());
        assert_eq!(refusal(role, &chain, &root), None);
        chain[1..].reverse();
        assert_eq!(refusal(role, &chain, &root), None);
        // Without one of the authorities there is no path.
        let without: Vec<_> = chain
            .iter()
            .copied()
            .filter(|issued| issued.der != authorities[9].der)
            .collect();
        assert_refused(
            refusal(role, &without, &root),
            Reason::UnknownAuthority,
            "not from a trusted authority",
        );
    }
}

#[test]
fn authorities_that_issue_to_each_other_are_no_way_round_in_circles() {
    for role in BOTH {
        let (a, b) = (
            Spec::authority("A").self_signed(),
            Spec::authority("B").self_signed(),
        );
        let (a_by_b, b_by_a) = (
            Spec::authority("A").issued_for(&a, &b),
            Spec::authority("B").issued_for(&b, &a),
        );
        let own = Spec::leaf(NAME).issued_by(&a);
        let chain = [&own, &a_by_b, &b_by_a];
        assert_eq!(refusal(role, &chain, &b), None);
        let root = Spec::authority("Root").self_signed();
        assert_refused(
            refusal(role, &chain, &root),
            Reason::UnknownAuthority,
            "not from a trusted authority",
        );
    }
}

#[test]
fn a_thicket_of_authorities_ends_in_a_refusal_and_not_in_work_without_end() {
    let root = Spec::authority("Root").self_signed();
    let keys: Vec<_> = (0..12)
        .map(|_| Spec::authority("Same").self_signed())
        .collect();
    let issuer = &keys[0];
    let own = Spec::leaf(NAME).issued_by(issuer);
    let mut thicket = Vec::new();
    for key in &keys {
        for by in &keys {
            thicket.push(Spec::authority("Same").issued_for(key, by));
        }
    }
    let mut chain = vec![&own];
    chain.extend(thicket.iter());
    for role in BOTH {
        assert_refused(
            refusal(role, &chain, &root),
            Reason::TooCostly,
            "too many ways to verify",
        );
    }
}

#[test]
fn of_keys_with_8192_bits_few_are_tried() {
    let root = Spec::authority("Root").self_signed();
    let other = Spec::authority("Other").self_signed();
    let own = Spec::leaf(NAME).issued_by(&root);
    let namesakes: Vec<_> = (0..20)
        .map(|_| Spec::authority("Root").issued_for_rsa(8192, &root))
        .collect();
    for role in BOTH {
        let told = |count| {
            let chain: Vec<_> = std::iter::once(&own)
                .chain(namesakes.iter().take(count))
                .collect();
            refusal(role, &chain, &other)
        };
        assert_refused(told(20), Reason::TooCostly, "too many ways to verify");
        assert_refused(
            told(6),
            Reason::UnsupportedAlgorithm,
            "a signature of another kind",
        );
    }
}

#[test]
fn versions_1_and_2_are_certificates_too() {
    let root = Spec::authority("Root").self_signed();
    for version in [1, 2] {
        let own = Spec::leaf(NAME).version(version).issued_by(&root);
        assert_eq!(refusal(Role::Client, &[&own], &root), None);
        assert_eq!(refusal(Role::Client, &[&own], &own), None);
        // They have no extensions, and so no names.
        assert_refused(
            refusal(Role::Server, &[&own], &root),
            Reason::WrongName,
            "it has no names as subjectAltName",
        );
    }
    let own = Spec::leaf(NAME).valid(["19510101000000Z", "99991231235959Z"]);
    for role in BOTH {
        assert_eq!(refusal(role, &[&own.issued_by(&root)], &root), None);
    }
}

#[test]
fn where_nothing_is_verified_the_key_alone_must_be_right() {
    let root = Spec::authority("Root").self_signed();
    let twice = alternative_names(&[dns(NAME)]);
    for version in [Version::Tls12, Version::Tls13] {
        for spec in [
            Spec::leaf(NAME),
            Spec::leaf(NAME).version(1),
            Spec::leaf(NAME).and(&[strange()]),
            Spec::leaf(NAME).valid(EXPIRED),
        ] {
            let own = spec.issued_by(&root);
            let mut server = Settings::secure(Role::Server);
            present(&mut server, &[&own]);
            let client = Settings::unverified(Role::Client);
            let (client, server) = (only(client, version), only(server, version));
            let pair = Pair::new(&seal(&client), &seal(&server)).handshake();
            let unchecked = pair.client.verify_result().unwrap_err();
            assert_eq!(unchecked.reason, Reason::NotChecked);
        }
        // A certificate with an extension twice is not valid X.509, and cannot be loaded.
        let own = Spec::leaf(NAME)
            .and(std::slice::from_ref(&twice))
            .issued_by(&root);
        let (pem, key) = (own.pem(), own.key_pem());
        let mut server = Settings::secure(Role::Server);
        assert!(
            server
                .load_identity(pem.as_bytes(), key.as_bytes(), None)
                .is_err()
        );
    }
}

#[test]
fn policies_are_understood_and_kept_where_an_authority_requires_them() {
    const ONE: &str = "1.2.3.4";
    const OTHER: &str = "1.2.3.5";
    let any = || policies(true, &[ANY_POLICY]);
    let one = || policies(false, &[ONE]);
    let inhibit_any = || extension("2.5.29.54", true, &tlv(2, &[0]));
    let other = || policies(false, &[OTHER]);
    let mapping = |from, to| {
        let pair = sequence(&[support::x509::oid(from), support::x509::oid(to)]);
        extension("2.5.29.33", true, &sequence(&[pair]))
    };
    let mappings = || mapping(ONE, OTHER);
    for role in BOTH {
        for (of_authority, of_leaf, is_accepted) in [
            (vec![any()], vec![], true),
            (vec![policies(true, &[ONE])], vec![], true),
            (vec![], vec![policies(true, &[ONE])], true),
            (vec![any(), inhibit_any()], vec![], true),
            (vec![one(), mappings()], vec![], true),
            (
                vec![one(), require_policy(0), mappings()],
                vec![other()],
                true,
            ),
            (
                vec![any(), require_policy(0), mappings()],
                vec![other()],
                true,
            ),
            (vec![any(), mapping(ANY_POLICY, OTHER)], vec![], false),
            (vec![any(), mapping(OTHER, ANY_POLICY)], vec![], false),
            (vec![any(), require_policy(0)], vec![one()], true),
            (vec![one(), require_policy(0)], vec![one()], true),
            (vec![one(), require_policy(0)], vec![any()], true),
            (vec![one(), require_policy(2)], vec![], true),
            (vec![one(), require_policy(0)], vec![], false),
            (vec![one(), require_policy(1)], vec![], false),
            (
                vec![one(), require_policy(0)],
                vec![policies(false, &[OTHER])],
                false,
            ),
            (vec![require_policy(0)], vec![one()], false),
            (
                vec![one(), require_policy(0), inhibit_any()],
                vec![any()],
                false,
            ),
            (
                vec![one(), require_policy(0), mappings()],
                vec![one()],
                false,
            ),
            (vec![one()], vec![require_policy(0)], false),
            (vec![one()], vec![require_policy(0), one()], true),
        ] {
            let refusal = refusal_below(
                role,
                &Spec::authority("Intermediate").and(&of_authority),
                &Spec::leaf(NAME).and(&of_leaf),
            );
            if is_accepted {
                assert_eq!(refusal, None, "{of_authority:?} {of_leaf:?}");
            } else {
                assert_refused(
                    refusal,
                    Reason::WrongPolicy,
                    "requires certificate policies",
                );
            }
        }
    }
}

#[test]
fn policies_are_mapped_until_an_authority_forbids_it() {
    const ONE: &str = "1.2.3.1";
    const TWO: &str = "1.2.3.2";
    const THREE: &str = "1.2.3.3";
    let policy = |dotted| policies(false, &[dotted]);
    let maps = |from, to| {
        let pair = sequence(&[support::x509::oid(from), support::x509::oid(to)]);
        extension("2.5.29.33", true, &sequence(&[pair]))
    };
    // requireExplicitPolicy at once, and inhibitPolicyMapping after so many.
    let inhibit = |after| {
        extension(
            "2.5.29.36",
            true,
            &sequence(&[tlv(0x80, &[0]), tlv(0x81, &[after])]),
        )
    };
    for role in BOTH {
        for (upper, lower, of_leaf, is_accepted) in [
            (
                vec![require_policy(0), maps(ONE, TWO)],
                vec![policy(TWO), maps(TWO, THREE)],
                THREE,
                true,
            ),
            (
                vec![require_policy(0), maps(ONE, TWO)],
                vec![policy(TWO), maps(TWO, THREE)],
                TWO,
                false,
            ),
            (
                vec![require_policy(0), maps(ONE, TWO)],
                vec![policy(ONE)],
                ONE,
                false,
            ),
            (
                vec![require_policy(0), maps(THREE, TWO)],
                vec![policy(TWO)],
                TWO,
                false,
            ),
            (
                vec![inhibit(1)],
                vec![policy(ONE), maps(ONE, TWO)],
                TWO,
                true,
            ),
            (
                vec![inhibit(0)],
                vec![policy(ONE), maps(ONE, TWO)],
                TWO,
                false,
            ),
            (vec![inhibit(0)], vec![policy(ONE)], ONE, true),
            (
                vec![inhibit(0)],
                vec![policy(ONE), maps(ONE, TWO)],
                ONE,
                false,
            ),
        ] {
            let root = Spec::authority("Root").self_signed();
            let upper = Spec::authority("Upper").and(&upper).and(&[policy(ONE)]);
            let upper = upper.issued_by(&root);
            let lower = Spec::authority("Lower").and(&lower).issued_by(&upper);
            let own = Spec::leaf(NAME).and(&[policy(of_leaf)]).issued_by(&lower);
            let refusal = refusal(role, &[&own, &lower, &upper], &root);
            match is_accepted {
                true => assert_eq!(refusal, None),
                false => assert_refused(
                    refusal,
                    Reason::WrongPolicy,
                    "requires certificate policies",
                ),
            }
        }
    }
}

#[test]
fn name_constraints_hold_for_names_and_subjects_and_are_told_as_such() {
    const GERMANY: (u8, u8, &str) = (6, 19, "DE");
    let within = || name(&[GERMANY, (10, 12, "Example"), (3, 12, "host")]);
    let base = || directory(&name(&[GERMANY, (10, 12, "Example")]));
    let france = || directory(&name(&[(6, 19, "FR")]));
    let mailbox = || tlv(0x81, b"example.com");
    for role in BOTH {
        for (permitted, excluded, is_accepted) in [
            (vec![dns(NAME)], vec![], true),
            (vec![dns("test")], vec![], true),
            (vec![dns(".test")], vec![], true),
            (vec![dns("example.com"), dns("test")], vec![], true),
            (vec![dns("")], vec![], true),
            (vec![dns(NAME), base()], vec![], true),
            (vec![mailbox()], vec![], true),
            (vec![tlv(0x87, &[10, 0, 0, 0, 255, 0, 0, 0])], vec![], true),
            (vec![], vec![france(), dns("example.com")], true),
            (vec![], vec![tlv(0x87, &[0; 8]), tlv(0x87, &[0; 32])], true),
            (vec![dns("example.com")], vec![], false),
            (vec![dns(".server.test")], vec![], false),
            (vec![france()], vec![], false),
            (vec![], vec![base()], false),
            (vec![], vec![directory(&name(&[(6, 12, "de")]))], false),
            (vec![], vec![dns("test")], false),
            (vec![], vec![dns("")], false),
            (vec![dns("test")], vec![dns(NAME)], false),
        ] {
            let constrained =
                Spec::authority("Intermediate").and(&[name_constraints(&permitted, &excluded)]);
            let leaf = Spec::leaf(NAME).subject(within());
            // The constraints bind certificates further below as well.
            let root = Spec::authority("Root").self_signed();
            let upper = constrained.issued_by(&root);
            let lower = Spec::authority("Lower").subject(within()).issued_by(&upper);
            let own = leaf.issued_by(&lower);
            // The constraints of a root bind all certificates below it.
            let bound = constrained.self_signed();
            let below_bound = leaf.issued_by(&bound);
            for refusal in [
                refusal_below(role, &constrained, &leaf),
                refusal(role, &[&own, &lower, &upper], &root),
                refusal(role, &[&below_bound], &bound),
            ] {
                if is_accepted {
                    assert_eq!(refusal, None, "{permitted:?} {excluded:?}");
                } else {
                    let line = refusal.as_ref().unwrap().to_string();
                    assert!(!line.contains("extended key usage"), "{line}");
                    assert_refused(refusal, Reason::WrongPurpose, "name constraints");
                }
            }
        }
    }
}

#[test]
fn names_of_forms_that_are_not_understood_do_not_escape_constraints() {
    let other = || {
        tlv(
            0xa0,
            &[support::x509::oid("1.2.3"), tlv(0xa0, &tlv(12, b"x"))].concat(),
        )
    };
    let leaf = Spec::new(
        common_name("Leaf"),
        vec![alternative_names(&[dns(NAME), other()])],
    );
    for role in BOTH {
        for (constraints, is_accepted) in [
            (name_constraints(&[dns(NAME)], &[]), true),
            (name_constraints(&[other()], &[]), false),
            (name_constraints(&[], &[other()]), false),
        ] {
            let refusal = refusal_below(
                role,
                &Spec::authority("Intermediate").and(&[constraints]),
                &leaf,
            );
            if is_accepted {
                assert_eq!(refusal, None);
            } else {
                assert_refused(refusal, Reason::WrongPurpose, "name constraints");
            }
        }
        // A constraint that cannot be read refuses the chain.
        let names = [dns(NAME), tlv(0x87, &[10, 0, 0, 1])];
        let leaf = Spec::new(common_name("Leaf"), vec![alternative_names(&names)]);
        for broken in [
            name_constraints(&[tlv(0x87, &[10, 0, 0, 0])], &[]),
            name_constraints(&[tlv(0x87, &[10, 0, 0, 0, 255, 0, 255, 0])], &[]),
            name_constraints(&[dns("*.test")], &[]),
        ] {
            let constrained = Spec::authority("Intermediate").and(&[broken]);
            let refusal = refusal_below(role, &constrained, &leaf);
            assert_refused(refusal, Reason::BadEncoding, "not valid X.509");
        }
    }
}

#[test]
fn the_names_that_a_certificate_has_are_matched_by_whole_labels() {
    let root = Spec::authority("Root").self_signed();
    for (presented, is_it) in [
        ("server.test", true),
        ("SERVER.Test", true),
        ("*.test", false),
        ("*.server.test", false),
        ("server.test.", false),
        ("test", false),
        ("s*.test", false),
        ("", false),
    ] {
        let own = Spec::leaf(presented).issued_by(&root);
        let refusal = refusal(Role::Server, &[&own], &root);
        if is_it {
            assert_eq!(refusal, None, "{presented}");
        } else {
            assert_refused(refusal, Reason::WrongName, "");
        }
    }
    let own = Spec::leaf("*.host.test").issued_by(&root);
    let mut server = Settings::secure(Role::Server);
    present(&mut server, &[&own]);
    for (host, is_it) in [
        ("a.host.test", true),
        ("A.HOST.test", true),
        ("host.test", false),
        ("a.b.host.test", false),
        ("a.hosts.test", false),
    ] {
        let client = seal(&client_settings(&root.der));
        let mut pair = Pair::with_host(&client, Some(host), &seal(&server));
        pair.drive();
        assert_eq!(failure(&pair.client).is_none(), is_it, "{host}");
    }
}

#[test]
fn an_address_that_is_written_as_a_dns_name_is_told_with_its_cure() {
    let root = Spec::authority("Root").self_signed();
    let (right, wrong) = (tlv(0x87, &[127, 0, 0, 1]), dns("127.0.0.1"));
    for (form, is_accepted) in [(right, true), (wrong, false)] {
        let own = Spec::new(common_name("Leaf"), vec![alternative_names(&[form])]);
        let own = own.issued_by(&root);
        let mut server = Settings::secure(Role::Server);
        present(&mut server, &[&own]);
        let client = seal(&client_settings(&root.der));
        let mut pair = Pair::with_host(&client, Some("127.0.0.1"), &seal(&server));
        pair.drive();
        match failure(&pair.client) {
            None => assert!(is_accepted),
            Some(Error::Certificate(error)) => {
                assert!(!is_accepted);
                assert_refused(Some(error), Reason::WrongName, "as an address (iPAddress)");
            }
            Some(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn both_versions_ask_for_the_proof_that_the_peer_holds_its_key() {
    let root = Spec::authority("Root").self_signed();
    let own = Spec::leaf(NAME).issued_by(&root);
    for version in [Version::Tls12, Version::Tls13] {
        for role in BOTH {
            assert_eq!(refusal_in(version, role, &[&own], &root), None);
        }
    }
}

/// Authorities with names as long as those of public ones.
fn authorities(count: usize) -> String {
    let key = Spec::authority("Key").self_signed();
    (0..count)
        .map(|number| {
            let text = format!("Very Long Name of an Organisation for Testing {number:05}");
            let name = name(&[(10, 12, text.as_str()), (3, 12, text.as_str())]);
            let spec = Spec::authority("").subject(name);
            spec.issued_for(&key, &key).pem()
        })
        .collect()
}

#[test]
fn authorities_that_do_not_fit_into_one_message_are_not_suggested_and_trusted_all_the_same() {
    let own = Authority::root("Own");
    let server = Authority::root("Server");
    let client_root = client_settings(server.der());
    for (count, version) in [
        (3, Version::Tls12),
        (400, Version::Tls13),
        (700, Version::Tls12),
        (700, Version::Tls13),
    ] {
        let mut settings = server_settings(&server.issue(&Leaf::server()));
        settings.set_verify(Verify::Required);
        settings.add_trust_roots(own.der()).unwrap();
        settings
            .add_trust_roots(authorities(count).as_bytes())
            .unwrap();
        let mut client = client_root.clone();
        identify(&mut client, &own.issue(&Leaf::client()));
        let client = seal(&only(client, version));
        let pair = Pair::new(&client, &seal(&only(settings, version))).handshake();
        assert_eq!(pair.server.verify_result(), Ok(()), "{count}");
    }
}

#[test]
fn suggestions_that_do_not_fit_are_refused_with_the_number_that_does() {
    let mut settings = Settings::secure(Role::Server);
    let all = authorities(700);
    let refused = settings.load_suggested_authorities(all.as_bytes());
    let line = refused.unwrap_err().to_string();
    let words: Vec<_> = line.split(' ').collect();
    let first = words.iter().position(|word| *word == "first").unwrap();
    let fitting: usize = words[first + 1].parse().unwrap();
    assert!((300..700).contains(&fitting), "{line}");
    let blocks = all.split_inclusive("-----END CERTIFICATE-----\n");
    let some: String = blocks.take(fitting).collect();
    let count = settings.load_suggested_authorities(some.as_bytes());
    assert_eq!(count, Ok(u32::try_from(fitting).unwrap()));
}

#[test]
fn a_certificate_message_of_more_than_64_kib_is_told_as_too_long_and_not_as_broken() {
    let root = Spec::authority("Root").self_signed();
    for (count, fits) in [(700, true), (2845, false), (4000, false)] {
        let names: Vec<_> = (0..count)
            .map(|number| dns(&format!("host{number:05}.example.com")))
            .chain([dns(NAME)])
            .collect();
        let own = Spec::new(common_name("Leaf"), vec![alternative_names(&names)]);
        let own = own.issued_by(&root);
        for version in [Version::Tls12, Version::Tls13] {
            let mut server = Settings::secure(Role::Server);
            present(&mut server, &[&own]);
            let client = seal(&only(client_settings(&root.der), version));
            let mut pair = Pair::new(&client, &seal(&only(server, version)));
            pair.drive();
            match failure(&pair.client) {
                None => assert!(fits, "{count} {version:?}"),
                Some(error) => {
                    assert!(!fits, "{count} {version:?}: {error:?}");
                    let line = error.to_string();
                    assert!(line.contains("more than 64 KiB"), "{line}");
                    assert!(
                        !line.contains("broken") && !line.contains("report"),
                        "{line}"
                    );
                    assert!(matches!(
                        error,
                        Error::Protocol(error) if error.reason == ProtocolReason::TooLarge
                    ));
                }
            }
        }
    }
}

#[test]
fn a_first_record_that_cannot_come_first_is_refused_with_an_alert() {
    use ProtocolReason as P;
    let authority = Authority::root("Root");
    let server = seal(&server_settings(&authority.issue(&Leaf::server())));
    let hello_of_ssl2 = [
        &[0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10][..],
        &[1; 0x25],
    ]
    .concat();
    for (bytes, reason, alert) in [
        (&[20, 3, 3, 0, 1, 1][..], P::UnexpectedMessage, Some(10)),
        (
            &[23, 3, 3, 0, 5, 1, 2, 3, 4, 5],
            P::UnexpectedMessage,
            Some(10),
        ),
        (&[24, 3, 3, 0, 1, 1], P::Malformed, Some(50)),
        (&hello_of_ssl2, P::NoCommonVersion, Some(70)),
        (b"SSH-2.0-x\r\n", P::NotTls, None),
        (b"GET / HTTP/1.1\r\n", P::PlainHttp, None),
        // Headers that no record has.
        (&[23, 3, 3, 0xff, 0xff, 1, 2], P::NotTls, None),
        (&[23, 9, 3, 0, 2, 1, 2], P::NotTls, None),
    ] {
        // In one piece, and byte by byte.
        for chunk in [bytes.len(), 1] {
            let mut session = Session::new(&server, None).unwrap();
            let failed = bytes
                .chunks(chunk)
                .find_map(|part| session.handle_ciphertext(part).err());
            let Some(Error::Protocol(error)) = failed else {
                panic!("{bytes:?}: {failed:?}");
            };
            assert_eq!(
                (error.reason, error.alert_sent),
                (reason, alert),
                "{bytes:?}"
            );
            let mut sent = Vec::new();
            session.poll_ciphertext(&mut sent);
            match alert {
                None => assert!(sent.is_empty()),
                Some(number) => assert_eq!((sent[0], sent.last()), (21, Some(&number))),
            }
        }
    }
}
