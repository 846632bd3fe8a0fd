//! `portcullis demo`: the component as a server, and another instance as a client, on loopback.

mod authority;
mod exchange;

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use clap::Args;
use portcullis_host::context_types::{Verify, VerifyName};
use portcullis_host::types::{CertificateReason, Error, Role, Timer};
use portcullis_host::{Context, Guest, Instance, Listener, Network, Options, Port};

use self::authority::{Authority, Identity, Validity};
use self::exchange::{HELLO, LIMIT, Seen, accept, answer, ask, hear, network, say, unexpected};
use crate::exit::{Exit, Result};
use crate::facts::{Facts, reason};
use crate::output;

const NAME: &str = "localhost";

/// Show the component as server and as client, talking to each other on loopback
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  portcullis demo")]
pub(crate) struct Demo {}

impl Demo {
    pub(crate) fn run(&self) -> Result<()> {
        let guest = Guest::embedded()?;
        let options = || Options::new().network(Network::loopback()).inherit_stderr();
        let mut stage = Stage {
            server: guest.instantiate(options())?,
            client: guest.instantiate(options())?,
            authority: Authority::new("Demonstration Authority").map_err(certificate)?,
        };
        output::print(
            "Two instances of the component on loopback: one serves, the other connects.",
        )?;
        stage.echo()?;
        stage.mutual()?;
        stage.starttls()?;
        let stranger = Authority::new("Unknown Authority").map_err(certificate)?;
        output::print("\nRefusals")?;
        let identity = stranger.issue(NAME, Validity::Now).map_err(certificate)?;
        stage.refusal(&identity, CertificateReason::UnknownAuthority)?;
        let identity = stage.issue("elsewhere.test", Validity::Now)?;
        stage.refusal(&identity, CertificateReason::WrongName)?;
        let identity = stage.issue(NAME, Validity::Past)?;
        stage.refusal(&identity, CertificateReason::Expired)?;
        output::print("\nAll as it should be.")?;
        Ok(())
    }
}

struct Stage {
    server: Instance,
    client: Instance,
    authority: Authority,
}

impl Stage {
    fn issue(&self, name: &str, validity: Validity) -> Result<Identity> {
        self.authority.issue(name, validity).map_err(certificate)
    }

    fn server_context(&mut self, identity: &Identity) -> Result<Context> {
        let context = Context::secure(&mut self.server, Role::Server)?;
        context.load_identity(&mut self.server, &identity.chain, &identity.key, None)?;
        context.set_timeout(&mut self.server, Timer::Handshake, Some(LIMIT))?;
        Ok(context)
    }

    fn client_context(&mut self) -> Result<Context> {
        let context = Context::secure(&mut self.client, Role::Client)?;
        context.add_trust_roots(&mut self.client, &self.authority.root())?;
        context.set_verify_name(&mut self.client, &VerifyName::Name(NAME.to_owned()))?;
        context.set_timeout(&mut self.client, Timer::Handshake, Some(LIMIT))?;
        Ok(context)
    }

    fn echo(&mut self) -> Result<()> {
        output::print("\nHandshake and echo")?;
        let identity = self.issue(NAME, Validity::Now)?;
        let (server, client) = (self.server_context(&identity)?, self.client_context()?);
        let (_, seen) = self.meet(&server, &client)?;
        output::print(format_args!("  client: {}", seen?.short()))?;
        output::print(format_args!(
            "  client: sent {HELLO:?} and got it back; both sides closed"
        ))?;
        Ok(())
    }

    fn mutual(&mut self) -> Result<()> {
        output::print("\nMutual authentication")?;
        let identity = self.issue(NAME, Validity::Now)?;
        let (server, client) = (self.server_context(&identity)?, self.client_context()?);
        server.add_trust_roots(&mut self.server, &self.authority.root())?;
        server.set_verify(&mut self.server, Verify::Required)?;
        let identity = self.issue("client.test", Validity::Now)?;
        client.load_identity(&mut self.client, &identity.chain, &identity.key, None)?;
        let (seen_by_server, seen_by_client) = self.meet(&server, &client)?;
        output::print(format_args!("  server: {}", seen_by_server?.short()))?;
        output::print(format_args!("  client: {}", seen_by_client?.short()))?;
        Ok(())
    }

    /// The host speaks the plain beginning, on sockets of its own.
    fn starttls(&mut self) -> Result<()> {
        output::print("\nSTARTTLS")?;
        let identity = self.issue(NAME, Validity::Now)?;
        let (server, client) = (self.server_context(&identity)?, self.client_context()?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(network)?;
        let address = listener.local_addr().map_err(network)?;
        let (on_server, on_client) = (&mut self.server, &mut self.client);
        let (served, seen) = thread::scope(|scope| {
            let serving = scope.spawn(move || -> Result<Facts> {
                let (mut plain, _) = listener.accept().map_err(network)?;
                say(&mut plain, "220 ready")?;
                hear(&plain, "STARTTLS")?;
                say(&mut plain, "220 go ahead")?;
                let transport = on_server.transport(plain, Vec::new())?;
                let port = Port::start(on_server, &server, None, transport)?;
                Ok(answer(on_server, port)?)
            });
            let seen = (|| -> Result<Facts> {
                let mut plain = TcpStream::connect(address).map_err(network)?;
                hear(&plain, "220 ready")?;
                say(&mut plain, "STARTTLS")?;
                hear(&plain, "220 go ahead")?;
                let transport = on_client.transport(plain, Vec::new())?;
                let port = Port::start(on_client, &client, Some(NAME), transport)?;
                Ok(ask(on_client, port)?)
            })();
            (joined(serving), seen)
        });
        let seen = seen?;
        served??;
        output::print("  plain:  \"220 ready\", \"STARTTLS\", \"220 go ahead\"")?;
        output::print(format_args!("  client: {}", seen.short()))?;
        output::print(format_args!(
            "  client: sent {HELLO:?} and got it back; both sides closed"
        ))?;
        Ok(())
    }

    fn refusal(&mut self, identity: &Identity, expected: CertificateReason) -> Result<()> {
        let (server, client) = (self.server_context(identity)?, self.client_context()?);
        let (by_server, by_client) = self.meet(&server, &client)?;
        match (by_client, by_server) {
            (Err(refused), Err(told)) => match (refused.error(), told.error()) {
                (Some(Error::Certificate(error)), Some(Error::AlertReceived(number)))
                    if error.reason == expected =>
                {
                    output::print(format_args!(
                        "  client: certificate({}): {refused}",
                        reason(expected)
                    ))?;
                    output::print(format_args!("  server: alert-received({number})"))?;
                    Ok(())
                }
                _ => Err(unexpected(format_args!("{refused:?} and {told:?}"))),
            },
            (by_client, by_server) => Err(unexpected(format_args!(
                "client {by_client:?}, server {by_server:?}"
            ))),
        }
    }

    /// Lets server and client meet on loopback: the server echoes, the client says hello.
    fn meet(&mut self, server: &Context, client: &Context) -> Result<(Seen, Seen)> {
        let (on_server, on_client) = (&mut self.server, &mut self.client);
        let listener = Listener::listen(on_server, server, Ipv4Addr::LOCALHOST.into(), 0, None)?;
        let number = listener.local_address(on_server)?.port;
        thread::scope(|scope| {
            let serving = scope.spawn(move || accept(on_server, listener));
            let seen = Port::blocking_connect(on_client, client, ADDRESS, number)
                .and_then(|port| ask(on_client, port));
            joined(serving).map(|served| (served, seen))
        })
    }
}

/// An address and not a name, because no name lookup is granted. The name to verify is in the
/// context.
const ADDRESS: &str = "127.0.0.1";

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> Result<T> {
    thread
        .join()
        .map_err(|_| unexpected("the server's thread failed"))
}

fn certificate(error: rcgen::Error) -> Exit {
    unexpected(error)
}
