//! Files in forms that are not read: the refusal names the form and a command that converts the
//! file, and that command is run here.

use std::process::Command;

use portcullis::error::{ConfigurationReason, Error};
use portcullis::tls::{KeyKind, Role, Settings};

use super::file::{identity, refused, taken};
use super::support::certs::{Authority, Leaf, pem};
use super::support::pkcs12::ber;
use super::support::{openssl, require_tool};
use super::{key_refusal, load_key, refusal};
use crate::support::folder::Folder;

/// The file that a shell makes of this one by the command between the first backticks of the line.
fn cured(line: &str, file: &[u8]) -> Vec<u8> {
    let command = line.split('`').nth(1).expect(line);
    let folder = Folder::new();
    let (old, new) = (folder.put("old", file), folder.put("new", ""));
    let command = command.replace("OLD", &old).replace("NEW", &new);
    let output = Command::new("sh").args(["-c", &command]).output().unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    std::fs::read(new).unwrap()
}

#[test]
fn utf_16_is_told_by_name_and_the_cure_cures() {
    let authority = Authority::root("Root");
    let identity = identity(&authority);
    let plain = identity.chain_pem() + &identity.key_pem();
    let expected = taken(&authority, plain.as_bytes());
    let marked = format!("\u{feff}{plain}");
    let little = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let files: [Vec<u8>; 4] = [little(&marked), big(&marked), little(&plain), big(&plain)];
    for file in files {
        let line = refused(&file);
        assert!(line.contains("UTF-16"), "{line}");
        let (reason, key) = key_refusal(load_key(&file, KeyKind::Any, None));
        assert_eq!(reason, ConfigurationReason::Malformed);
        assert!(key.contains("UTF-16"), "{key}");
        if require_tool("iconv") {
            assert_eq!(taken(&authority, &cured(&line, &file)), expected);
        }
    }
    // One shell appends UTF-16 to a file that is not in UTF-16.
    let both = [plain.as_bytes(), &little(&plain)].concat();
    assert!(refused(&both).contains("UTF-16 from here on"));
}

#[test]
fn base64_without_the_lines_of_pem_is_told_and_the_cure_cures() {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    let expected = taken(
        &authority,
        (identity.chain_pem() + &identity.key_pem()).as_bytes(),
    );
    let lines = |pem: &str| -> String {
        let lines = pem.lines().filter(|line| !line.starts_with('-'));
        lines.map(|line| format!("{line}\n")).collect()
    };
    let bare = lines(&identity.chain_pem());
    let line = refused(bare.as_bytes());
    assert!(line.contains("base64 without the lines of PEM"), "{line}");
    // Base64 of PEM, as Kubernetes keeps it.
    let whole = identity.chain_pem() + &identity.key_pem();
    let wrapped = lines(&pem("X", whole.as_bytes()));
    let line_of_wrapped = refused(wrapped.as_bytes());
    assert!(
        line_of_wrapped.contains("base64 of PEM"),
        "{line_of_wrapped}"
    );
    let (_, key) = key_refusal(load_key(
        lines(&identity.key_pem()).as_bytes(),
        KeyKind::Any,
        None,
    ));
    assert!(key.contains("base64 without the lines of PEM"), "{key}");
    if require_tool("base64") {
        let der = cured(&line, bare.as_bytes());
        assert_eq!(der, identity.certificate_der());
        let file = cured(&line_of_wrapped, wrapped.as_bytes());
        assert_eq!(taken(&authority, &file), expected);
    }
}

#[test]
fn a_file_whose_lines_are_lost_is_told_so_and_is_not_passed_over() {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    let chain = identity.chain_pem();
    for joined in [chain.replace('\n', "\\n"), chain.replace('\n', " ")] {
        for file in [
            joined.clone(),
            format!("{chain}{joined}\n"),
            format!("{joined}\n{chain}"),
        ] {
            let line = refused(file.as_bytes());
            assert!(line.contains("a whole block in one line"), "{line}");
        }
    }
    // `printf %b` restores the lines.
    let escaped = chain.replace('\n', "\\n");
    let printf = Command::new("printf")
        .args(["%b", &escaped])
        .output()
        .unwrap();
    let mut client = Settings::secure(Role::Client);
    assert_eq!(client.add_trust_roots(&printf.stdout), Ok(1));
}

#[test]
fn a_keystore_of_authorities_is_told_and_the_cure_cures() {
    if !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    let export = [
        "pkcs12",
        "-export",
        "-nokeys",
        "-passout",
        "pass:open sesame",
    ];
    let store = openssl(&export, authority.pem().as_bytes());
    for file in [ber(&store), store] {
        let mut client = Settings::secure(Role::Client);
        let error = refusal(client.add_trust_roots(&file));
        assert_eq!(error.reason, ConfigurationReason::NoCertificate);
        let line = Error::Configuration(error).to_string();
        // Nobody is there to type the passphrase.
        let line = line.replace("-nokeys", "-nokeys -passin 'pass:open sesame'");
        assert_eq!(client.add_trust_roots(&cured(&line, &file)), Ok(1));
    }
}
