//! `portcullis ciphers` beside `openssl ciphers`, and `--ciphers` and `--groups` of the other
//! commands.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rcgen::{CertificateParams, KeyPair};

const TLS13: &str = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
const TLS12: &str = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:\
    ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:\
    ECDHE-RSA-AES128-GCM-SHA256";

fn portcullis(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The output of `portcullis ciphers`, and what it says of the list on standard error.
#[track_caller]
fn ciphers(arguments: &[&str]) -> (String, String) {
    let output = portcullis(&[&["ciphers"], arguments].concat());
    let complaint = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{complaint}");
    let line = text(&output.stdout);
    assert_eq!(line.lines().count(), 1, "{line}");
    (line.trim_end().to_owned(), complaint)
}

/// Whether OpenSSL runs; if not, the skip is reported visibly.
fn has_openssl() -> bool {
    let is_there = Command::new("openssl").arg("version").output().is_ok();
    if !is_there {
        assert!(
            std::env::var_os("PORTCULLIS_REQUIRE_TOOLS").is_none(),
            "this test needs `openssl`, which is not installed"
        );
        let _ = writeln!(std::io::stderr(), "SKIPPED: `openssl` is not installed");
    }
    is_there
}

#[test]
fn k11_lists_are_answered_as_by_openssl_in_so_far_as_they_are_of_our_suites() {
    if !has_openssl() {
        return;
    }
    let ours: Vec<_> = TLS13.split(':').chain(TLS12.split(':')).collect();
    for list in [
        "DEFAULT",
        "DEFAULT:!aNULL:!eNULL:!LOW:!EXPORT:!SSLv2",
        "HIGH:!aNULL:!MD5",
        "CHACHA20:AESGCM",
        "ECDHE+CHACHA20:ECDHE+AESGCM",
        "!aRSA:ALL",
        "ECDHE:!RSA",
        "ECDHE:-AES128:ECDHE",
        "ECDHE:+AES256",
        "AES128:AES256:@STRENGTH",
        "SUITEB128",
        "SUITEB192",
        "AES256-SHA:ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE NOSUCH;AES,-CHACHA20",
        "@SECLEVEL=2:ECDH+AESGCM:ECDH+CHACHA20:ECDH+AES:DHE+AES:!aNULL:!eNULL:!aDSS:!SHA1:!AESCCM",
        "SHA256",
        "NOSUCH",
        "",
        "ALL:!ALL",
        "-ALL",
        "@SECLEVEL=6:ALL",
        "@FOO:ALL",
        "ALL:*",
    ] {
        let answer = Command::new("openssl")
            .args(["ciphers", "--", list])
            .output()
            .unwrap();
        let names = text(&answer.stdout);
        let theirs: Vec<_> = names
            .trim_end()
            .split(':')
            .filter(|name| ours.contains(name))
            .collect();
        let output = portcullis(&["ciphers", "--", list]);
        // OpenSSL may have selected only suites of TLS 1.2 that the component lacks.
        if theirs.iter().any(|name| !name.starts_with("TLS_")) {
            assert_eq!(text(&output.stdout).trim_end(), theirs.join(":"), "{list}");
            assert_eq!(output.status.code(), Some(0), "{list}");
        } else {
            assert_eq!(output.status.code(), Some(1), "{list}");
            assert!(output.stdout.is_empty(), "{list}");
            let complaint = text(&output.stderr);
            assert_eq!(complaint.lines().count(), 1, "{complaint}");
        }
    }
}

#[test]
fn k12_no_list_is_default_and_versions_limit_it() {
    let all = format!("{TLS13}:{TLS12}");
    assert_eq!(ciphers(&[]).0, all);
    assert_eq!(ciphers(&["DEFAULT"]).0, all);
    assert_eq!(ciphers(&["--tls1_2"]).0, TLS12);
    assert_eq!(ciphers(&["--tls1_3"]).0, TLS13);
    let alone = "TLS_AES_128_GCM_SHA256";
    assert_eq!(ciphers(&[alone, "--tls1_3"]).0, alone);
    assert_eq!(portcullis(&["ciphers", alone]).status.code(), Some(1));
}

#[test]
fn k11_words_without_effect_are_told_on_standard_error_one_line_each_kind() {
    let list = "CHACHA20:NOSUCH:AES256-SHA:OTHER";
    let (_, complaint) = ciphers(&[list]);
    let lines: Vec<_> = complaint.lines().collect();
    assert_eq!(lines.len(), 2, "{complaint}");
    assert!(lines[0].contains("unknown") && lines[0].ends_with("NOSUCH OTHER"));
    assert!(lines[1].contains("unsupported") && lines[1].ends_with("AES256-SHA"));
    assert_eq!(ciphers(&["CHACHA20"]).1, "");
    let json: serde_json::Value = serde_json::from_str(&ciphers(&[list, "--json"]).0).unwrap();
    let suites = json["suites"].as_array().unwrap();
    assert_eq!(suites.len(), 5);
    assert_eq!(suites[3], "ECDHE-ECDSA-CHACHA20-POLY1305");
    assert_eq!(json["unknown"], serde_json::json!(["NOSUCH", "OTHER"]));
    assert_eq!(json["unsupported"], serde_json::json!(["AES256-SHA"]));
    let none = portcullis(&["ciphers", "NOSUCH"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(text(&none.stderr).contains("NOSUCH"));
}

#[test]
fn k11_a_security_level_that_is_not_kept_is_refused_with_the_cure() {
    let output = portcullis(&["ciphers", "ALL:@SECLEVEL=4"]);
    assert_eq!(output.status.code(), Some(1));
    let complaint = text(&output.stderr);
    assert!(complaint.contains("@SECLEVEL=4"), "{complaint}");
    assert!(complaint.contains("@SECLEVEL=2"), "{complaint}");
}

/// A certificate for localhost and its key, in a directory that is removed with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("ciphers-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
        fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server that is ended by its own id when the value is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `portcullis serve` with a list of ciphers or groups, and its port.
fn serve(folder: &Folder, option: &str, list: &str) -> (Server, u16) {
    let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["serve", "127.0.0.1:0", "--cert", &cert, "--key", &key])
        .args([option, list])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let (_, port) = line.trim().rsplit_once(':').unwrap();
    (Server(child), port.parse().unwrap())
}

#[test]
fn k11_connect_and_serve_keep_to_their_lists() {
    let folder = Folder::new("lists");
    let (_server, port) = serve(&folder, "--ciphers", "AESGCM:!AES256");
    let target = format!("localhost:{port}");
    let ca = folder.path("cert.pem");
    let connect = |list: &str| {
        portcullis(&[
            "connect",
            &target,
            "--cafile",
            &ca,
            "--tls1_2",
            "--info",
            "--ciphers",
            list,
        ])
    };
    let met = connect("CHACHA20:AES128:NOSUCH");
    let complaint = text(&met.stderr);
    assert!(met.status.success(), "{complaint}");
    assert!(complaint.contains("unknown") && complaint.contains("NOSUCH"));
    let facts = text(&met.stdout);
    assert!(
        facts.contains("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
        "{facts}"
    );
    assert_eq!(connect("CHACHA20").status.code(), Some(1));
    // A list that selects nothing is wrong usage here.
    assert_eq!(connect("NOSUCH").status.code(), Some(2));
}

#[test]
fn connect_and_serve_keep_to_their_groups() {
    let folder = Folder::new("groups");
    let (_server, port) = serve(&folder, "--groups", "x25519mlkem768:P-384");
    let target = format!("localhost:{port}");
    let ca = folder.path("cert.pem");
    let connect = |groups: &str, version: &str| {
        let trust = ["connect", &target, "--cafile", &ca, "--info"];
        portcullis(&[&trust, ["--groups", groups, version].as_slice()].concat())
    };
    for (groups, version, group) in [
        ("X25519MLKEM768", "--tls1_3", "X25519MLKEM768"),
        ("x25519,secp384r1", "--tls1_3", "secp384r1"),
        ("secp384r1", "--tls1_2", "secp384r1"),
    ] {
        let met = connect(groups, version);
        assert!(met.status.success(), "{groups}: {}", text(&met.stderr));
        let fact = format!("group     {group}\n");
        assert!(text(&met.stdout).contains(&fact), "{}", text(&met.stdout));
        let refused = connect("x25519,secp256r1", version);
        assert_eq!(refused.status.code(), Some(1), "{version}");
        assert!(text(&refused.stderr).contains("alert 40"));
    }
    // A combination that cannot work is wrong usage.
    let impossible = connect("x25519mlkem768", "--tls1_2");
    assert_eq!(impossible.status.code(), Some(2));
    assert!(text(&impossible.stderr).contains("permit TLS 1.3"));
    assert_eq!(connect("x25519,x25519", "--tls1_3").status.code(), Some(2));
}

/// The groups that there are, as the component names them.
const GROUPS: [&str; 5] = [
    "X25519MLKEM768",
    "SecP256r1MLKEM768",
    "x25519",
    "secp256r1",
    "secp384r1",
];

#[test]
fn groups_without_a_meaning_are_wrong_usage_and_refused_by_name() {
    let folder = Folder::new("no-groups");
    let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let connect = ["connect", "localhost:1", "--groups"];
    let serve = ["serve", "127.0.0.1:0", "--cert", &cert, "--key", &key];
    let serve = [serve.as_slice(), &["--groups"]].concat();
    for command in [&connect[..], &serve] {
        for (list, named) in [
            ("x448", "x448"),
            ("x25519,x448", "x448"),
            ("X25519MLKEM768:secp521r1:x448", "secp521r1"),
            ("x25519 secp256r1", "x25519 secp256r1"),
            // OpenSSL's name of a group that the component lacks.
            ("P-521", "P-521"),
        ] {
            let refused = portcullis(&[command, &[list]].concat());
            assert_eq!(refused.status.code(), Some(2), "{list}");
            let complaint = text(&refused.stderr);
            assert_eq!(complaint.lines().count(), 1, "{complaint}");
            assert!(complaint.contains("--groups"), "{complaint}");
            assert!(complaint.contains(&format!("{named:?}")), "{complaint}");
            for group in GROUPS {
                assert!(complaint.contains(group), "{complaint}");
            }
        }
        for (list, named) in [
            ("x25519,X25519", "x25519"),
            // Two names of one group.
            ("P-256,prime256v1", "secp256r1"),
            ("secp384r1:p-384", "secp384r1"),
        ] {
            let refused = portcullis(&[command, &[list]].concat());
            assert_eq!(refused.status.code(), Some(2), "{list}");
            let complaint = text(&refused.stderr);
            assert!(complaint.contains(named), "{complaint}");
        }
    }
}

#[test]
fn help_names_the_groups_that_there_are() {
    use portcullis_host::{Context, Guest, Options};
    let guest = Guest::embedded().unwrap();
    let mut tls = guest.instantiate(Options::new()).unwrap();
    let groups = Context::supported_groups(&mut tls).unwrap();
    assert_eq!(groups, GROUPS);
    for command in ["connect", "serve"] {
        let help = text(&portcullis(&[command, "--help"]).stdout);
        let words: Vec<_> = help.split_whitespace().collect();
        let help = words.join(" ");
        assert!(help.contains(&groups.join(", ")), "{help}");
    }
}

#[test]
fn k11_openssl_meets_serve_in_its_list_and_nowhere_else() {
    if !has_openssl() {
        return;
    }
    let folder = Folder::new("openssl");
    let (_server, port) = serve(&folder, "--ciphers", "CHACHA20:TLS_AES_128_GCM_SHA256");
    let address = format!("127.0.0.1:{port}");
    let meet = |arguments: &[&str]| {
        Command::new("openssl")
            .args(["s_client", "-connect", &address])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    for (version, option, met, refused) in [
        (
            "-tls1_2",
            "-cipher",
            "ECDHE-ECDSA-CHACHA20-POLY1305",
            "ECDHE-ECDSA-AES128-GCM-SHA256",
        ),
        (
            "-tls1_3",
            "-ciphersuites",
            "TLS_AES_128_GCM_SHA256",
            "TLS_AES_256_GCM_SHA384",
        ),
    ] {
        let output = meet(&[version, option, met]);
        assert!(text(&output.stdout).contains(&format!("Cipher is {met}")));
        let output = meet(&[version, option, refused]);
        assert!(!output.status.success());
        assert!(text(&output.stdout).contains("Cipher is (NONE)"));
    }
}
