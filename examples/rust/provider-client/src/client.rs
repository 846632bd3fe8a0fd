//! What is common to both libraries: arguments, trust, and how failures are told.

mod by_hyper;
mod by_tokio;

use std::env;
use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Builder;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The page that is asked for.
struct Page {
    host: String,
    port: u16,
    path: String,
}

/// rustls with our cryptography.
fn config() -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    match env::var_os("SSL_CERT_FILE") {
        Some(file) => {
            for certificate in CertificateDer::pem_file_iter(file)? {
                roots.add(certificate?)?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let builder = ClientConfig::builder_with_provider(portcullis_provider::crypto_provider())
        .with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

async fn fetch(library: &str, page: &Page) -> Result<Vec<u8>> {
    match library {
        "tokio" => by_tokio::fetch(page).await,
        "hyper" => by_hyper::fetch(page).await,
        other => Err(format!("{other} is neither tokio nor hyper").into()),
    }
}

/// The failure and what it came from.
fn explain(failure: &dyn Error) -> String {
    let mut text = failure.to_string();
    let mut cause = failure.source();
    while let Some(failure) = cause {
        text.push_str(": ");
        text.push_str(&failure.to_string());
        cause = failure.source();
    }
    text
}

fn run(library: &str, page: &Page) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(fetch(library, page))?;
    // A reader that closes our output early has seen enough.
    let _ = std::io::stdout().write_all(&answer);
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [library, host, port, path] = arguments.as_slice() else {
        eprintln!("usage: provider-client (tokio|hyper) HOST PORT PATH");
        return ExitCode::from(2);
    };
    let Ok(port) = port.parse() else {
        eprintln!("{port} is not a port; give one from 1 to 65535");
        return ExitCode::from(2);
    };
    let (host, path) = (host.clone(), path.clone());
    let page = Page { host, port, path };
    match run(library, &page) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("https://{}:{port}: {}", page.host, explain(&*failure));
            ExitCode::FAILURE
        }
    }
}
