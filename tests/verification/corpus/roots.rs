//! What is trusted: roots that say odd things of themselves, and certificates that are no roots.

use super::{Case, Corpus};
use crate::certificate::{At, Chain, Draft, NAME};
use crate::key::KEYS;
use crate::x509::{dns, extension, tlv};

pub(super) fn add(corpus: &mut Corpus) {
    let [root, middle, leaf] = Chain::new().issued();
    let case = |name: &str, chain: Vec<&Vec<u8>>, roots: Vec<&Vec<u8>>| {
        let owned = |list: Vec<&Vec<u8>>| list.into_iter().cloned().collect::<Vec<_>>();
        Case {
            roots: owned(roots),
            ..Case::new(format!("root/{name}"), owned(chain), Vec::new(), &KEYS.leaf)
        }
    };
    let stranger = Draft::authority("Stranger", "Stranger", &KEYS.other).issued_by(&KEYS.other);
    let namesake = Draft::authority("Root", "Root", &KEYS.other).issued_by(&KEYS.other);
    let mut old = Draft::authority("Root", "Root", &KEYS.root);
    old.validity = crate::x509::sequence(&[
        crate::certificate::utc("200101000000Z"),
        crate::certificate::utc("201231235959Z"),
    ]);
    let old = old.issued_by(&KEYS.root);
    for (name, chain, roots) in [
        ("stranger", vec![&leaf, &middle], vec![&stranger]),
        (
            "stranger-and-root",
            vec![&leaf, &middle],
            vec![&stranger, &root],
        ),
        ("namesake", vec![&leaf, &middle], vec![&namesake]),
        (
            "namesake-before-root",
            vec![&leaf, &middle],
            vec![&namesake, &root],
        ),
        (
            "root-before-namesake",
            vec![&leaf, &middle],
            vec![&root, &namesake],
        ),
        (
            "expired-before-root",
            vec![&leaf, &middle],
            vec![&old, &root],
        ),
        ("twice", vec![&leaf, &middle], vec![&root, &root]),
        ("authority-trusted", vec![&leaf, &middle], vec![&middle]),
        ("authority-trusted-and-not-sent", vec![&leaf], vec![&middle]),
        (
            "authority-and-root-trusted",
            vec![&leaf],
            vec![&middle, &root],
        ),
        ("own-trusted", vec![&leaf], vec![&leaf]),
        ("own-trusted-and-chain", vec![&leaf, &middle], vec![&leaf]),
        (
            "own-and-root-trusted",
            vec![&leaf, &middle],
            vec![&leaf, &root],
        ),
    ] {
        corpus.add(case(name, chain, roots));
    }
    in_person(corpus);
    corpus.each(&[At::Root], "root/critical-unknown", |draft| {
        draft
            .extensions
            .push(extension("1.2.3.4.5", true, &tlv(5, &[])));
    });
    corpus.each(&[At::Root], "root/issuer-other", |draft| {
        draft.issuer = crate::x509::common_name("Elsewhere");
    });
}

/// A root as the peer itself.
fn in_person(corpus: &mut Corpus) {
    for (name, is_authority) in [("server", false), ("authority", true)] {
        let mut draft = Draft::server("Server", &[dns(NAME)]);
        draft.subject.clone_from(&draft.issuer);
        if is_authority {
            draft.extensions.push(crate::x509::authority(None));
        }
        let own = draft.issued_by(&KEYS.leaf);
        let itself = Case::new(
            format!("root/in-person/{name}"),
            vec![own.clone()],
            own.clone(),
            &KEYS.leaf,
        );
        corpus.add(itself.clone());
        let root = Draft::authority("Root", "Root", &KEYS.root).issued_by(&KEYS.root);
        corpus.add(Case {
            name: format!("root/in-person/{name}-not-trusted"),
            roots: vec![root],
            ..itself.clone()
        });
        corpus.add(
            Case {
                name: format!("root/in-person/{name}-of-another-name"),
                ..itself.clone()
            }
            .host("other.test"),
        );
        corpus.add(Case {
            name: format!("root/in-person/{name}-expired"),
            ..itself.at(2_600_000_000)
        });
    }
}
