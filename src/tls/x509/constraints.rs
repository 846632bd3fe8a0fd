//! Name constraints: what an authority may issue for (RFC 5280 §4.2.1.10).

use rustls::pki_types::IpAddr;

use super::budget::Budget;
use super::certificate::{Certificate, NameConstraints};
use super::der::{Malformed, Reader, SEQUENCE, context};
use super::distinguished_name::{email_addresses, is_within};
use super::names::{Name, is_dns_name, shown};
use super::refusal::Refusal;

/// The list that a name is compared with. A name that cannot be compared is refused with either.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Permitted,
    Excluded,
}

impl NameConstraints<'_> {
    /// Whether all names of the certificate, its subject included, are within the constraints.
    pub(super) fn check(
        &self,
        certificate: &Certificate<'_>,
        budget: &mut Budget,
    ) -> Result<(), Refusal> {
        let mut names = certificate.names()?;
        let subject = certificate.subject();
        if !subject.is_empty() {
            names.push(Name::Directory(subject));
            names.extend(email_addresses(subject)?.into_iter().map(Name::Email));
        }
        budget.names(names.len())?;
        for name in &names {
            self.check_name(name, budget)?;
        }
        Ok(())
    }

    fn check_name(&self, name: &Name<'_>, budget: &mut Budget) -> Result<(), Refusal> {
        let refused = || Err(Refusal::Constraint(description(name)));
        let (is_asked, is_in) = compare(self.permitted, name, List::Permitted, budget)?;
        if is_asked && !is_in {
            return refused();
        }
        let (_, is_in) = compare(self.excluded, name, List::Excluded, budget)?;
        if is_in { refused() } else { Ok(()) }
    }
}

/// Whether the list has names of this form, and whether this one is in it.
fn compare(
    subtrees: Option<&[u8]>,
    name: &Name<'_>,
    list: List,
    budget: &mut Budget,
) -> Result<(bool, bool), Refusal> {
    let (mut is_asked, mut is_in) = (false, false);
    let mut subtrees = Reader::new(subtrees.unwrap_or_default());
    while !subtrees.is_empty() {
        let mut subtree = Reader::new(subtrees.expect(SEQUENCE)?);
        let base = Name::read(&mut subtree)?;
        budget.compare(name, &base)?;
        // minimum must be 0, which DER leaves out and some encoders do not; maximum must be absent.
        if !matches!(subtree.optional(context(0))?, None | Some([0])) {
            return Err(Malformed.into());
        }
        subtree.end()?;
        let matches = match (name, base) {
            (Name::Dns(name), Name::Dns(base)) => is_dns_within(name, base, list)?,
            (Name::Address(name), Name::Address(base)) => is_address_within(name, base)?,
            (Name::Email(name), Name::Email(base)) => is_email_within(name, base, list)?,
            (Name::Uri(name), Name::Uri(base)) => is_uri_within(name, base, list)?,
            (Name::Directory(name), Name::Directory(base)) => is_within(name, base)?,
            // If a form of names is constrained and not understood, its names are refused.
            (Name::Other(form), Name::Other(of)) if *form == of => list == List::Excluded,
            _ => continue,
        };
        is_asked = true;
        is_in |= matches;
    }
    Ok((is_asked, is_in))
}

/// By RFC 5280, a name is within the base if adding labels to the left of the base can make it. A
/// base with a dot in front does not hold itself; that is no standard, but public authorities use
/// it.
fn is_dns_within(name: &[u8], base: &[u8], list: List) -> Result<bool, Malformed> {
    if !is_dns_name(name) || !is_dns_base(base) {
        return Err(Malformed);
    }
    if is_host_within(name, base) {
        return Ok(true);
    }
    // All names that a wildcard stands for must be permitted, so there it is compared as it stands.
    // A wildcard that stands for any excluded name is excluded.
    Ok(list == List::Excluded
        && name.strip_prefix(b"*.").is_some_and(|parent| {
            let mut labels = base.splitn(2, |byte| *byte == b'.');
            let first = labels.next().unwrap_or_default();
            !first.is_empty()
                && labels
                    .next()
                    .unwrap_or_default()
                    .eq_ignore_ascii_case(parent)
        }))
}

/// Whether the host is the base, or below it. Every host is below an empty base.
fn is_host_within(host: &[u8], base: &[u8]) -> bool {
    if base.is_empty() {
        return true;
    }
    let Some(start) = host.len().checked_sub(base.len()) else {
        return false;
    };
    let Some((above, end)) = host.split_at_checked(start) else {
        return false;
    };
    end.eq_ignore_ascii_case(base)
        && match base.first() {
            Some(b'.') => !above.is_empty(),
            _ => above.is_empty() || above.ends_with(b"."),
        }
}

fn is_dns_base(base: &[u8]) -> bool {
    let host = base.strip_prefix(b".").unwrap_or(base);
    base.is_empty() || (is_dns_name(host) && !host.starts_with(b"*"))
}

/// The base is an address and a mask. In the mask, all ones must come before all zeros.
fn is_address_within(address: &[u8], base: &[u8]) -> Result<bool, Malformed> {
    if !matches!(address.len(), 4 | 16) || !matches!(base.len(), 8 | 32) {
        return Err(Malformed);
    }
    let (network, mask) = base.split_at_checked(base.len() / 2).ok_or(Malformed)?;
    let mut ended = false;
    for byte in mask {
        if (ended && *byte != 0) || byte.leading_ones() + byte.trailing_zeros().min(8) != 8 {
            return Err(Malformed);
        }
        ended = *byte != 0xff;
    }
    Ok(address.len() == network.len()
        && address
            .iter()
            .zip(network)
            .zip(mask)
            .all(|((byte, of), mask)| byte & mask == of & mask))
}

/// The base is a mailbox, a host (all mailboxes there), or a domain with a dot in front.
fn is_email_within(name: &[u8], base: &[u8], list: List) -> Result<bool, Malformed> {
    let (mailbox, host) = split_email(name).ok_or(Malformed)?;
    if !is_dns_name(host) {
        return Err(Malformed);
    }
    if base.is_empty() {
        return Ok(list == List::Excluded);
    }
    match split_email(base) {
        Some((base_mailbox, base_host)) => {
            Ok(mailbox == base_mailbox && host.eq_ignore_ascii_case(base_host))
        }
        None => is_exact_or_below(host, base),
    }
}

/// The mailbox and the host of a mail address; `None` if it is not valid (RFC 5321 §4.1.2).
fn split_email(address: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = address.iter().rposition(|byte| *byte == b'@')?;
    let (mailbox, host) = address.split_at_checked(at)?;
    let is_mailbox = match mailbox {
        [] => false,
        [b'"', quoted @ .., b'"'] => quoted.iter().all(|byte| matches!(byte, b' '..=b'~')),
        plain => plain
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(byte)),
    };
    is_mailbox.then_some((mailbox, host.strip_prefix(b"@")?))
}

/// Whether the host is the base, or below it where the base has a dot in front.
fn is_exact_or_below(host: &[u8], base: &[u8]) -> Result<bool, Malformed> {
    if !is_dns_base(base) {
        return Err(Malformed);
    }
    Ok(match base.first() {
        Some(b'.') => is_host_within(host, base),
        _ => host.eq_ignore_ascii_case(base),
    })
}

/// A URI must have a host, and that must have a name (RFC 5280 §4.2.1.10).
fn is_uri_within(name: &[u8], base: &[u8], list: List) -> Result<bool, Malformed> {
    let text = str::from_utf8(name).map_err(|_| Malformed)?;
    let (_, rest) = text.split_once("://").ok_or(Malformed)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (_, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let host = match host.split_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) => return Err(Malformed),
        None => host,
    };
    let is_address = IpAddr::try_from(host).is_ok();
    if is_address || host.starts_with('*') || !is_dns_name(host.as_bytes()) {
        return Err(Malformed);
    }
    // An empty base can be read as all hosts or as none; the stricter reading is taken.
    if base.is_empty() {
        return Ok(list == List::Excluded);
    }
    is_exact_or_below(host.as_bytes(), base)
}

fn description(name: &Name<'_>) -> String {
    match name {
        Name::Directory(_) => "the subject that it has".to_owned(),
        Name::Other(_) => "a name of the form that it has".to_owned(),
        name => shown(name).unwrap_or_default(),
    }
}

#[cfg(test)]
#[path = "constraints_tests.rs"]
mod tests;
