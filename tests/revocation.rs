//! The built component: revocation lists, beside what OpenSSL says of the same lists and chains.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::process::Command;

use portcullis_host::context_types::{RevocationScope, Source, UnknownRevocation, Verify};
use portcullis_host::types::{
    CertificateReason as Reason, ConfigurationItem, ConfigurationReason, Error, Role,
};
use portcullis_host::{Context, Instance};
use support::certs::{Authority, Leaf, NAME, pem};
use support::component::{
    ask_for_client_certificates, bytes, configuration, error, instance, server_context,
};
use support::folder::Folder;
use support::meeting::{Outcome, meet, reason};
use support::require_tool;
use support::x509::{
    Issued, List, Spec, distribution_points, extension, key_usage, list_place, place, tlv, uri,
};

/// The alert that tells a peer that its certificate is revoked (RFC 8446 §6.2).
const CERTIFICATE_REVOKED: u8 = 44;
const CERTIFICATE_UNKNOWN: u8 = 46;

/// keyCertSign, and cRLSign with it.
const SIGNS_CERTIFICATES: u8 = 0x04;
const SIGNS_BOTH: u8 = 0x06;

const PLACE: &str = "http://lists.test/1";

/// A root, an authority between, whose serial number is 2, and a peer's own certificate with 3.
struct Chain {
    root: Issued,
    between: Issued,
    own: Issued,
}

impl Chain {
    fn new() -> Self {
        Self::of(
            Spec::authority("Root"),
            Spec::authority("Between"),
            Spec::leaf(NAME),
        )
    }

    fn of(root: Spec, between: Spec, own: Spec) -> Self {
        let root = root.self_signed();
        let between = between.serial(2).issued_by(&root);
        Self {
            own: own.serial(3).issued_by(&between),
            between,
            root,
        }
    }

    /// The lists of both authorities, which have revoked nothing of it.
    fn lists(&self) -> Vec<Vec<u8>> {
        vec![
            List::of(&[9]).by(&self.root),
            List::of(&[2, 9]).by(&self.between),
        ]
    }

    fn meet(
        &self,
        role: Role,
        verify: Verify,
        set: impl FnOnce(&mut Instance, &Context),
    ) -> Outcome {
        let sent = [&self.own, &self.between].map(Issued::certificate);
        meet(
            role,
            &sent,
            &self.own.key_pem(),
            set,
            &self.root.pem(),
            verify,
        )
    }

    /// How a client ends that has these lists.
    fn with(&self, lists: &[Vec<u8>]) -> Result<(), Reason> {
        let outcome = self.meet(Role::Client, Verify::Required, loaded(lists));
        reason(outcome).map(|told| assert_eq!(told, Ok(())))
    }

    /// Whether OpenSSL accepts the chain with these lists, which it looks at for all certificates.
    fn openssl_accepts(&self, lists: &[Vec<u8>]) -> bool {
        let folder = Folder::new();
        let lists: String = lists.iter().map(|list| pem("X509 CRL", list)).collect();
        let output = Command::new("openssl")
            .args(["verify", "-crl_check_all", "-CAfile"])
            .arg(folder.put("root.pem", self.root.pem()))
            .arg("-untrusted")
            .arg(folder.put("between.pem", self.between.pem()))
            .arg("-CRLfile")
            .arg(folder.put("lists.pem", lists))
            .arg(folder.put("own.pem", self.own.pem()))
            .output()
            .unwrap();
        output.status.success()
    }
}

fn loaded(lists: &[Vec<u8>]) -> impl FnOnce(&mut Instance, &Context) {
    move |tls, context| {
        for list in lists {
            let new = context.add_revocation_lists(tls, &Source::Bytes(list.clone()));
            assert_eq!(new.unwrap(), 1);
        }
    }
}

#[test]
fn what_an_authority_has_revoked_is_refused_as_openssl_refuses_it() {
    if !require_tool("openssl") {
        return;
    }
    let chain = Chain::new();
    let (root, between) = (&chain.root, &chain.between);
    let nothing = List::of(&[]);
    let old = List {
        times: ("20200101000000Z", Some("20210101000000Z")),
        ..List::of(&[9])
    };
    let future = List {
        times: ("20490101000000Z", Some("20491231235959Z")),
        ..List::of(&[9])
    };
    let first = List {
        version: 1,
        ..List::of(&[3])
    };
    let endless = List {
        times: ("20200101000000Z", None),
        ..nothing.clone()
    };
    let hold = |reason| extension("2.5.29.21", false, &tlv(0x0a, &[reason]));
    let on_hold = List {
        revoked: vec![(3, vec![hold(6)])],
        ..nothing.clone()
    };
    let good = chain.lists();
    let of_root = &good[0];
    let cases = [
        ("nothing", good.clone(), Ok(())),
        (
            "no entries",
            vec![nothing.by(root), nothing.by(between)],
            Ok(()),
        ),
        (
            "no nextUpdate",
            vec![endless.by(root), endless.by(between)],
            Ok(()),
        ),
        (
            "itself",
            vec![of_root.clone(), List::of(&[1, 3, 7]).by(between)],
            Err(Reason::Revoked),
        ),
        (
            "version 1",
            vec![of_root.clone(), first.by(between)],
            Err(Reason::Revoked),
        ),
        (
            "on hold",
            vec![of_root.clone(), on_hold.by(between)],
            Err(Reason::Revoked),
        ),
        (
            "the authority",
            vec![List::of(&[2]).by(root), nothing.by(between)],
            Err(Reason::Revoked),
        ),
        // A serial number of another authority's.
        (
            "another's",
            vec![List::of(&[3]).by(root), nothing.by(between)],
            Ok(()),
        ),
        (
            "no list of the own authority",
            vec![of_root.clone()],
            Err(Reason::RevocationUnknown),
        ),
        (
            "no list of the root",
            vec![nothing.by(between)],
            Err(Reason::RevocationUnknown),
        ),
        (
            "out of date",
            vec![of_root.clone(), old.by(between)],
            Err(Reason::RevocationListExpired),
        ),
        (
            "to come",
            vec![of_root.clone(), future.by(between)],
            Err(Reason::RevocationListExpired),
        ),
        (
            "another key",
            vec![of_root.clone(), nothing.by_another(between, root)],
            Err(Reason::RevocationListBad),
        ),
        // One of today is enough beside one that does not count.
        (
            "old and new",
            vec![of_root.clone(), old.by(between), nothing.by(between)],
            Ok(()),
        ),
    ];
    for (name, lists, expected) in cases {
        assert_eq!(chain.with(&lists), expected, "{name}");
        assert_eq!(chain.openssl_accepts(&lists), expected.is_ok(), "{name}");
    }
    // What was revoked stays so, though the list is old: of this OpenSSL says that it is old.
    let revoked = List {
        revoked: vec![(3, Vec::new())],
        ..old
    };
    let lists = [of_root.clone(), revoked.by(between)];
    assert_eq!(chain.with(&lists), Err(Reason::Revoked));
}

#[test]
fn an_authority_signs_lists_if_its_key_usage_says_so() {
    if !require_tool("openssl") {
        return;
    }
    for (usage, expected) in [
        (SIGNS_BOTH, Ok(())),
        (SIGNS_CERTIFICATES, Err(Reason::RevocationListBad)),
    ] {
        let signs = [key_usage(usage)];
        let chains = [
            Chain::of(
                Spec::authority("Root").and(&signs),
                Spec::authority("Between"),
                Spec::leaf(NAME),
            ),
            Chain::of(
                Spec::authority("Root"),
                Spec::authority("Between").and(&signs),
                Spec::leaf(NAME),
            ),
        ];
        for chain in chains {
            let lists = chain.lists();
            assert_eq!(chain.with(&lists), expected);
            assert_eq!(chain.openssl_accepts(&lists), expected.is_ok());
        }
    }
}

#[test]
fn a_list_is_about_the_certificates_of_its_kind_and_place() {
    if !require_tool("openssl") {
        return;
    }
    let points = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| uri(name)).collect();
        distribution_points(&[tlv(0x30, &place(&names))])
    };
    let of_some_reasons = tlv(
        0x30,
        &[place(&[uri(PLACE)]), tlv(0x81, &[1, 0x40])].concat(),
    );
    let own = [
        Spec::leaf(NAME),
        Spec::leaf(NAME).and(&[points(&["http://lists.test/0", PLACE])]),
        Spec::leaf(NAME).and(&[points(&["http://lists.test/2"])]),
        Spec::leaf(NAME).and(&[distribution_points(&[of_some_reasons])]),
    ];
    let flag = |number: u8| tlv(0x80 | number, &[0xff]);
    let unknown = Err(Reason::RevocationUnknown);
    let here = |serials: &[u8]| List::of(serials).and(&[list_place(&[place(&[uri(PLACE)])])]);
    for (list, expected) in [
        (List::of(&[]), [Ok(()); 4]),
        (List::of(&[]).and(&[list_place(&[flag(1)])]), [Ok(()); 4]),
        (List::of(&[]).and(&[list_place(&[flag(2)])]), [unknown; 4]),
        (here(&[]), [unknown, Ok(()), unknown, unknown]),
        (
            here(&[3]),
            [unknown, Err(Reason::Revoked), unknown, unknown],
        ),
    ] {
        for (which, (own, expected)) in own.iter().zip(expected).enumerate() {
            let chain = Chain::of(
                Spec::authority("Root"),
                Spec::authority("Between"),
                own.clone(),
            );
            let lists = [List::of(&[]).by(&chain.root), list.by(&chain.between)];
            assert_eq!(chain.with(&lists), expected);
            // OpenSSL lets a point for some reasons limit a list that is for all; RFC 5280 §6.3.3 goes
            // on to lists that no point speaks of.
            let is_limited = which == 3;
            let openssl = expected.is_ok() && !is_limited;
            assert_eq!(chain.openssl_accepts(&lists), openssl);
        }
    }
}

#[test]
fn both_roles_look_in_every_mode_and_tell_the_peer() {
    let chain = Chain::new();
    let revoked = [
        List::of(&[]).by(&chain.root),
        List::of(&[3]).by(&chain.between),
    ];
    for role in [Role::Client, Role::Server] {
        let met = |lists: &[Vec<u8>], verify| chain.meet(role, verify, loaded(lists));
        assert_eq!(met(&chain.lists(), Verify::Required), Ok(Ok(())));
        let refused = met(&revoked, Verify::Required).unwrap_err();
        assert_eq!(refused.reason, Reason::Revoked);
        assert_eq!(refused.alert_sent, Some(CERTIFICATE_REVOKED));
        let unknown = met(&revoked[..1], Verify::Required).unwrap_err();
        assert_eq!(unknown.reason, Reason::RevocationUnknown);
        assert_eq!(unknown.alert_sent, Some(CERTIFICATE_UNKNOWN));
        let line = instance().explain(&Error::Certificate(unknown)).unwrap();
        assert!(line.contains("CN=Between"), "{line}");
        let told = reason(met(&revoked, Verify::Deferred));
        assert_eq!(told, Ok(Err(Reason::Revoked)));
    }
}

#[test]
fn the_caller_says_whose_revocation_counts_and_what_the_unknown_is() {
    use RevocationScope::{Chain as Whole, OwnCertificate as Own};
    use UnknownRevocation::{Accepted, Refused};
    let chain = Chain::new();
    let nothing = List::of(&[]);
    let (of_root, of_between) = (nothing.by(&chain.root), nothing.by(&chain.between));
    let revokes_between = List::of(&[2]).by(&chain.root);
    let forged = nothing.by_another(&chain.between, &chain.root);
    let unknown = Err(Reason::RevocationUnknown);
    for (lists, scope, policy, expected) in [
        (
            vec![of_root.clone(), of_between.clone()],
            Whole,
            Refused,
            Ok(()),
        ),
        (vec![of_between.clone()], Whole, Refused, unknown),
        (vec![of_between.clone()], Own, Refused, Ok(())),
        (vec![of_root.clone()], Own, Refused, unknown),
        (vec![of_between.clone()], Whole, Accepted, Ok(())),
        (vec![of_root], Own, Accepted, Ok(())),
        (
            vec![forged.clone()],
            Own,
            Refused,
            Err(Reason::RevocationListBad),
        ),
        (vec![forged], Own, Accepted, Ok(())),
        (
            vec![of_between.clone(), revokes_between.clone()],
            Whole,
            Accepted,
            Err(Reason::Revoked),
        ),
        (vec![of_between, revokes_between], Own, Accepted, Ok(())),
    ] {
        let outcome = chain.meet(Role::Client, Verify::Required, |tls, context| {
            loaded(&lists)(tls, context);
            context.set_revocation_check(tls, scope, policy).unwrap();
        });
        let outcome = reason(outcome).map(|told| assert_eq!(told, Ok(())));
        assert_eq!(outcome, expected, "{scope:?} {policy:?}");
    }
}

#[test]
fn a_path_without_a_revoked_authority_is_found_beside_one_with_it() {
    // Two roots vouch for the authority, and one of them has taken that back.
    let chain = Chain::new();
    let other = Spec::authority("Other").self_signed();
    let again = Spec::authority("Between")
        .serial(7)
        .issued_for(&chain.between, &other);
    let sent = [&chain.own, &chain.between, &again].map(Issued::certificate);
    let nothing = List::of(&[]);
    let revoking = |by_root: &[u8], by_other: &[u8]| {
        let lists = [
            List::of(by_root).by(&chain.root),
            List::of(by_other).by(&other),
            nothing.by(&chain.between),
        ];
        let trusted = [chain.root.pem(), other.pem()].concat();
        let key = chain.own.key_pem();
        let outcome = meet(
            Role::Client,
            &sent,
            &key,
            loaded(&lists),
            &trusted,
            Verify::Required,
        );
        reason(outcome)
    };
    assert_eq!(revoking(&[2], &[]), Ok(Ok(())));
    assert_eq!(revoking(&[], &[7]), Ok(Ok(())));
    assert_eq!(revoking(&[2], &[7]), Err(Reason::Revoked));
}

#[test]
fn lists_that_are_none_or_cannot_be_relied_on_are_refused_and_nothing_changes() {
    let mut tls = instance();
    let chain = Chain::new();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    let good = List::of(&[3]).by(&chain.between);
    let entry = |extension| List {
        revoked: vec![(3, vec![extension])],
        ..List::of(&[])
    };
    let name = tlv(0xa1, &tlv(0x31, &[]));
    let strange = extension("1.2.3.4", true, &[5, 0]);
    let unsupported = [
        List::of(&[]).and(&[extension("2.5.29.27", true, &[2, 1, 1])]),
        List::of(&[]).and(std::slice::from_ref(&strange)),
        List::of(&[]).and(&[list_place(&[tlv(0x83, &[1, 0x40])])]),
        List::of(&[]).and(&[list_place(&[tlv(0x84, &[0xff])])]),
        List::of(&[]).and(&[list_place(&[tlv(0x85, &[0xff])])]),
        List::of(&[]).and(&[list_place(&[tlv(0xa0, &name)])]),
        entry(strange),
        entry(extension("2.5.29.29", true, &tlv(0x30, &[]))),
    ];
    let unsupported = unsupported.map(|list| list.by(&chain.between));
    let number = extension("2.5.29.20", false, &[2, 1, 1]);
    let twice = List::of(&[]).and(&[number.clone(), number]);
    let malformed = [
        twice.by(&chain.between),
        good[..good.len() - 1].to_vec(),
        [good.as_slice(), &[0]].concat(),
        chain.own.der.clone(),
        b"none".to_vec(),
    ];
    let in_pem = |list: &[u8]| [pem("X509 CRL", &good), pem("X509 CRL", list)].concat();
    let cases = unsupported
        .iter()
        .map(|list| (list.clone(), ConfigurationReason::Unsupported))
        .chain(malformed.map(|list| (list, ConfigurationReason::Malformed)));
    for (list, reason) in cases {
        for input in [list.clone(), in_pem(&list).into_bytes()] {
            let refused =
                configuration(context.add_revocation_lists(&mut tls, &Source::Bytes(input)));
            assert_eq!(refused.item, ConfigurationItem::RevocationLists);
            assert_eq!(refused.reason, reason, "{:?}", refused.detail);
        }
    }
    for (input, reason) in [
        (Source::Bytes(Vec::new()), ConfigurationReason::Empty),
        (bytes(&chain.root.pem()), ConfigurationReason::Missing),
        (
            Source::Path("none.crl".to_owned()),
            ConfigurationReason::NotFound,
        ),
    ] {
        let refused = configuration(context.add_revocation_lists(&mut tls, &input));
        assert_eq!(refused.reason, reason);
    }
    // None of them was taken, and those that stand are counted once, in whatever form they come.
    assert_eq!(
        context
            .add_revocation_lists(&mut tls, &bytes(&in_pem(&good)))
            .unwrap(),
        1
    );
    let again = context.add_revocation_lists(&mut tls, &Source::Bytes(good));
    assert_eq!(again.unwrap(), 0);
}

#[test]
fn lists_that_nothing_would_look_at_and_a_check_without_lists_are_refused_at_the_seal() {
    let mut tls = instance();
    let authority = Authority::root("Root");
    let own = authority.issue(&Leaf::server());
    let list = Source::Bytes(List::of(&[]).by(&Spec::authority("Root").self_signed()));
    for role in [Role::Client, Role::Server] {
        let context = match role {
            Role::Client => Context::secure(&mut tls, role).unwrap(),
            Role::Server => server_context(&mut tls, &own.chain_pem(), &own.key_pem()),
        };
        let copy = context.copy(&mut tls).unwrap();
        let (scope, unknown) = (RevocationScope::Chain, UnknownRevocation::Refused);
        copy.set_revocation_check(&mut tls, scope, unknown).unwrap();
        let refused = configuration(copy.seal(&mut tls));
        assert_eq!(
            (refused.item, refused.reason),
            (
                ConfigurationItem::RevocationLists,
                ConfigurationReason::Missing
            )
        );
        context.set_verify(&mut tls, Verify::Unverified).unwrap();
        context.add_revocation_lists(&mut tls, &list).unwrap();
        let refused = configuration(context.seal(&mut tls));
        assert_eq!(
            (refused.item, refused.reason),
            (
                ConfigurationItem::RevocationLists,
                ConfigurationReason::Conflict
            )
        );
        ask_for_client_certificates(&mut tls, &context, &authority.pem(), Verify::Required);
        context.seal(&mut tls).unwrap();
        let sealed = error(context.add_revocation_lists(&mut tls, &list));
        assert_eq!(sealed, Error::Sealed);
        let sealed = error(context.set_revocation_check(&mut tls, scope, unknown));
        assert_eq!(sealed, Error::Sealed);
    }
}
