//! How a target is reached: by the component, by the host, or through a proxy.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::arguments::proxy::Proxy;
use crate::arguments::resolve::Resolution;
use crate::arguments::target::Target;
use crate::dial::{dial, reach};
use crate::exit::{Exit, Result};
use crate::proxy::tunnel;
use crate::terminal::colour;

pub(crate) enum Way {
    /// The component looks the name up and connects.
    Component,
    /// The host does, or connects to one of these addresses.
    Host(Option<Vec<SocketAddr>>),
    /// A proxy does. The host connects to the proxy, or to one of these addresses of the proxy.
    Proxy(Proxy, Option<Vec<SocketAddr>>),
}

impl Way {
    /// The host connects if it is told to, for a zone, which is a name that only the host knows, and
    /// to addresses that are not the name's own.
    pub(crate) fn to(
        target: &Target,
        by_host: bool,
        proxy: Option<Proxy>,
        resolutions: &[Resolution],
    ) -> Result<Self> {
        if let Some(proxy) = proxy {
            if target.zone.is_some() {
                return Err(Exit::usage(
                    "--proxy: the zone of an address means nothing to a proxy; leave one of them out",
                ));
            }
            if target
                .host
                .contains(|c: char| c.is_whitespace() || c.is_control())
            {
                return Err(Exit::usage("--proxy: the host has a blank in it; check it"));
            }
            let addresses = Resolution::find(resolutions, &proxy.target);
            warn_of_unused(&proxy.target, resolutions, &addresses);
            return Ok(Self::Proxy(proxy, addresses));
        }
        let addresses = Resolution::find(resolutions, target);
        warn_of_unused(target, resolutions, &addresses);
        Ok(if by_host || target.zone.is_some() || addresses.is_some() {
            Self::Host(addresses)
        } else {
            Self::Component
        })
    }

    /// A connection of the host's, within the limit for each step, and whom it leads to; none if the
    /// component connects.
    pub(crate) fn stream(
        &self,
        target: &Target,
        limit: Duration,
    ) -> Result<Option<(TcpStream, Option<String>)>> {
        let connect = |target: &Target, addresses: &Option<Vec<SocketAddr>>| match addresses {
            Some(addresses) => reach(addresses.clone(), Instant::now() + limit),
            None => dial(target, limit),
        };
        Ok(Some(match self {
            Self::Component => return Ok(None),
            Self::Host(addresses) => {
                let stream = connect(target, addresses)?;
                let peer = stream.peer_addr().ok().map(|address| address.to_string());
                (stream, peer)
            }
            Self::Proxy(proxy, addresses) => {
                let stream = connect(&proxy.target, addresses)
                    .map_err(|exit| exit.context(format_args!("the proxy {}", proxy.target)))?;
                let stream = tunnel(stream, proxy, target, limit)?;
                let peer = format!("{target} through the proxy {}", proxy.target);
                (stream, Some(peer))
            }
        }))
    }
}

/// Says that `--resolve` changes nothing, which a mistake in the name or port would be.
fn warn_of_unused(target: &Target, resolutions: &[Resolution], found: &Option<Vec<SocketAddr>>) {
    if found.is_none() && !resolutions.is_empty() {
        colour::warn(format_args!("--resolve: nothing is given for {target}"));
    }
}
