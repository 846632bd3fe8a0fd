//! Programs whose TLS is rustls with `portcullis-provider` and no component of ours: by libraries over tokio in
//! each stock wasmtime, and without WASI in Node.

use libtest_mimic::{Failed, Trial};

use crate::page::Runtime;
use crate::servers::{Server, Service};
use crate::support::example;
use crate::{Column, examples, shell, told};

const LIBRARIES: [&str; 2] = ["tokio", "hyper"];

/// Names the module of `examples/browser`, which `cargo xtask examples` builds.
const BROWSER: &str = "PORTCULLIS_BROWSER";

/// One test for each library and runtime.
pub fn trials(columns: &[Column]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for column in columns.iter().filter(|c| c.runtime == Runtime::Wasmtime) {
        for library in LIBRARIES {
            let title = format!("provider: {library} by {}", column.name);
            let (name, column) = (title.clone(), column.clone());
            trials.push(Trial::test(title, move || {
                let Some(program) = example("provider-client") else {
                    return Ok(());
                };
                meet(&name, &column, |server, trusts| {
                    let folder = server.folder.0.display();
                    let trust = if trusts {
                        format!("--env SSL_CERT_FILE={folder}/ca.pem")
                    } else {
                        String::new()
                    };
                    format!(
                        "wasmtime run -S inherit-network -S allow-ip-name-lookup --dir {folder} \
                         {trust} {} {library} localhost {} /",
                        program.display(),
                        server.port
                    )
                })
            }));
        }
    }
    let Some(module) = std::env::var_os(BROWSER) else {
        return trials;
    };
    for column in columns.iter().filter(|c| c.runtime == Runtime::Node) {
        let title = format!("provider: without WASI by {}", column.name);
        let (name, column, module) = (title.clone(), column.clone(), module.clone());
        trials.push(Trial::test(title, move || {
            meet(&name, &column, |server, trusts| {
                let authority = if trusts { "ca.pem" } else { "stranger.pem" };
                format!(
                    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x \
                     -keyout /dev/null -out {folder}/stranger.pem 2>/dev/null\n\
                     node fetch.mjs {} localhost {} / {folder}/{authority}",
                    module.display(),
                    server.port,
                    folder = server.folder.0.display()
                )
            })
        }));
    }
    trials
}

/// The page comes from a server that the program is told to trust, and not from the same server when it
/// is not.
fn meet(name: &str, column: &Column, line: impl Fn(&Server, bool) -> String) -> Result<(), Failed> {
    let Some(server) = Service::Page.serve(&name.replace([' ', ':'], "-"), &examples()) else {
        return Ok(());
    };
    let folder = examples().join("browser");
    for trusts in [true, false] {
        let output = shell(&line(&server, trusts), &folder, &column.path);
        let shown = told(&output);
        let expected = match trusts {
            true => Service::Page.shows().concat(),
            false => "invalid peer certificate: UnknownIssuer".to_owned(),
        };
        if output.status.success() != trusts || !shown.contains(&expected) {
            return Err(format!("trusted: {trusts}: {shown}").into());
        }
    }
    Ok(())
}
