//! The chains as files, for programs of others.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::certs::pem;
use crate::corpus::{Case, Purpose};
use crate::judge::{Verdict, judge};

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

/// Judges the chains of others in a folder of this form, whose keys nobody holds, and adds the verdicts
/// to `cases.tsv`.
pub fn judge_foreign(folder: &Path) -> io::Result<()> {
    let index = folder.join("cases.tsv");
    let mut judged = String::new();
    for line in fs::read_to_string(&index)?.lines() {
        let fields: Vec<_> = line.split('\t').collect();
        let [number, name, purpose, host, time] = fields[..] else {
            panic!("{line}")
        };
        let file = |name: &str| {
            let pem = fs::read(folder.join(number).join(name)).unwrap();
            let all = CertificateDer::pem_slice_iter(&pem);
            all.map(|one| one.unwrap().to_vec()).collect::<Vec<_>>()
        };
        let case = Case {
            name: name.to_owned(),
            chain: [file("own.pem"), file("others.pem")].concat(),
            roots: file("roots.pem"),
            purpose: match purpose {
                "server" => Purpose::Server(host.to_owned()),
                _ => Purpose::Client,
            },
            time: time.parse().unwrap(),
            key: None,
        };
        writeln!(judged, "{line}\t{}", judge(&case)).map_err(io::Error::other)?;
    }
    fs::write(index, judged)
}
