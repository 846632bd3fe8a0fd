//! Timers on the command line, the same for clients and servers.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use portcullis_host::types::Timer;
use portcullis_host::{Context, Instance};

use crate::exit::Result;

/// Limits on how long the parts of a connection may take. `none` is no limit.
#[derive(Args, Debug)]
#[command(next_help_heading = "Timers, in seconds or none")]
pub(crate) struct Timers {
    /// The TLS handshake, in all
    #[arg(long, value_name = "SECONDS")]
    handshake_timeout: Option<Limit>,
    /// Sending the end of the connection
    #[arg(long, value_name = "SECONDS")]
    shutdown_timeout: Option<Limit>,
    /// Silence of the peer while something is to be read
    #[arg(long, value_name = "SECONDS")]
    read_timeout: Option<Limit>,
    /// The peer taking nothing while something is to be written
    #[arg(long, value_name = "SECONDS")]
    write_timeout: Option<Limit>,
}

impl Timers {
    /// Sets those that were given.
    pub(crate) fn set(&self, tls: &mut Instance, context: &Context) -> Result<()> {
        for (timer, limit) in [
            (Timer::Handshake, self.handshake_timeout),
            (Timer::Shutdown, self.shutdown_timeout),
            (Timer::Read, self.read_timeout),
            (Timer::Write, self.write_timeout),
        ] {
            if let Some(Limit(limit)) = limit {
                context.set_timeout(tls, timer, limit)?;
            }
        }
        Ok(())
    }
}

/// A limit, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit(pub(crate) Option<Duration>);

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "none" => Ok(Self(None)),
            text => seconds(text).map(|limit| Self(Some(limit))),
        }
    }
}

/// A number of seconds, 0 too, with or without a fraction.
pub(crate) fn pause(text: &str) -> std::result::Result<Duration, String> {
    let number = text.parse().ok();
    number
        .and_then(|number| Duration::try_from_secs_f64(number).ok())
        .ok_or_else(|| "not a number of seconds from 0".to_owned())
}

/// A number of seconds above 0, with or without a fraction.
pub(crate) fn seconds(text: &str) -> std::result::Result<Duration, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(number) {
        Ok(limit) if !limit.is_zero() => Ok(limit),
        _ => Err("not a number of seconds above 0".to_owned()),
    }
}
