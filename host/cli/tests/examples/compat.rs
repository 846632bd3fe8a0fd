//! The program of 0.2.0 that `tests/compat` holds, with today's component: linked by our command,
//! composed and run by a stock wasmtime, composed and run by Node.

use std::sync::{Arc, Mutex};

use libtest_mimic::{Failed, Trial};

use crate::page::Runtime;
use crate::servers::Service;
use crate::support::example;
use crate::table::Table;
use crate::{Column, examples, shell, told};

const ROW: &str = "compat: a program of 0.2.0";

/// One test for each runtime.
pub fn trials(columns: &[Column], table: &Arc<Mutex<Table>>) -> Vec<Trial> {
    let trial = |column: &Column| {
        let (column, table) = (column.clone(), Arc::clone(table));
        Trial::test(format!("{ROW} by {}", column.name), move || {
            let outcome = serve(&column);
            let mut table = table.lock().unwrap();
            table.add(ROW, &column.name, outcome.is_ok());
            outcome.map_err(Failed::from)
        })
    };
    columns.iter().map(trial).collect()
}

/// The program finds everything as 0.2.0 has it.
fn serve(column: &Column) -> Result<(), String> {
    let Some(program) = example("portcullis-compat") else {
        return Ok(());
    };
    let serial = format!("compat-{}", column.name).replace(' ', "-");
    let Some(server) = Service::Echo.serve(&serial, &examples()) else {
        return Ok(());
    };
    let path = server.folder.0.to_str().unwrap();
    let program = program.to_str().unwrap();
    let arguments = format!(
        "localhost {} {path}/ca.pem {path}/cert.pem {path}/key.pem",
        server.port
    );
    let compose = format!(
        "portcullis compose {program} --plug ../../target/portcullis.wasm -o {path}/composed.wasm"
    );
    let line = match column.runtime {
        Runtime::Portcullis => {
            format!("portcullis run --network loopback --dir {path} {program} {arguments}")
        }
        Runtime::Wasmtime => format!(
            "{compose}\n\
             wasmtime run -S inherit-network -S allow-ip-name-lookup --dir {path} \
             {path}/composed.wasm {arguments}"
        ),
        // The page of JavaScript installs jco too, if its programs are built.
        Runtime::Node => format!(
            "{compose}\n\
             test -x node_modules/.bin/jco || npm ci\n\
             npx jco run {path}/composed.wasm {arguments}"
        ),
    };
    let output = shell(&line, &examples().join("javascript"), &column.path);
    let shown = told(&output);
    if output.status.success() && shown.contains("0 of 12 failed") {
        Ok(())
    } else {
        Err(shown)
    }
}
