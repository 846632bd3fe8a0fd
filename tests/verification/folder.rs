//! The chains as files, for programs of others.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use crate::certs::pem;
use crate::corpus::{Case, Purpose};
use crate::judge::Verdict;

/// Writes each case into a folder of its number: `own.pem`, `others.pem`, `roots.pem`. A line of
/// `cases.tsv` has the case's name, purpose, host, time and verdict.
pub fn write<'a>(
    folder: &Path,
    cases: impl Iterator<Item = (&'a Case, Verdict)>,
) -> io::Result<()> {
    let mut index = String::new();
    for (number, (case, verdict)) in cases.enumerate() {
        let of_case = folder.join(number.to_string());
        fs::create_dir_all(&of_case)?;
        let file = |certificates: &[Vec<u8>]| {
            let blocks = certificates.iter().map(|der| pem("CERTIFICATE", der));
            blocks.collect::<String>()
        };
        let (own, others) = case.chain.split_at(1);
        fs::write(of_case.join("own.pem"), file(own))?;
        fs::write(of_case.join("others.pem"), file(others))?;
        fs::write(of_case.join("roots.pem"), file(&case.roots))?;
        let (purpose, host) = match &case.purpose {
            Purpose::Server(host) => ("server", host.as_str()),
            Purpose::Client => ("client", ""),
        };
        let Case { name, time, .. } = case;
        writeln!(
            index,
            "{number}\t{name}\t{purpose}\t{host}\t{time}\t{verdict}"
        )
        .map_err(io::Error::other)?;
    }
    fs::write(folder.join("cases.tsv"), index)
}
