//! The shim by which BoringSSL's TLS test runner ("BoGo") talks to Portcullis. The runner starts it once
//! for each test, with options that say what kind of connection it is to make; it connects to the runner,
//! as a client or as a server of TLS, and echoes what it reads, each byte inverted.
//!
//! `-machine native` runs the core as a crate, `-machine component -component FILE` the engines of the
//! built component: where they differ, the fault is the component's or the host's, and where both fail,
//! the core's. `-machine port` runs the ports of the component.

mod component;
mod exchange;
mod flags;
mod iana;
mod kebab;
mod machine;
mod missing;
mod native;
mod options;
mod pipe;
mod setup;
mod wire;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Result, bail};

use crate::component::Component;
use crate::exchange::Wrong;
use crate::machine::{Ahead, Fault, Machine};
use crate::missing::Missing;
use crate::native::Native;
use crate::options::All;
use crate::setup::Setup;

/// The status by which the runner is told that the test has failed, whatever it expects.
const MUST_FAIL: u8 = 90;

/// The refusal of a private key of another kind or size.
const UNSUPPORTED_KEY: &str = "invalid-configuration/private-key/unsupported-key-type";

/// The refusal of early data together with other settings.
const EARLY_DATA_CONFLICT: &str = "invalid-configuration/early-data/conflict";

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1).map(|word| word.into_string());
    let Ok(arguments) = arguments.collect::<Result<Vec<_>, _>>() else {
        return failed(MUST_FAIL, &"an argument is not UTF-8");
    };
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Wrong::Fault(Fault::Failed(failure))) => failed(1, &failure),
        Err(Wrong::Fault(Fault::Broken(why))) => failed(MUST_FAIL, &why),
        Err(Wrong::Fault(fault)) => failed(MUST_FAIL, &format!("{fault:?}")),
        Err(Wrong::Expectation(error)) => match error.downcast_ref::<Missing>() {
            Some(missing) => match missing.log() {
                Ok(()) => failed(missing::STATUS, missing),
                Err(error) => failed(MUST_FAIL, &error),
            },
            None => failed(MUST_FAIL, &format!("{error:#}")),
        },
    }
}

fn failed(status: u8, why: &impl std::fmt::Display) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(status)
}

fn run(mut arguments: Vec<String>) -> Result<(), Wrong> {
    if arguments
        .iter()
        .any(|word| word == "-is-handshaker-supported")
    {
        println!("No");
        return Ok(());
    }
    let ahead = Ahead::default();
    let name = value(&mut arguments, "-machine");
    let file = value(&mut arguments, "-component");
    if arguments.iter().any(|word| word == "-prepare") {
        // The component is compiled now, and found so by the tests.
        machine(name.as_deref(), file.as_deref(), &ahead)?;
        return Ok(());
    }
    let all = All::parse(&arguments)?;
    let mut tls = machine(name.as_deref(), file.as_deref(), &ahead)?;
    configure(&mut *tls, &Setup::of(&all.initial)?)?;
    for number in 0..=all.initial.resume_count {
        let is_resumed = number > 0;
        let options = match is_resumed {
            true => &all.resumed,
            false => &all.initial,
        };
        if number == 1 && !all.changes.is_empty() {
            change(&mut *tls, &all)?;
        }
        if is_resumed {
            ahead.fetch_add(options.resumption_delay, Ordering::Relaxed);
        }
        exchange::run(&mut *tls, options, &all.refused, is_resumed)?;
    }
    Ok(())
}

/// Makes another context for the connections after the first. A server's resumes the same sessions if it
/// has the same ticket keys, which it cannot have with early data; a client has no way to take its
/// sessions along.
fn change(tls: &mut dyn Machine, all: &All) -> Result<(), Wrong> {
    let goes_along = all.resumed.is_server && !all.resumed.has_early_data;
    if !goes_along && !all.resumed.expects_miss {
        let option = all.changes.join(" ");
        let feature = "sessions that go from one context to another without ticket keys";
        return Err(anyhow::Error::from(Missing::new(&option, feature)).into());
    }
    configure(tls, &Setup::of(&all.resumed)?)
}

/// Makes a context. A key that is of no use to it is a feature that is not there.
fn configure(tls: &mut dyn Machine, setup: &Setup) -> Result<(), Wrong> {
    match tls.configure(setup) {
        Err(Fault::Failed(failed)) if failed.name == EARLY_DATA_CONFLICT => {
            let feature = "early data where the caller judges certificates";
            Err(anyhow::Error::from(Missing::new("-enable-early-data", feature)).into())
        }
        Err(Fault::Failed(failed)) if failed.name == UNSUPPORTED_KEY => {
            let feature =
                "keys of this side's other than RSA from 2048 bits, P-256, P-384, Ed25519";
            Err(anyhow::Error::from(Missing::new("-key-file", feature)).into())
        }
        outcome => Ok(outcome?),
    }
}

/// What is to be tested.
fn machine(name: Option<&str>, file: Option<&str>, ahead: &Ahead) -> Result<Box<dyn Machine>> {
    let ahead = Arc::clone(ahead);
    match (name, file) {
        (Some("native"), None) => Ok(Box::new(Native::new(ahead))),
        (Some("component"), Some(file)) => {
            Ok(Box::new(Component::new(Path::new(file), ahead, false)?))
        }
        (Some("port"), Some(file)) => Ok(Box::new(Component::new(Path::new(file), ahead, true)?)),
        _ => bail!("give `-machine native`, or `component` or `port` with `-component FILE`"),
    }
}

/// Takes an option and its value out of the arguments.
fn value(arguments: &mut Vec<String>, option: &str) -> Option<String> {
    let place = arguments.iter().position(|word| word == option)?;
    let mut taken = arguments.drain(place..(place + 2).min(arguments.len()));
    taken.nth(1)
}
