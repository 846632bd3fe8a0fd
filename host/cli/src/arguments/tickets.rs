//! `--ticket-key` and `--ticket-count`: how sessions are kept by clients.

use std::path::PathBuf;

use clap::Args;
use portcullis_host::{Context, Instance};

use super::identity::read;
use crate::exit::{Exit, Result};

/// The flags.
#[derive(Args, Debug)]
pub(crate) struct Tickets {
    /// Keep sessions with the clients, in tickets under the key of this file, 32 to 80 random bytes
    /// (`openssl rand 32`): servers that share it resume each other's sessions. Given again for older
    /// keys, which only open
    #[arg(long, value_name = "FILE")]
    ticket_key: Vec<PathBuf>,
    /// Send this many tickets in TLS 1.3; 0 resumes nothing there
    /// [default: 2]
    #[arg(long, value_name = "NUMBER")]
    ticket_count: Option<u32>,
}

impl Tickets {
    /// Have the context use them.
    pub(crate) fn set(&self, tls: &mut Instance, context: &Context) -> Result<()> {
        if !self.ticket_key.is_empty() {
            let secrets = self.ticket_key.iter().map(|path| read(path));
            context
                .set_ticket_keys(tls, &secrets.collect::<Result<Vec<_>>>()?)
                .map_err(|failure| Exit::from(failure).context("--ticket-key"))?;
        }
        if let Some(count) = self.ticket_count {
            context
                .set_ticket_count(tls, count)
                .map_err(|failure| Exit::from(failure).context("--ticket-count"))?;
        }
        Ok(())
    }
}
