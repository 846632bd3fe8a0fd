//! What the flags about trust, names, identities and time do, against other programs.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::fs;
use std::process::{Command, Stdio};
use std::{net, thread};

use support::{
    Folder, Running, echoed, finish, portcullis, refusal, run, say, serve, serving, tool,
};

#[test]
fn p3_authorities_come_from_flags_or_from_the_environment() {
    let folder = Folder::new("authorities");
    let (_server, port) = serve(&folder, &[]);
    let ca = folder.path("ca.pem");
    let (empty, full) = (folder.path("empty"), folder.path("full"));
    fs::create_dir(&empty).unwrap();
    fs::create_dir(&full).unwrap();
    fs::copy(&ca, format!("{full}/some-name")).unwrap();
    fs::write(format!("{full}/readme"), "no certificate").unwrap();
    let elsewhere = Folder::new("elsewhere");

    echoed(&say(port, "localhost", &["--cafile", &ca], &[]));
    echoed(&say(port, "localhost", &["--capath", &full], &[]));
    echoed(&say(port, "localhost", &[], &[("SSL_CERT_FILE", &ca)]));
    echoed(&say(port, "localhost", &[], &[("SSL_CERT_DIR", &full)]));
    let both = format!("{}:{full}", elsewhere.0.display());
    echoed(&say(port, "localhost", &[], &[("SSL_CERT_DIR", &both)]));
    // A flag takes precedence over the environment, and without either the web roots are trusted.
    let other = elsewhere.path("ca.pem");
    let flagged = say(
        port,
        "localhost",
        &["--cafile", &other],
        &[("SSL_CERT_FILE", &ca)],
    );
    assert!(refusal(&flagged, 1).contains("not from a trusted authority"));
    assert!(refusal(&say(port, "localhost", &[], &[]), 1).contains("not from a trusted authority"));
    let nothing = say(port, "localhost", &["--capath", &empty], &[]);
    assert!(refusal(&nothing, 2).contains("no file in it holds a certificate"));
    let missing = say(port, "localhost", &["--cafile", &folder.path("none")], &[]);
    assert!(refusal(&missing, 2).contains("name a file that can be read"));
}

#[test]
fn c2_the_verified_name_and_the_name_that_is_sent_have_flags_of_their_own() {
    let folder = Folder::new("names");
    let (_server, port) = serve(&folder, &[]);
    let ca = folder.path("ca.pem");
    let say = |more: &[&str]| say(port, "127.0.0.1", &[&["--cafile", &ca], more].concat(), &[]);
    echoed(&say(&[]));
    echoed(&say(&["--verify-hostname", "localhost"]));
    echoed(&say(&["--servername", "localhost"]));
    echoed(&say(&["--noservername"]));
    echoed(&say(&[
        "--servername",
        "other.test",
        "--verify-hostname",
        "localhost",
    ]));
    let wrong = say(&["--verify-hostname", "other.test"]);
    assert!(refusal(&wrong, 1).contains("asked for other.test, it has localhost"));
    assert!(refusal(&say(&["--servername", "other.test"]), 1).contains("asked for other.test"));
}

#[test]
fn p1_p4_timers_are_set_in_seconds_and_their_end_is_a_timeout() {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent = thread::spawn(move || listener.accept().unwrap());
    let target = format!("127.0.0.1:{port}");
    let output = run(&["connect", &target, "--handshake-timeout", "0.3"], b"");
    assert!(refusal(&output, 4).contains("handshake took longer"));
    drop(silent.join().unwrap());

    // The server gives up a client that says nothing.
    let folder = Folder::new("timers");
    let (mut server, port) = serve(&folder, &["--once", "--read-timeout", "0.3"]);
    let target = format!("localhost:{port}");
    let client = portcullis(&["connect", &target, "--cafile", &folder.path("ca.pem")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _client = Running(client.unwrap());
    assert_eq!(server.0.wait().unwrap().code(), Some(4));
}

#[test]
fn k10_l3_a_server_suggests_the_authorities_that_it_is_told_to() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let (folder, other) = (Folder::new("suggest"), Folder::new("suggested"));
    let (ca, suggested) = (folder.path("ca.pem"), folder.path("suggested.pem"));
    // An authority with another name.
    let mut make = Command::new(&openssl);
    make.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ])
    .args([
        "-subj",
        "/CN=Suggested",
        "-keyout",
        &other.path("x.key"),
        "-out",
        &suggested,
    ]);
    assert!(finish(make, b"").status.success());
    let ask = |more: &[&str]| {
        let (_server, port) = serve(
            &folder,
            &[&["--cafile", &ca, "--verify-optional"], more].concat(),
        );
        let mut client = Command::new(&openssl);
        client.args([
            "s_client",
            "-connect",
            &format!("localhost:{port}"),
            "-CAfile",
            &ca,
        ]);
        let output = finish(client, b"");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let names = ask(&[]);
    assert!(
        names.contains("Acceptable client certificate CA names"),
        "{names}"
    );
    assert!(!names.contains("CN = Suggested"), "{names}");
    let names = ask(&["--requestcafile", &suggested]);
    assert!(names.contains("CN = Suggested"), "{names}");
    let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let alone = [
        "serve",
        "127.0.0.1:0",
        "--cert",
        &cert,
        "--key",
        &key,
        "--requestcafile",
        &ca,
    ];
    assert!(refusal(&run(&alone, b""), 2).contains("--requestcafile"));
}

#[test]
fn a_server_with_two_identities_presents_the_one_whose_name_is_asked_for() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let folder = Folder::new("identities");
    let path = |name| folder.path(name);
    let (other, key) = (path("other.pem"), path("other.key"));
    let mut make = Command::new(&openssl);
    make.args([
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=Other",
    ])
    .args([
        "-addext",
        "subjectAltName=DNS:other.test",
        "-keyout",
        &key,
        "-out",
        &other,
    ]);
    assert!(finish(make, b"").status.success());
    let (cert, own) = (path("cert.pem"), path("key.pem"));
    let all = [
        "serve",
        "127.0.0.1:0",
        "--cert",
        &cert,
        "--key",
        &own,
        "--cert",
        &other,
        "--key",
        &key,
    ];
    let (_server, port) = serving(portcullis(&all));
    echoed(&say(port, "localhost", &["--cafile", &path("ca.pem")], &[]));
    echoed(&say(
        port,
        "127.0.0.1",
        &["--cafile", &other, "--servername", "other.test"],
        &[],
    ));
    let uneven = [
        "serve",
        "127.0.0.1:0",
        "--cert",
        &cert,
        "--key",
        &own,
        "--cert",
        &other,
    ];
    assert!(refusal(&run(&uneven, b""), 2).contains("as many --key as --cert"));
}

#[test]
fn showcerts_tells_all_about_the_certificates_and_prints_them() {
    let folder = Folder::new("showcerts");
    let (_server, port) = serve(&folder, &[]);
    let (target, ca) = (format!("localhost:{port}"), folder.path("ca.pem"));
    let connect = ["connect", &target, "--cafile", &ca, "--info"];
    let shown = run(&[&connect[..], &["--showcerts"]].concat(), b"");
    let shown = String::from_utf8(shown.stdout).unwrap();
    let pem = fs::read_to_string(folder.path("cert.pem")).unwrap();
    assert!(shown.contains(pem.trim()), "{shown}");
    for part in ["chain 0", "subject   CN=Server", " days left", "256 bits"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // The output goes to another program, so it has no colour.
    assert!(!shown.contains('\u{1b}'), "{shown}");
    if let Some(openssl) = tool("openssl") {
        let mut openssl = Command::new(openssl);
        let cert = folder.path("cert.pem");
        openssl.args([
            "x509",
            "-noout",
            "-fingerprint",
            "-sha256",
            "-serial",
            "-in",
            &cert,
        ]);
        let said = String::from_utf8(finish(openssl, b"").stdout).unwrap();
        let (_, fingerprint) = said.lines().next().unwrap().split_once('=').unwrap();
        assert!(shown.contains(fingerprint), "{said} {shown}");
    }
    // Without the flag, a certificate is one line.
    let short = run(&connect, b"");
    let short = String::from_utf8(short.stdout).unwrap();
    assert!(!short.contains("BEGIN"), "{short}");
    let json = run(&[&connect[..], &["--showcerts", "--json"]].concat(), b"");
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let printed = json.get("pem").unwrap().as_array().unwrap();
    assert_eq!(
        printed.first().unwrap().as_str().unwrap().trim(),
        pem.trim()
    );
}

#[test]
fn shells_and_man_get_what_they_read() {
    let bash = run(&["completions", "bash"], b"");
    assert!(bash.status.success());
    // The script is well-formed: bash parses it, and runs nothing.
    let mut reads = Command::new("bash");
    reads.args(["-n", "/dev/stdin"]);
    assert!(finish(reads, &bash.stdout).status.success());
    let bash = String::from_utf8(bash.stdout).unwrap();
    assert!(bash.contains("--showcerts"), "{bash}");
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell], b"");
        assert!(script.status.success() && !script.stdout.is_empty());
    }
    let page = run(&["man", "connect"], b"");
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(page.contains(".TH portcullis-connect 1"), "{page}");
    assert!(page.contains("showcerts"), "{page}");
    let line = refusal(&run(&["man", "bogus"], b""), 2);
    assert!(line.contains("there is no bogus"), "{line}");
    let folder = Folder::new("man");
    let directory = folder.path("");
    assert!(run(&["man", "--all", &directory], b"").status.success());
    let kept = fs::read_to_string(folder.path("portcullis-connect.1")).unwrap();
    assert_eq!(kept, page);
    let whole = fs::read_to_string(folder.path("portcullis.1")).unwrap();
    assert!(whole.contains(".TH portcullis 1"), "{whole}");
    let line = refusal(&run(&["man", "--all", &folder.path("none")], b""), 2);
    assert!(line.contains("name a directory that is there"), "{line}");
}

#[test]
fn a_core_module_that_does_not_import_tls_is_told_what_it_lacks() {
    let folder = Folder::new("core");
    let (module, output) = (folder.path("module.wasm"), folder.path("composed.wasm"));
    fs::write(&module, b"\0asm\x01\0\0\0").unwrap();
    let line = refusal(&run(&["compose", &module, "-o", &output], b""), 2);
    assert!(line.contains("imports nothing of portcullis:tls"), "{line}");
    assert!(!folder.0.join("composed.wasm").exists());
    let line = refusal(&run(&["inspect", &module], b""), 2);
    assert!(line.contains("portcullis compose"), "{line}");
}

#[test]
fn what_is_revoked_is_refused_as_curl_refuses_it() {
    let folder = Folder::new("revoked");
    let (ca, nothing, revoked) = (
        folder.path("ca.pem"),
        folder.path("lists/nothing.pem"),
        folder.path("lists/server.pem"),
    );
    let (_server, port) = serve(&folder, &[]);
    let trusting = ["--cafile", &ca];
    let say_with = |lists: &[&str]| {
        let flags: Vec<_> = lists.iter().flat_map(|list| ["--crlfile", list]).collect();
        say(port, "localhost", &[&trusting[..], &flags].concat(), &[])
    };
    echoed(&say_with(&[&nothing]));
    let refused = refusal(&say_with(&[&nothing, &revoked]), 1);
    assert!(refused.contains("has been revoked"), "{refused}");
    let none = refusal(&say_with(&[&ca]), 2);
    assert!(none.contains("without an X509 CRL block"), "{none}");
    let unchecked = say(
        port,
        "localhost",
        &["--insecure", "--crlfile", &nothing],
        &[],
    );
    assert_eq!(unchecked.status.code(), Some(2), "{unchecked:?}");
    if let Some(curl) = tool("curl") {
        for (list, is_there) in [(&nothing, true), (&revoked, false)] {
            let (_server, port) = serve(&folder, &["--www", &folder.path("lists")]);
            let mut command = Command::new(&curl);
            command.args(["--silent", "--cacert", &ca, "--crlfile", list]);
            command.arg(format!("https://localhost:{port}/nothing.pem"));
            assert_eq!(finish(command, b"").status.success(), is_there);
        }
    }

    // The server's certificate is a client's as well.
    let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let identity = ["--cert", &cert, "--key", &key];
    for (list, is_there) in [(&nothing, true), (&revoked, false)] {
        let demands = ["--verify", "--crlfile", list];
        let (_server, port) = serve(&folder, &[&demands, &trusting[..]].concat());
        let said = say(port, "localhost", &[&trusting[..], &identity].concat(), &[]);
        match is_there {
            true => echoed(&said),
            false => assert_eq!(said.status.code(), Some(1), "{said:?}"),
        }
    }
    let fixed = ["serve", "127.0.0.1:0", "--cert", &cert, "--key", &key];
    let unasked = run(&[&fixed[..], &["--crlfile", &nothing]].concat(), b"");
    assert!(refusal(&unasked, 2).contains("of no use without --verify"));
}

#[test]
fn pins_are_asked_of_servers_and_of_clients() {
    let folder = Folder::new("pins");
    let ca = folder.path("ca.pem");
    let (_server, port) = serve(&folder, &[]);
    let trusting = ["--cafile", &ca];
    let target = format!("localhost:{port}");
    let info = |more: &[&str]| {
        let shown = run(
            &[&["connect", &target, "--info"], &trusting[..], more].concat(),
            b"",
        );
        String::from_utf8(shown.stdout).unwrap()
    };
    let shown = info(&[]);
    let pin = shown.lines().find_map(|line| line.strip_prefix("pin "));
    let pin = pin.unwrap().trim();
    let json: serde_json::Value = serde_json::from_str(&info(&["--json"])).unwrap();
    assert_eq!(json.get("pin").unwrap(), pin);
    let begin = "sha256//".len();
    let changed = if &pin[begin..=begin] == "A" { "B" } else { "A" };
    let other = format!("{}{changed}{}", &pin[..begin], &pin[begin + 1..]);
    if let Some(openssl) = tool("openssl") {
        let said = |arguments: &[&str], input: &[u8]| {
            let mut command = Command::new(&openssl);
            command.args(arguments);
            finish(command, input).stdout
        };
        let cert = folder.path("cert.pem");
        let key = said(&["x509", "-noout", "-pubkey", "-in", &cert], b"");
        let key = said(&["pkey", "-pubin", "-outform", "DER"], &key);
        let digest = said(&["dgst", "-sha256", "-binary"], &key);
        let base64 = String::from_utf8(said(&["base64"], &digest)).unwrap();
        assert_eq!(pin, format!("sha256//{}", base64.trim()));
        // Its digits will do too.
        let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        echoed(&say(
            port,
            "localhost",
            &[&trusting[..], &["--pin", &digits]].concat(),
            &[],
        ));
    }
    let say_pinned = |port, pin: &str, more: &[&str]| {
        let flags = [&trusting[..], &["--pin", pin], more].concat();
        say(port, "localhost", &flags, &[])
    };
    echoed(&say_pinned(port, pin, &[]));
    echoed(&say_pinned(port, &format!("{other};{pin}"), &[]));
    echoed(&say_pinned(port, &other, &["--pin", pin]));
    let refused = refusal(&say_pinned(port, &other, &[]), 1);
    assert!(refused.contains("no key that is pinned"), "{refused}");
    let none = say_pinned(port, "sha256//", &[]);
    assert_eq!(none.status.code(), Some(2), "{none:?}");
    let unchecked = say(port, "localhost", &["--insecure", "--pin", pin], &[]);
    assert_eq!(unchecked.status.code(), Some(2), "{unchecked:?}");

    // The server's certificate is a client's as well.
    let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let identity = ["--cert", &cert, "--key", &key];
    for (asked, is_there) in [(pin, true), (other.as_str(), false)] {
        let (_server, port) = serve(
            &folder,
            &[&["--verify", "--pin", asked], &trusting[..]].concat(),
        );
        let said = say(port, "localhost", &[&trusting[..], &identity].concat(), &[]);
        match is_there {
            true => echoed(&said),
            false => assert_eq!(said.status.code(), Some(1), "{said:?}"),
        }
    }
    let fixed = ["serve", "127.0.0.1:0", "--cert", &cert, "--key", &key];
    let useless = run(&[&fixed[..], &["--pin", pin]].concat(), b"");
    assert!(refusal(&useless, 2).contains("--pin is of no use"));
}
