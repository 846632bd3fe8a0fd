//! Certificate policies (RFC 5280 §6.1), which are checked only where an authority requires them.
//! The component asks for no policy of its own, so that otherwise any policy will do, or none.

use std::collections::BTreeSet;

use super::certificate::{ANY_POLICY, Certificate};
use super::der::{Malformed, OID, Reader, SEQUENCE};
use super::refusal::Refusal;

/// The policies that hold from the trust root down.
enum Policies<'a> {
    Any,
    These(BTreeSet<&'a [u8]>),
}

/// Checks a path, the peer's own certificate first and the one that the trust root issued last.
///
/// Policies that an authority maps to others are not followed: if one authority requires a policy
/// and one maps any, the path is refused.
pub(super) fn check(path: &[&Certificate<'_>]) -> Result<(), Refusal> {
    // RFC 5280 §6.1.4, a: whether or not a policy is required.
    let mut authorities = path.iter().skip(1);
    if authorities.any(|certificate| certificate.extensions.maps_any_policy) {
        return Err(Refusal::Policy);
    }
    let required =
        |certificate: &&Certificate<'_>| certificate.extensions.require_explicit_policy.is_some();
    if !path.iter().any(required) {
        return Ok(());
    }
    let after_all = u32::try_from(path.len()).map_or(u32::MAX, |n| n.saturating_add(1));
    // How many certificates follow until a policy is required, and until anyPolicy no longer
    // counts.
    let (mut until_required, mut until_inhibited) = (after_all, after_all);
    let mut policies = Policies::Any;
    let mut are_mapped = false;
    for (index, certificate) in path.iter().enumerate().rev() {
        let is_last = index == 0;
        let extensions = &certificate.extensions;
        let is_any_allowed = until_inhibited > 0 || (!is_last && certificate.is_self_issued());
        policies = match extensions.policies {
            None => Policies::These(BTreeSet::new()),
            Some(list) => policies.and(list, is_any_allowed)?,
        };
        let is_refused =
            |until_required: u32| until_required == 0 && (are_mapped || policies.are_none());
        if is_refused(until_required) {
            return Err(Refusal::Policy);
        }
        let is_counted = is_last || !certificate.is_self_issued();
        until_required = until_required.saturating_sub(u32::from(is_counted));
        until_inhibited = until_inhibited.saturating_sub(u32::from(is_counted));
        match extensions.require_explicit_policy {
            Some(count) if !is_last || count == 0 => until_required = until_required.min(count),
            _ => {}
        }
        if is_last && is_refused(until_required) {
            return Err(Refusal::Policy);
        }
        if let Some(count) = extensions.inhibit_any_policy {
            until_inhibited = until_inhibited.min(count);
        }
        are_mapped |= extensions.has_policy_mappings;
    }
    Ok(())
}

impl<'a> Policies<'a> {
    fn are_none(&self) -> bool {
        matches!(self, Self::These(these) if these.is_empty())
    }

    /// The policies that are left below a certificate with this list.
    fn and(self, list: &'a [u8], is_any_allowed: bool) -> Result<Self, Malformed> {
        let (mut listed, mut has_any) = (BTreeSet::new(), false);
        let mut list = Reader::new(list);
        while !list.is_empty() {
            match Reader::new(list.expect(SEQUENCE)?).expect(OID)? {
                ANY_POLICY => has_any = true,
                policy => {
                    listed.insert(policy);
                }
            }
        }
        Ok(match (self, has_any && is_any_allowed) {
            (same, true) => same,
            (Self::Any, false) => Self::These(listed),
            (Self::These(these), false) => {
                Self::These(these.intersection(&listed).copied().collect())
            }
        })
    }
}
