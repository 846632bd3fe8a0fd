//! The revocation lists of a context before it is sealed, and what is asked of them.

use std::sync::Arc;

use crate::error::{ConfigurationItem, ConfigurationReason, Error};
use crate::tls::credential::revocation_lists::revocation_lists;
use crate::tls::x509::{Revocation, RevocationList, RevocationScope, UnknownRevocation};

/// The lists so far.
#[derive(Clone)]
pub(crate) struct Revocations {
    lists: Arc<Vec<Arc<RevocationList>>>,
    scope: RevocationScope,
    unknown: UnknownRevocation,
    /// The caller has said what is asked, so that there have to be lists.
    is_asked: bool,
}

impl Default for Revocations {
    /// Nothing is asked before there are lists, and then everything.
    fn default() -> Self {
        Self {
            lists: Arc::default(),
            scope: RevocationScope::Chain,
            unknown: UnknownRevocation::Refused,
            is_asked: false,
        }
    }
}

impl Revocations {
    /// Adds the lists of the input, and returns how many were new.
    pub(crate) fn add(&mut self, input: &[u8]) -> Result<u32, Error> {
        let found = revocation_lists(input)?;
        let lists = Arc::make_mut(&mut self.lists);
        let before = lists.len();
        for list in found {
            if !lists.iter().any(|known| known.is_same(&list)) {
                lists.push(Arc::new(list));
            }
        }
        Ok(u32::try_from(lists.len() - before).unwrap_or(u32::MAX))
    }

    pub(crate) fn ask(&mut self, scope: RevocationScope, unknown: UnknownRevocation) {
        (self.scope, self.unknown, self.is_asked) = (scope, unknown, true);
    }

    /// What is asked of whom; none if nothing is.
    pub(crate) fn seal(&self) -> Result<Option<Revocation>, Error> {
        if !self.lists.is_empty() {
            return Ok(Some(Revocation {
                lists: Arc::clone(&self.lists),
                scope: self.scope,
                unknown: self.unknown,
            }));
        }
        match self.is_asked {
            true => Err(Error::refused(
                ConfigurationItem::RevocationLists,
                ConfigurationReason::Missing,
                "revocation is to be checked, and no list is loaded",
            )),
            false => Ok(None),
        }
    }
}
