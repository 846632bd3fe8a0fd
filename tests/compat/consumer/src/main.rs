//! A program of version 0.2.0: `portcullis-compat HOST PORT CA CERT KEY`. Its bindings are of the
//! copy in `tests/compat/0.2.0`, never of `wit/`, and it calls every function of that copy, so that
//! it asks for the whole interface when it is composed. HOST and PORT are those of a TLS server
//! that echoes and whose certificate is from the authority in the file CA; CERT and KEY are an
//! identity of that authority's for `localhost` and 127.0.0.1. The exit status is 0 if everything
//! is as 0.2.0 says.

mod client;
mod server;
mod settings;
mod wait;

use std::fmt::Debug;
use std::process::ExitCode;

use bindings::portcullis::tls::context::{Context, Source};
use bindings::portcullis::tls::errors::explain;
use bindings::portcullis::tls::types::{Error, Role};

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package portcullis:compat;
            world consumer {
                include portcullis:tls/client@0.2.0;
                import portcullis:tls/defaults@0.2.0;
                import wasi:clocks/monotonic-clock@0.2.12;
                import wasi:sockets/instance-network@0.2.12;
                import wasi:sockets/tcp-create-socket@0.2.12;
            }
        ",
        path: "../0.2.0",
        generate_all,
    });
}

/// Why a check failed.
struct Failure(String);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(format!("{}: {error:?}", explain(&error)))
    }
}

/// The program's arguments.
struct Arguments {
    host: String,
    port: u16,
    ca: String,
    cert: String,
    key: String,
}

impl Arguments {
    fn read() -> Option<Self> {
        let mut words = std::env::args().skip(1);
        let mut next = || words.next();
        Some(Self {
            host: next()?,
            port: next()?.parse().ok()?,
            ca: next()?,
            cert: next()?,
            key: next()?,
        })
    }

    /// A client's context that trusts the authority.
    fn client(&self) -> Result<Context, Error> {
        let context = Context::secure(Role::Client);
        context.add_trust_roots(&Source::Path(self.ca.clone()))?;
        Ok(context)
    }

    fn cert(&self) -> Source {
        Source::Path(self.cert.clone())
    }

    fn key(&self) -> Source {
        Source::Path(self.key.clone())
    }
}

type Check = fn(&Arguments) -> Result<(), Failure>;

const CHECKS: [(&str, Check); 12] = [
    ("a context has its settings", settings::are_kept),
    ("a context has its identities", settings::identities),
    (
        "what cannot be set is refused by its case",
        settings::refusals,
    ),
    ("the instance has its defaults", settings::defaults),
    ("an error has a status and a line", settings::explained),
    ("a client waits in the calls that block", client::blocking),
    ("a client waits by pollables", client::polling),
    (
        "a client speaks TLS on a plain connection",
        client::starting,
    ),
    ("another name is refused", client::wrong_name),
    ("a check is deferred to the session", client::deferred),
    (
        "a server accepts and asks for a certificate",
        server::serves,
    ),
    ("a server whose peer vanishes is told", server::truncated),
];

fn main() -> ExitCode {
    let Some(arguments) = Arguments::read() else {
        eprintln!("usage: portcullis-compat HOST PORT CA CERT KEY");
        return ExitCode::from(2);
    };
    let mut failed = 0;
    for (name, check) in CHECKS {
        match check(&arguments) {
            Ok(()) => println!("ok {name}"),
            Err(Failure(why)) => {
                failed += 1;
                println!("FAILED {name}: {why}");
            }
        }
    }
    println!("{failed} of {} failed", CHECKS.len());
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn equal<T: Debug + PartialEq>(is: &T, should: &T, what: &str) -> Result<(), Failure> {
    if is == should {
        Ok(())
    } else {
        Err(Failure(format!("{what}: {is:?} in place of {should:?}")))
    }
}

fn holds(condition: bool, what: &str) -> Result<(), Failure> {
    equal(&condition, &true, what)
}

/// Checks that a call has failed with the error that is meant.
fn refused<T, E: Debug>(
    result: Result<T, E>,
    is_meant: impl FnOnce(&E) -> bool,
    what: &str,
) -> Result<(), Failure> {
    match result {
        Err(error) if is_meant(&error) => Ok(()),
        Err(error) => Err(Failure(format!("{what}: refused by {error:?}"))),
        Ok(_) => Err(Failure(format!("{what}: not refused"))),
    }
}
