//! `--crlfile`: what authorities have revoked, on the command line.

use std::path::PathBuf;

use clap::Args;
use portcullis_host::{Context, Instance};

use crate::arguments::identity::source;
use crate::exit::{Exit, Result};

/// Which revocation lists are looked at.
#[derive(Args, Debug)]
pub(crate) struct Revocation {
    /// Refuse certificates that are revoked by the lists in this file (PEM or DER), or that none of
    /// them is about: give a list of each authority above the peer, in one file or in several flags
    #[arg(long, value_name = "FILE")]
    crlfile: Vec<PathBuf>,
}

impl Revocation {
    pub(crate) fn is_given(&self) -> bool {
        !self.crlfile.is_empty()
    }

    /// Loads the lists.
    pub(crate) fn load(&self, tls: &mut Instance, context: &Context) -> Result<()> {
        for path in &self.crlfile {
            context
                .add_revocation_lists(tls, &source(path)?)
                .map_err(|failure| Exit::from(failure).context(path.display()))?;
        }
        Ok(())
    }
}
