//! `--alpn`: application protocols.

use std::str::FromStr;

use portcullis_host::{Context, Instance};

use super::names::split;
use crate::exit::{Exit, Result};

/// Names of application protocols, the preferred first, as they are written: with `,` between them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Alpn(Vec<String>);

impl Alpn {
    /// Have the context use them.
    pub(crate) fn set(&self, tls: &mut Instance, context: &Context) -> Result<()> {
        context
            .set_alpn(tls, &self.0)
            .map_err(|failure| Exit::from(failure).context("--alpn"))
    }
}

impl FromStr for Alpn {
    type Err = String;

    fn from_str(list: &str) -> std::result::Result<Self, Self::Err> {
        let names = split(list, &[','], "h2,http/1.1")?;
        Ok(Self(names.into_iter().map(str::to_owned).collect()))
    }
}
