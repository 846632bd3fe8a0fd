//! Archives in which nothing tells when, where and by whom they were made: zip, and tar by gzip.

use std::io::Write as _;

use anyhow::{Context, Result};
use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc, GzBuilder};

use super::Files;

/// A gzipped tar. Files below `bin/` can be executed; `root` comes before every path.
pub(crate) fn tar_gz(root: &str, files: &Files) -> Result<Vec<u8>> {
    // A clock of 1 January 1980, as zip has it at the earliest.
    const SECONDS: u64 = 315_532_800;
    const PLAIN: u32 = 0o644;
    const PROGRAM: u32 = 0o755;
    let gzip: GzEncoder<Vec<u8>> = GzBuilder::new().write(Vec::new(), Compression::best());
    let mut archive = tar::Builder::new(gzip);
    for (path, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(u64::try_from(bytes.len())?);
        header.set_mtime(SECONDS);
        header.set_mode(if path.starts_with("bin/") {
            PROGRAM
        } else {
            PLAIN
        });
        archive
            .append_data(&mut header, format!("{root}/{path}"), bytes.as_slice())
            .with_context(|| format!("{path} does not go into a tar"))?;
    }
    Ok(archive.into_inner()?.finish()?)
}

/// A zip. It is written here because the crates that do it bring encryption and clocks along, and with
/// them other features of what the component shares with us.
pub(super) fn zip(files: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    for (path, bytes) in files {
        let entry = Entry::new(path, bytes, archive.len())?;
        archive.extend(entry.local());
        archive.extend_from_slice(path.as_bytes());
        archive.extend_from_slice(&entry.packed);
        directory.extend(entry.central());
        directory.extend_from_slice(path.as_bytes());
    }
    let count = u16::try_from(files.len())?;
    let (start, length) = (
        u32::try_from(archive.len())?,
        u32::try_from(directory.len())?,
    );
    archive.append(&mut directory);
    archive.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    archive.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    archive.extend([length.to_le_bytes(), start.to_le_bytes()].concat());
    // No comment.
    archive.extend_from_slice(&[0, 0]);
    Ok(archive)
}

/// A file of a zip.
struct Entry {
    packed: Vec<u8>,
    crc: u32,
    packed_length: u32,
    length: u32,
    path_length: u16,
    at: u32,
}

impl Entry {
    fn new(path: &str, bytes: &[u8], at: usize) -> Result<Self> {
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
        deflate.write_all(bytes)?;
        let packed = deflate.finish()?;
        let mut crc = Crc::new();
        crc.update(bytes);
        Ok(Self {
            crc: crc.sum(),
            packed_length: u32::try_from(packed.len())?,
            length: u32::try_from(bytes.len())?,
            path_length: u16::try_from(path.len())?,
            at: u32::try_from(at)?,
            packed,
        })
    }

    /// What both headers have: version 2.0, no flags, deflated, 1 January 1980, sum and lengths.
    fn common(&self) -> Vec<u8> {
        let mut bytes = vec![20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0];
        for number in [self.crc, self.packed_length, self.length] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(self.path_length.to_le_bytes());
        bytes.extend([0, 0]);
        bytes
    }

    fn local(&self) -> Vec<u8> {
        [b"PK\x03\x04".as_slice(), &self.common()].concat()
    }

    fn central(&self) -> Vec<u8> {
        // As Unix has it: a file that all may read.
        const MODE: u32 = 0o100_644 << 16;
        let mut bytes = [b"PK\x01\x02\x14\x03".as_slice(), &self.common()].concat();
        // No comment, the first disk, no attributes.
        bytes.extend([0; 6]);
        bytes.extend(MODE.to_le_bytes());
        bytes.extend(self.at.to_le_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn a_tar_has_what_was_put_in_and_no_clock() {
        let files = Files::from([
            ("bin/program".to_owned(), b"#!/bin/sh\n".to_vec()),
            ("text".to_owned(), b"text".to_vec()),
        ]);
        let bytes = tar_gz("root", &files).unwrap();
        assert_eq!(bytes, tar_gz("root", &files).unwrap());
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let mut seen = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let path = entry.path().unwrap().display().to_string();
            seen.push((path, entry.header().mode().unwrap(), text));
        }
        assert_eq!(
            seen[0],
            ("root/bin/program".into(), 0o755, "#!/bin/sh\n".into())
        );
        assert_eq!(seen[1], ("root/text".into(), 0o644, "text".into()));
    }

    #[test]
    fn a_zip_is_as_python_reads_it() {
        let files = [
            ("a/b".to_owned(), vec![b'x'; 10_000]),
            ("c".to_owned(), b"".to_vec()),
        ];
        let path = std::env::temp_dir().join(format!("portcullis-{}.zip", std::process::id()));
        std::fs::write(&path, zip(&files).unwrap()).unwrap();
        let program = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nassert not z.testzip()\n\
                       print([(i.filename, i.file_size, i.date_time[0]) for i in z.infolist()])";
        let mut python = std::process::Command::new("python3");
        let output = python.args(["-c", program]).arg(&path).output().unwrap();
        std::fs::remove_file(&path).unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said.trim(), "[('a/b', 10000, 1980), ('c', 0, 1980)]");
    }
}
