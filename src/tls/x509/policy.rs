//! Certificate policies (RFC 5280 §6.1), which are checked only where an authority requires them.
//! The component asks for no policy of its own, so that otherwise any policy will do, or none.

use std::collections::{BTreeMap, BTreeSet};

use super::budget::Budget;
use super::certificate::{ANY_POLICY, Certificate};
use super::der::{Malformed, OID, Reader, SEQUENCE};
use super::refusal::Refusal;

/// The policies that hold from the trust root down to one certificate: the lowest nodes of the tree of
/// RFC 5280 §6.1.2. The nodes above serve to tell which of the caller's policies hold, and the component
/// has none to ask for.
struct Policies<'a> {
    /// Whether anyPolicy is among them.
    has_any: bool,
    /// Each of the others, with the policies that it is called below.
    named: BTreeMap<&'a [u8], BTreeSet<&'a [u8]>>,
}

/// How many certificates follow until something holds (RFC 5280 §6.1.2, d to f).
struct Until {
    /// A policy is required.
    required: u32,
    /// anyPolicy no longer counts.
    any_is_inhibited: u32,
    /// Policies are no longer mapped.
    mapping_is_inhibited: u32,
}

/// Checks a path, the peer's own certificate first and the one that the trust root issued last.
pub(super) fn check(path: &[&Certificate<'_>], budget: &mut Budget) -> Result<(), Refusal> {
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
    let mut until = Until {
        required: after_all,
        any_is_inhibited: after_all,
        mapping_is_inhibited: after_all,
    };
    let mut policies = Policies {
        has_any: true,
        named: BTreeMap::new(),
    };
    for (index, certificate) in path.iter().enumerate().rev() {
        let is_last = index == 0;
        let is_self_issued = !is_last && certificate.is_self_issued();
        let is_any_allowed = until.any_is_inhibited > 0 || is_self_issued;
        policies = policies.and(certificate.extensions.policies, is_any_allowed)?;
        budget.names(policies.named.len())?;
        if until.required == 0 && policies.are_none() {
            return Err(Refusal::Policy);
        }
        if is_last {
            return until.wrap_up(certificate, &policies);
        }
        if let Some(mappings) = certificate.extensions.policy_mappings {
            policies.map(mappings, until.mapping_is_inhibited > 0)?;
            budget.names(policies.named.len())?;
        }
        until.follow(certificate);
    }
    Ok(())
}

impl Until {
    /// Prepares for the certificate below (RFC 5280 §6.1.4, h to j).
    fn follow(&mut self, certificate: &Certificate<'_>) {
        let extensions = &certificate.extensions;
        let counted = u32::from(!certificate.is_self_issued());
        for (until, limit) in [
            (&mut self.required, extensions.require_explicit_policy),
            (
                &mut self.mapping_is_inhibited,
                extensions.inhibit_policy_mapping,
            ),
            (&mut self.any_is_inhibited, extensions.inhibit_any_policy),
        ] {
            *until = until.saturating_sub(counted);
            *until = limit.map_or(*until, |limit| limit.min(*until));
        }
    }

    /// The last step (RFC 5280 §6.1.5, a and b, and g).
    fn wrap_up(&self, own: &Certificate<'_>, policies: &Policies<'_>) -> Result<(), Refusal> {
        let is_required = self.required <= 1 || own.extensions.require_explicit_policy == Some(0);
        match is_required && policies.are_none() {
            true => Err(Refusal::Policy),
            false => Ok(()),
        }
    }
}

impl<'a> Policies<'a> {
    fn are_none(&self) -> bool {
        !self.has_any && self.named.is_empty()
    }

    /// The policies that are left below a certificate with this list (RFC 5280 §6.1.3, d and e).
    fn and(self, list: Option<&'a [u8]>, is_any_allowed: bool) -> Result<Self, Malformed> {
        let expected: BTreeSet<_> = self.named.into_values().flatten().collect();
        let (mut named, mut lists_any) = (BTreeMap::new(), false);
        let itself = |policy: &'a [u8]| (policy, BTreeSet::from([policy]));
        let mut list = Reader::new(list.unwrap_or_default());
        while !list.is_empty() {
            match Reader::new(list.expect(SEQUENCE)?).expect(OID)? {
                ANY_POLICY => lists_any = true,
                policy if self.has_any || expected.contains(policy) => {
                    named.extend([itself(policy)]);
                }
                _ => {}
            }
        }
        let is_any = lists_any && is_any_allowed;
        if is_any {
            named.extend(expected.into_iter().map(itself));
        }
        Ok(Self {
            has_any: self.has_any && is_any,
            named,
        })
    }

    /// Follows the mappings of an authority, from its policies to what they are called below, or takes
    /// out what it maps and may not (RFC 5280 §6.1.4, b).
    fn map(&mut self, mappings: &'a [u8], is_allowed: bool) -> Result<(), Malformed> {
        let mut called: BTreeMap<&[u8], BTreeSet<&[u8]>> = BTreeMap::new();
        let mut mappings = Reader::new(mappings);
        while !mappings.is_empty() {
            let mut pair = Reader::new(mappings.expect(SEQUENCE)?);
            let (from, to) = (pair.expect(OID)?, pair.expect(OID)?);
            called.entry(from).or_default().insert(to);
        }
        for (policy, below) in called {
            match is_allowed {
                false => drop(self.named.remove(policy)),
                true if self.has_any || self.named.contains_key(policy) => {
                    self.named.insert(policy, below);
                }
                true => {}
            }
        }
        Ok(())
    }
}
