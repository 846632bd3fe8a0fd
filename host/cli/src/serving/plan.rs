//! What a server is told: what to serve, how long and to how many, and with what.

use std::path::PathBuf;
use std::time::Duration;

use portcullis_host::{Context, Instance};

use crate::arguments::key_log::KeyLogFile;
use crate::exit::Result;
use crate::serving::connection::Echo;
use crate::serving::service::Service;
use crate::serving::www::http::Http;

/// What is served.
pub(crate) enum Offer {
    Echo,
    /// The files below a directory, which must be canonical; a request must come within the limit.
    Files(PathBuf, Option<Duration>),
}

impl Offer {
    pub(crate) fn service(&self) -> Box<dyn Service> {
        match self {
            Self::Echo => Box::new(Echo::default()),
            Self::Files(root, patience) => Box::new(Http::new(root.clone(), *patience)),
        }
    }
}

/// What a server is told.
pub(crate) struct Plan {
    pub(crate) offer: Offer,
    /// How many connections there may be at once.
    pub(crate) places: usize,
    /// Whether it serves one connection alone.
    pub(crate) once: bool,
    /// How long connections may go on once the server is to end.
    pub(crate) grace: Duration,
}

/// What is made of the files that the command names.
pub(crate) struct Loaded {
    pub(crate) context: Context,
    /// Where the secrets of the context's connections go.
    pub(crate) key_log: Option<KeyLogFile>,
}

/// Loads the files as they are now.
pub(crate) type Load<'a> = dyn Fn(&mut Instance) -> Result<Loaded> + 'a;
