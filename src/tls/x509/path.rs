//! The way from a peer's certificate to a trust root (RFC 5280 §6.1).

use std::iter;

use rustls::pki_types::{CertificateDer, UnixTime};

use super::anchor::Anchor;
use super::budget::Budget;
use super::certificate::{Certificate, NameConstraints};
use super::der::{Malformed, OID, Reader};
use super::policy;
use super::public_key::{Algorithms, PublicKey};
use super::purpose::Purpose;
use super::refusal::{Refusal, dotted};
use super::revocation::{Issuer, Revocation};
use portcullis_provider::hash::Fingerprint;

/// What a path is verified against.
pub(crate) struct Trust<'t> {
    pub(crate) anchors: &'t [Anchor],
    pub(crate) purpose: Purpose,
    pub(crate) now: UnixTime,
    pub(crate) algorithms: &'t Algorithms,
    /// If there are any, one has to be of a key on the path.
    pub(crate) pins: &'t [Fingerprint],
    /// What revocation lists are asked; none if they are not.
    pub(crate) revocation: Option<&'t Revocation>,
}

/// Verifies everything of a peer's certificate but its names. `others` are the other certificates
/// that the peer sent; they may be in any order, and some may have nothing to do with it.
///
/// If `is_root`, the certificate is trusted as it is: no path is looked for, and it may be an
/// authority's.
pub(crate) fn verify(
    own: &Certificate<'_>,
    others: &[CertificateDer<'_>],
    is_root: bool,
    trust: &Trust<'_>,
) -> Result<(), Refusal> {
    let now = i64::try_from(trust.now.as_secs()).unwrap_or(i64::MAX);
    own.check_for_use(trust.purpose, now)?;
    if is_root {
        trust.check_pins(own, iter::empty())?;
    } else {
        if own.is_authority() {
            // `openssl req -x509` makes such certificates; the cure is to trust them.
            return Err(if own.is_self_issued() {
                Refusal::UnknownAuthority
            } else {
                Refusal::AuthorityAsPeer
            });
        }
        let mut pool = Vec::new();
        let mut closest = Refusal::UnknownAuthority;
        for other in others {
            match Certificate::parse(other) {
                Ok(certificate) => pool.push(certificate),
                Err(Malformed) => closest = Refusal::Malformed,
            }
        }
        let mut search = Search {
            trust,
            now,
            pool: &pool,
            budget: Budget::default(),
            closest,
        };
        if !search.extend(&mut vec![own])? {
            return Err(search.closest);
        }
    }
    own.key.check_size()
}

impl Trust<'_> {
    /// Checks that a key of the peer's verified path is pinned, if any key is (RFC 7469 §2.6). `above`
    /// are the keys above its own.
    fn check_pins<'k>(
        &self,
        own: &Certificate<'_>,
        mut above: impl Iterator<Item = &'k PublicKey<'k>>,
    ) -> Result<(), Refusal> {
        if self.pins.is_empty() {
            return Ok(());
        }
        let own = own.key.fingerprint();
        if self.pins.contains(&own) || above.any(|key| self.pins.contains(&key.fingerprint())) {
            return Ok(());
        }
        Err(Refusal::Pin(own))
    }
}

impl Certificate<'_> {
    /// Checks the peer's own certificate, and each above it: its critical extensions are
    /// understood, it is valid now, and it is for this use.
    fn check_for_use(&self, purpose: Purpose, now: i64) -> Result<(), Refusal> {
        if let Some(oid) = self.extensions.strange {
            return Err(Refusal::Extension(dotted(oid)));
        }
        check_time(self.validity, now)?;
        match self.extensions.extended_key_usage {
            None => Ok(()),
            Some(list) => check_purpose(list, purpose),
        }
    }

    /// Checks an authority's certificate. `below` is the number of authorities below it that did
    /// not issue to themselves (RFC 5280 §6.1.4, k to n).
    fn check_as_authority(&self, below: u32) -> Result<(), Refusal> {
        // A certificate of version 1 cannot say that it is an authority's.
        let limits = self.extensions.basic_constraints;
        let limits = limits.filter(|limits| limits.is_ca);
        let limits = limits.ok_or(Refusal::NoAuthority)?;
        self.check_may_sign()?;
        match limits.path_length {
            Some(length) if below > length => Err(Refusal::PathLength),
            _ => Ok(()),
        }
    }
}

/// Both seconds belong to the time (RFC 5280 §4.1.2.5).
fn check_time((not_before, not_after): (i64, i64), now: i64) -> Result<(), Refusal> {
    if now < not_before {
        return Err(Refusal::NotYetValid { now, not_before });
    }
    if now > not_after {
        return Err(Refusal::Expired { now, not_after });
    }
    Ok(())
}

/// The OIDs must include the purpose. An OID that allows any purpose is not enough, as in OpenSSL
/// (RFC 5280 §4.2.1.12 leaves it open).
fn check_purpose(list: &[u8], purpose: Purpose) -> Result<(), Refusal> {
    let mut reader = Reader::new(list);
    let mut allowed = Vec::new();
    let mut is_there = false;
    while !reader.is_empty() {
        let oid = reader.expect(OID)?;
        is_there |= oid == purpose.oid();
        allowed.push(oid);
    }
    if is_there {
        return Ok(());
    }
    if allowed.is_empty() {
        return Err(Refusal::Malformed);
    }
    Err(Refusal::Purpose {
        required: purpose,
        allowed: allowed.into_iter().take(8).map(purpose_name).collect(),
    })
}

fn purpose_name(oid: &[u8]) -> String {
    let dotted = dotted(oid);
    let name = match dotted.as_str() {
        "1.3.6.1.5.5.7.3.1" => "server authentication",
        "1.3.6.1.5.5.7.3.2" => "client authentication",
        "1.3.6.1.5.5.7.3.3" => "code signing",
        "1.3.6.1.5.5.7.3.4" => "e-mail",
        "1.3.6.1.5.5.7.3.8" => "time stamping",
        "1.3.6.1.5.5.7.3.9" => "OCSP signing",
        "2.5.29.37.0" => "any purpose (which is not enough)",
        _ => return format!("a purpose that is not known (OID {dotted})"),
    };
    name.to_owned()
}

/// The search for a path, depth first. Each step costs a signature, so the bound on signatures
/// bounds the search and its depth too.
struct Search<'s, 't> {
    trust: &'s Trust<'t>,
    now: i64,
    pool: &'s [Certificate<'s>],
    budget: Budget,
    /// Why the path that has come furthest so far does not hold.
    closest: Refusal,
}

impl<'s> Search<'s, '_> {
    /// Whether the path, the peer's own certificate first, leads on to a trust root.
    ///
    /// # Errors
    /// `TooComplex` ends the search.
    fn extend(&mut self, path: &mut Vec<&'s Certificate<'s>>) -> Result<bool, Refusal> {
        let Some(head) = path.last().copied() else {
            return Ok(false);
        };
        let trust = self.trust;
        for anchor in trust.anchors {
            if anchor.subject() == head.issuer() {
                match self.end(path, anchor) {
                    Ok(()) => return Ok(true),
                    Err(refusal) => self.note(refusal)?,
                }
            }
        }
        for candidate in self.pool {
            if candidate.subject() != head.issuer() || is_in(candidate, path) {
                continue;
            }
            match self.check_link(path, candidate) {
                Ok(()) => {}
                Err(refusal) => {
                    self.note(refusal)?;
                    continue;
                }
            }
            path.push(candidate);
            if self.extend(path)? {
                return Ok(true);
            }
            path.pop();
        }
        Ok(false)
    }

    /// Checks that the last certificate of the path was issued with the candidate.
    fn check_link(
        &mut self,
        path: &[&Certificate<'_>],
        candidate: &Certificate<'_>,
    ) -> Result<(), Refusal> {
        candidate.check_for_use(self.trust.purpose, self.now)?;
        candidate.check_as_authority(authorities(path))?;
        self.check_signature(path, &candidate.key)
    }

    /// Checks that the path ends at the anchor, and holds as a whole.
    fn end(&mut self, path: &[&Certificate<'_>], anchor: &Anchor) -> Result<(), Refusal> {
        // The signature comes first, so that another authority of the same name is reported as one.
        self.check_signature(path, &anchor.key)?;
        if let Some(validity) = anchor.validity {
            check_time(validity, self.now)?;
        }
        match &anchor.path_length {
            Err(refusal) => return Err(refusal.clone()),
            Ok(Some(length)) if authorities(path) > *length => return Err(Refusal::PathLength),
            Ok(_) => {}
        }
        if let Some(list) = &anchor.extended_key_usage {
            check_purpose(list, self.trust.purpose)?;
        }
        let mut below = path;
        self.check_names(&anchor.constraints(), below)?;
        while let Some((issuer, rest)) = below.split_last() {
            if let Some(constraints) = &issuer.extensions.name_constraints {
                self.check_names(constraints, rest)?;
            }
            below = rest;
        }
        policy::check(path, &mut self.budget)?;
        self.check_revocation(path, anchor)?;
        // Last, so that a path which lacks nothing else is what is reported.
        let (own, above) = path.split_first().ok_or(Refusal::UnknownAuthority)?;
        let above = above.iter().map(|certificate| &certificate.key);
        self.trust
            .check_pins(own, above.chain(iter::once(&anchor.key)))
    }

    fn check_revocation(
        &mut self,
        path: &[&Certificate<'_>],
        anchor: &Anchor,
    ) -> Result<(), Refusal> {
        let Some(revocation) = self.trust.revocation else {
            return Ok(());
        };
        let above = path.iter().skip(1).map(|authority| Issuer {
            key: &authority.key,
            may_sign_lists: authority.may_sign_lists(),
        });
        let root = Issuer {
            key: &anchor.key,
            may_sign_lists: anchor.may_sign_lists,
        };
        let issued = path.iter().copied().zip(above.chain(iter::once(root)));
        let algorithms = self.trust.algorithms;
        revocation.check(issued, self.now, algorithms, &mut self.budget)
    }

    fn check_signature(
        &mut self,
        path: &[&Certificate<'_>],
        key: &PublicKey<'_>,
    ) -> Result<(), Refusal> {
        let head = path.last().ok_or(Refusal::UnknownAuthority)?;
        self.budget.signature(&key.key)?;
        head.verify_signature(key, self.trust.algorithms)
    }

    /// Checks constraints for all certificates below, except those of authorities that issued to
    /// themselves, as they do when they change their key (RFC 5280 §6.1.3, b).
    fn check_names(
        &mut self,
        constraints: &NameConstraints<'_>,
        below: &[&Certificate<'_>],
    ) -> Result<(), Refusal> {
        for (index, certificate) in below.iter().enumerate() {
            if index == 0 || !certificate.is_self_issued() {
                constraints.check(certificate, &mut self.budget)?;
            }
        }
        Ok(())
    }

    fn note(&mut self, refusal: Refusal) -> Result<(), Refusal> {
        if refusal == Refusal::TooComplex {
            return Err(refusal);
        }
        if refusal.rank() > self.closest.rank() {
            self.closest = refusal;
        }
        Ok(())
    }
}

/// Whether the path has the authority already, under this or another certificate: it would go round
/// in a circle (RFC 4158 §5.2).
fn is_in(candidate: &Certificate<'_>, path: &[&Certificate<'_>]) -> bool {
    path.iter().any(|certificate| {
        certificate.der() == candidate.der()
            || (certificate.subject() == candidate.subject() && certificate.key == candidate.key)
    })
}

/// How many authorities a path has above the peer's own certificate; those that issued to
/// themselves do not count (RFC 5280 §4.2.1.9).
fn authorities(path: &[&Certificate<'_>]) -> u32 {
    let above_own = path.iter().skip(1);
    let counted = above_own.filter(|certificate| !certificate.is_self_issued());
    u32::try_from(counted.count()).unwrap_or(u32::MAX)
}
