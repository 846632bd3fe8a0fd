//! The trust roots of a context before it is sealed, and the authorities that a server suggests.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use rustls::DistinguishedName;

use super::Roots;
use crate::error::{ConfigurationError, ConfigurationItem, ConfigurationReason, Error};
use crate::tls::credential::certificates;
use crate::tls::x509::Anchor;

/// The trust roots so far.
#[derive(Clone)]
pub(crate) struct TrustRoots {
    /// The roots are still the default ones, which the first roots that the caller adds replace.
    is_default: bool,
    web: bool,
    own: Arc<BTreeSet<Vec<u8>>>,
    /// Where the caller's own roots come from, for the message about an unknown authority.
    places: Vec<String>,
    /// Places where no root was found.
    in_vain: Vec<String>,
}

/// How many places a message names; of the others it gives the number.
const MAX_NAMED: usize = 8;

/// The result of reading a directory of authorities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryReport {
    /// How many certificates were new.
    pub added: u32,
    /// How many files held at least one certificate.
    pub files: u32,
    /// The files that gave none, or the directory itself.
    pub problems: Vec<FileProblem>,
}

/// A file or directory that gave no trust root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileProblem {
    /// Where it is.
    pub path: String,
    /// Why it gave none.
    pub reason: ConfigurationReason,
    /// For people.
    pub detail: Option<String>,
}

impl TrustRoots {
    /// Trusts nobody.
    pub(crate) fn none() -> Self {
        Self {
            is_default: false,
            web: false,
            own: Arc::default(),
            places: Vec::new(),
            in_vain: Vec::new(),
        }
    }

    /// The roots until the caller says otherwise: the web roots, or none.
    pub(crate) fn by_default(web: bool) -> Self {
        Self {
            is_default: true,
            web,
            ..Self::none()
        }
    }

    /// Whether the caller has said nothing yet.
    pub(crate) fn is_default(&self) -> bool {
        self.is_default
    }

    /// Adds the certificates of the input, and returns how many were new. `place` is where the
    /// input comes from, unless the caller gave it as bytes.
    pub(crate) fn add(&mut self, input: &[u8], place: Option<&str>) -> Result<u32, Error> {
        let count = self.add_readable(input)?;
        self.places.push(match place {
            Some(place) => place.to_owned(),
            None => "what was given as bytes".to_owned(),
        });
        Ok(count)
    }

    fn add_readable(&mut self, input: &[u8]) -> Result<u32, Error> {
        let found = certificates::certificates(ConfigurationItem::TrustRoots, input)?;
        // Bundles may hold certificates that cannot be read; one readable certificate is enough.
        let readable: Vec<_> = found
            .into_iter()
            .filter(|der| Anchor::of_certificate(der).is_ok())
            .collect();
        if readable.is_empty() {
            return Err(Error::refused(
                ConfigurationItem::TrustRoots,
                ConfigurationReason::Malformed,
                "no certificate in it is valid X.509",
            ));
        }
        self.replace_default();
        let own = Arc::make_mut(&mut self.own);
        Ok(readable
            .iter()
            .map(|root| u32::from(own.insert(root.to_vec())))
            .sum())
    }

    /// Adds the certificates of the files of a directory, each a path and the result of reading it.
    /// `place` is what messages call the directory.
    pub(crate) fn add_files<B: AsRef<[u8]>>(
        &mut self,
        place: &str,
        directory: &str,
        files: impl IntoIterator<Item = (String, Result<B, Error>)>,
    ) -> DirectoryReport {
        self.replace_default();
        let mut report = DirectoryReport::default();
        for (path, contents) in files {
            match contents.and_then(|contents| self.add_readable(contents.as_ref())) {
                Ok(added) => {
                    report.added += added;
                    report.files += 1;
                }
                Err(error) => report.problems.push(FileProblem::new(path, error)),
            }
        }
        if report.files > 0 {
            self.places.push(place.to_owned());
        } else {
            self.in_vain.push(match report.problems.as_slice() {
                [only] if only.path == directory => format!("{place} is not there"),
                _ => format!("{place} holds none"),
            });
        }
        report
    }

    /// Adds the built-in web roots, and returns how many were new.
    pub(crate) fn add_web_roots(&mut self) -> u32 {
        let was_there = std::mem::replace(&mut self.web, true);
        self.is_default = false;
        if was_there {
            0
        } else {
            u32::try_from(web_roots().len()).unwrap_or(u32::MAX)
        }
    }

    /// Where trust roots were found, each place once, and where not, in words.
    pub(crate) fn sources(&self) -> Vec<String> {
        let web = self.web.then(|| "the built-in web roots".to_owned());
        let mut places: Vec<String> = Vec::new();
        for place in web.into_iter().chain(self.places.iter().cloned()) {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places.extend(self.in_vain.iter().cloned());
        places
    }

    /// The same as one text, for the message about an unknown authority.
    pub(crate) fn searched(&self) -> Arc<str> {
        let mut places = self.sources();
        if places.is_empty() {
            places.push("nothing, for nothing is trusted".to_owned());
        }
        let more = places.len().saturating_sub(MAX_NAMED);
        places.truncate(MAX_NAMED);
        let mut text = format!("searched: {}", places.join(", "));
        if more > 0 {
            text.push_str(&format!(" and {more} more"));
        }
        text.into()
    }

    fn replace_default(&mut self) {
        if self.is_default {
            (self.is_default, self.web) = (false, false);
        }
    }

    /// The roots to verify with. If `needed`, there must be at least one.
    pub(crate) fn seal(&self, needed: bool) -> Result<Roots, Error> {
        let anchors = if self.own.is_empty() && self.web {
            Arc::clone(web_roots())
        } else {
            let mut anchors = Vec::new();
            if self.web {
                anchors.clone_from(web_roots());
            }
            let own = self.own.iter();
            anchors.extend(own.filter_map(|root| Anchor::of_certificate(root).ok()));
            Arc::new(anchors)
        };
        if anchors.is_empty() && needed {
            let mut detail = "verification is asked for and nothing is trusted".to_owned();
            for place in &self.in_vain {
                detail.push_str("; ");
                detail.push_str(place);
            }
            return Err(Error::refused(
                ConfigurationItem::TrustRoots,
                ConfigurationReason::Missing,
                detail,
            ));
        }
        Ok(Roots {
            anchors,
            whole: Arc::clone(&self.own),
            pins: Vec::new(),
            revocation: None,
        })
    }
}

impl FileProblem {
    fn new(path: String, error: Error) -> Self {
        let (reason, detail) = match error {
            Error::Configuration(ConfigurationError { reason, detail, .. }) => (reason, detail),
            other => (ConfigurationReason::Unreadable, Some(other.to_string())),
        };
        Self {
            path,
            reason,
            detail,
        }
    }
}

/// How many bytes of names a CertificateRequest has room for. Its extensions, which include the
/// signature schemes, have 65,535 bytes at most (RFC 8446 §4.3.2), and some peers buffer no more
/// than that for the message and the records around it.
const ROOM: usize = 64_000;

/// How many of the names fit into one CertificateRequest.
fn fitting(names: &[DistinguishedName]) -> usize {
    let mut room = ROOM;
    names
        .iter()
        .take_while(|name| match room.checked_sub(2 + name.as_ref().len()) {
            Some(left) => {
                room = left;
                true
            }
            None => false,
        })
        .count()
}

/// The authorities that a server suggests if it is not told which: its trust roots, or none if they
/// are too many for one message. A client then chooses for itself, which it may do in any case.
pub(crate) fn suggested_by_default(roots: &Roots) -> Vec<DistinguishedName> {
    let subjects = roots.anchors.iter().map(Anchor::subject);
    let names: Vec<_> = subjects.map(DistinguishedName::in_sequence).collect();
    if fitting(&names) == names.len() {
        names
    } else {
        Vec::new()
    }
}

/// The subjects of the certificates of the input, each once.
pub(crate) fn suggested_authorities(input: &[u8]) -> Result<Vec<DistinguishedName>, Error> {
    let item = ConfigurationItem::SuggestedAuthorities;
    let mut subjects = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, der) in certificates::certificates(item, input)?.iter().enumerate() {
        let anchor = Anchor::of_certificate(der).map_err(|_| {
            Error::refused(
                item,
                ConfigurationReason::Malformed,
                format!("certificate {} is not valid X.509", index + 1),
            )
        })?;
        if seen.insert(anchor.subject().to_vec()) {
            subjects.push(DistinguishedName::in_sequence(anchor.subject()));
        }
    }
    let fitting = fitting(&subjects);
    if fitting < subjects.len() {
        return Err(Error::refused(
            item,
            ConfigurationReason::TooCostly,
            format!(
                "{} names are more than one message holds, in which the first {fitting} have room",
                subjects.len()
            ),
        ));
    }
    Ok(subjects)
}

/// The Mozilla list, made once.
fn web_roots() -> &'static Arc<Vec<Anchor>> {
    static WEB_ROOTS: OnceLock<Arc<Vec<Anchor>>> = OnceLock::new();
    WEB_ROOTS.get_or_init(|| {
        let roots = webpki_roots::TLS_SERVER_ROOTS.iter();
        Arc::new(
            roots
                .filter_map(|root| Anchor::built_in(root).ok())
                .collect(),
        )
    })
}

#[cfg(test)]
#[test]
fn every_built_in_root_is_read() {
    assert_eq!(web_roots().len(), webpki_roots::TLS_SERVER_ROOTS.len());
}
