//! Revocation lists (RFC 5280 §5), and what they say of the certificates on a path (§6.3).
//!
//! A list counts for the certificates of the authority that signed it, with the key that signs them.
//! Lists that others sign, and lists of changes, are refused where they are loaded, so that nobody
//! relies on what is not looked at.

use std::sync::{Arc, OnceLock};

use super::budget::Budget;
use super::certificate::Certificate;
use super::der::{
    BIT_STRING, INTEGER, Malformed, Reader, SEQUENCE, boolean, bytes_of_bits, constructed, context,
    integer, number, only,
};
use super::distinguished_name::to_text;
use super::extension::each_extension;
use super::public_key::{Algorithms, PublicKey};
use super::refusal::{Ignorance, Refusal, dotted};
use super::time::{optional_time, time};

/// A revocation list.
#[derive(Debug)]
pub(crate) struct RevocationList {
    /// The signed part, the TBSCertList.
    signed: Vec<u8>,
    /// The contents of the AlgorithmIdentifier.
    signature_algorithm: Vec<u8>,
    signature: Vec<u8>,
    /// The contents of the issuer's Name.
    issuer: Vec<u8>,
    this_update: i64,
    next_update: Option<i64>,
    coverage: Coverage,
    /// Where the serial numbers of revoked certificates are in the signed part, in their order.
    revoked: Vec<u32>,
    /// The key that its signature was found to be of. A list may be long, and is verified once.
    verified: OnceLock<PublicKey<'static>>,
}

/// Why a list cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    Malformed,
    /// In words.
    Unsupported(String),
}

/// Which certificates of its authority a list is about (RFC 5280 §5.2.5).
#[derive(Debug, Default, PartialEq, Eq)]
struct Coverage {
    /// Authorities or others only.
    authorities: Option<bool>,
    /// The names of the place that it is from, one GeneralName after the other: it is then about
    /// the certificates that name this place.
    places: Option<Vec<u8>>,
}

/// Whose revocation is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationScope {
    /// That of all certificates below the trust root.
    Chain,
    /// That of the peer's own certificate.
    OwnCertificate,
}

/// What is done where no list tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownRevocation {
    /// The peer is refused.
    Refused,
    /// The certificate counts as not revoked.
    Accepted,
}

/// The lists, and what is asked of them.
#[derive(Clone, Debug)]
pub(crate) struct Revocation {
    pub(crate) lists: Arc<Vec<Arc<RevocationList>>>,
    pub(crate) scope: RevocationScope,
    pub(crate) unknown: UnknownRevocation,
}

/// The authority that issued a certificate on the path.
pub(super) struct Issuer<'i> {
    pub(super) key: &'i PublicKey<'i>,
    pub(super) may_sign_lists: bool,
}

impl From<Malformed> for Unusable {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

fn unsupported<T>(what: &str) -> Result<T, Unusable> {
    Err(Unusable::Unsupported(what.to_owned()))
}

impl RevocationList {
    /// Reads a list of either version.
    pub(crate) fn parse(der: &[u8]) -> Result<Self, Unusable> {
        let mut outer = Reader::new(only(der, SEQUENCE)?);
        let signed = outer.whole(SEQUENCE)?;
        let signature_algorithm = outer.expect(SEQUENCE)?;
        let signature = bytes_of_bits(outer.expect(BIT_STRING)?)?;
        outer.end()?;

        let mut body = Reader::new(only(signed, SEQUENCE)?);
        let is_second = match body.optional(INTEGER)?.map(number).transpose()? {
            None => false,
            Some(1) => true,
            Some(_) => return Err(Unusable::Malformed),
        };
        // RFC 5280 §5.1.1.2.
        if body.expect(SEQUENCE)? != signature_algorithm {
            return Err(Unusable::Malformed);
        }
        let issuer = body.expect(SEQUENCE)?;
        let this_update = time(&mut body)?;
        let next_update = optional_time(&mut body)?;
        let mut revoked = Vec::new();
        if let Some(entries) = body.optional(SEQUENCE)? {
            let end = signed.len().saturating_sub(body.len());
            revoked = read_entries(entries, end, is_second)?;
        }
        let mut coverage = Coverage::default();
        if is_second && let Some(list) = body.optional(constructed(0))? {
            coverage = Coverage::of_extensions(only(list, SEQUENCE)?)?;
        }
        body.end()?;

        let mut list = Self {
            signed: signed.to_vec(),
            signature_algorithm: signature_algorithm.to_vec(),
            signature: signature.to_vec(),
            issuer: issuer.to_vec(),
            this_update,
            next_update,
            coverage,
            revoked: Vec::new(),
            verified: OnceLock::new(),
        };
        revoked.sort_unstable_by(|one, other| list.serial_at(*one).cmp(list.serial_at(*other)));
        list.revoked = revoked;
        Ok(list)
    }

    /// Whether it is the same list.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.signed == other.signed && self.signature == other.signature
    }

    fn serial_at(&self, offset: u32) -> &[u8] {
        let rest = usize::try_from(offset).ok();
        let rest = rest.and_then(|offset| self.signed.get(offset..));
        let serial = rest.map(|rest| Reader::new(rest).expect(INTEGER));
        serial.and_then(Result::ok).unwrap_or_default()
    }

    fn revokes(&self, serial: &[u8]) -> bool {
        let found = self
            .revoked
            .binary_search_by(|offset| self.serial_at(*offset).cmp(serial));
        found.is_ok()
    }

    /// Whether it is about a certificate like this one, of this authority.
    fn covers(&self, certificate: &Certificate<'_>) -> bool {
        let Coverage {
            authorities,
            places,
        } = &self.coverage;
        self.issuer == certificate.issuer()
            && authorities.is_none_or(|only| only == certificate.is_authority())
            && places.as_ref().is_none_or(|places| {
                let named = certificate.extensions.revocation_places;
                named.is_some_and(|named| names_a_place(named, places).unwrap_or(false))
            })
    }

    /// Whether its signature is of this key.
    fn is_signed_by(
        &self,
        key: &PublicKey<'_>,
        algorithms: &Algorithms,
        budget: &mut Budget,
    ) -> Result<bool, Refusal> {
        if let Some(verified) = self.verified.get() {
            return Ok(verified == key);
        }
        budget.signature(&key.key)?;
        let signature = (&self.signature_algorithm, &self.signature);
        let outcome = key.verify(algorithms, signature.0, &self.signed, signature.1);
        if outcome.is_ok() {
            let _ = self.verified.set(key.clone().into_owned());
        }
        Ok(outcome.is_ok())
    }
}

impl Revocation {
    /// Checks the certificates of a path that is verified otherwise, the peer's own first, each with
    /// the authority that issued it.
    pub(super) fn check<'p>(
        &self,
        path: impl Iterator<Item = (&'p Certificate<'p>, Issuer<'p>)>,
        now: i64,
        algorithms: &Algorithms,
        budget: &mut Budget,
    ) -> Result<(), Refusal> {
        let length = match self.scope {
            RevocationScope::Chain => usize::MAX,
            RevocationScope::OwnCertificate => 1,
        };
        for (certificate, issuer) in path.take(length) {
            let outcome = self.look_up(certificate, &issuer, now, algorithms, budget);
            match (outcome, self.unknown) {
                (Err(Refusal::RevocationUnknown(..)), UnknownRevocation::Accepted) => {}
                (outcome, _) => outcome?,
            }
        }
        Ok(())
    }

    /// A list that is out of date still tells what it has revoked, and no more.
    fn look_up(
        &self,
        certificate: &Certificate<'_>,
        issuer: &Issuer<'_>,
        now: i64,
        algorithms: &Algorithms,
        budget: &mut Budget,
    ) -> Result<(), Refusal> {
        let (mut is_known, mut ignorance) = (false, Ignorance::NoList);
        for list in self.lists.iter().filter(|list| list.covers(certificate)) {
            if !issuer.may_sign_lists {
                ignorance = ignorance.max(Ignorance::MayNotSign);
            } else if !list.is_signed_by(issuer.key, algorithms, budget)? {
                ignorance = ignorance.max(Ignorance::OtherKey);
            } else if list.revokes(certificate.serial_number) {
                return Err(Refusal::Revoked);
            } else if now < list.this_update {
                ignorance = ignorance.max(Ignorance::NotYetValid);
            } else if list.next_update.is_some_and(|end| now > end) {
                ignorance = ignorance.max(Ignorance::Expired);
            } else {
                is_known = true;
            }
        }
        match is_known {
            true => Ok(()),
            false => Err(Refusal::RevocationUnknown(
                ignorance,
                to_text(certificate.issuer()),
            )),
        }
    }
}

/// The places of the serial numbers in the signed part, in which the entries end at `end`.
fn read_entries(entries: &[u8], end: usize, is_second: bool) -> Result<Vec<u32>, Unusable> {
    let mut revoked = Vec::new();
    let mut list = Reader::new(entries);
    while !list.is_empty() {
        let contents = list.expect(SEQUENCE)?;
        let place = end
            .checked_sub(list.len().saturating_add(contents.len()))
            .ok_or(Malformed)?;
        let mut entry = Reader::new(contents);
        integer(entry.expect(INTEGER)?)?;
        time(&mut entry)?;
        if is_second && let Some(extensions) = entry.optional(SEQUENCE)? {
            each_extension(extensions, |oid, is_critical, _| match oid {
                // The reason, instructions on a hold, and since when it is not to be trusted. What
                // is on hold counts as revoked.
                [0x55, 0x1d, 21 | 23 | 24] => Ok(()),
                [0x55, 0x1d, 29] => unsupported(INDIRECT),
                _ => refuse_if(is_critical, oid),
            })?;
        }
        entry.end()?;
        revoked.push(u32::try_from(place).map_err(|_| Malformed)?);
    }
    Ok(revoked)
}

const INDIRECT: &str = "it is about certificates of other authorities (an indirect list); load the \
                        list of each authority";

fn refuse_if(is_critical: bool, oid: &[u8]) -> Result<(), Unusable> {
    match is_critical {
        true => Err(Unusable::Unsupported(format!(
            "a critical extension in it is not understood (OID {})",
            dotted(oid)
        ))),
        false => Ok(()),
    }
}

impl Coverage {
    fn of_extensions(list: &[u8]) -> Result<Self, Unusable> {
        let mut coverage = Self::default();
        each_extension(list, |oid, is_critical, value| match oid {
            // Other names of the issuer, the number of the list, the issuer's key, and the place of
            // lists of changes.
            [0x55, 0x1d, 18 | 20 | 35 | 46] => Ok(()),
            [0x55, 0x1d, 27] => {
                unsupported("it has changes only (a delta list); load the complete list")
            }
            [0x55, 0x1d, 28] => {
                coverage = Self::read(only(value, SEQUENCE)?)?;
                Ok(())
            }
            _ => refuse_if(is_critical, oid),
        })?;
        Ok(coverage)
    }

    /// Takes the contents of an IssuingDistributionPoint.
    fn read(contents: &[u8]) -> Result<Self, Unusable> {
        let mut reader = Reader::new(contents);
        let place = reader.optional(constructed(0))?;
        let (users, authorities) = (flag(&mut reader, 1)?, flag(&mut reader, 2)?);
        let reasons = reader.optional(context(3))?;
        let (indirect, attributes) = (flag(&mut reader, 4)?, flag(&mut reader, 5)?);
        reader.end()?;
        if reasons.is_some() {
            return unsupported("it has some reasons of revocation only; load a list of all");
        }
        if indirect {
            return unsupported(INDIRECT);
        }
        if attributes || (users && authorities) {
            return unsupported("it is about attribute certificates, which TLS does not have");
        }
        let places = match place {
            None => None,
            Some(place) => match only(place, constructed(0)) {
                Ok(names) => Some(names.to_vec()),
                Err(Malformed) => {
                    return unsupported("its place is not named in full; load a list of all");
                }
            },
        };
        let authorities = (users || authorities).then_some(authorities);
        Ok(Self {
            authorities,
            places,
        })
    }
}

/// Reads a BOOLEAN that is false if it is not there.
fn flag(reader: &mut Reader<'_>, number: u8) -> Result<bool, Malformed> {
    let flag = reader.optional(context(number))?.map(boolean);
    Ok(flag.transpose()?.unwrap_or(false))
}

/// Whether one of a certificate's distribution points, given as the contents of their list, has one of
/// the names of a list's place, for all reasons and with the certificate's authority as the signer
/// (RFC 5280 §6.3.3, b and d).
fn names_a_place(points: &[u8], places: &[u8]) -> Result<bool, Malformed> {
    let mut points = Reader::new(points);
    while !points.is_empty() {
        let mut point = Reader::new(points.expect(SEQUENCE)?);
        let Some(name) = point.optional(constructed(0))? else {
            continue;
        };
        // Reasons or another signer follow.
        if !point.is_empty() {
            continue;
        }
        let Ok(names) = only(name, constructed(0)) else {
            continue;
        };
        let mut names = Reader::new(names);
        while !names.is_empty() {
            let name = names.any()?;
            let mut others = Reader::new(places);
            while !others.is_empty() {
                if others.any()? == name {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}
