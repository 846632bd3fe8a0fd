//! Files as users have them, and what they give in place of files: the command reads them or says
//! what they are, and shows no key.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::fs;
use std::process::Stdio;

use support::{
    Folder, PAGE, echoed, example, finish, portcullis, refusal, run, say, serve, serve_page,
    serving,
};

#[test]
fn the_environment_may_name_what_is_not_there_and_is_named_where_nothing_is() {
    let folder = Folder::new("environment");
    let (_server, port) = serve(&folder, &[]);
    let ca = folder.path("ca.pem");
    let (absent, empty, full) = (
        folder.path("absent"),
        folder.path("no"),
        folder.path("full"),
    );
    let (nothing, broken) = (folder.path("nothing.pem"), folder.path("broken.pem"));
    fs::create_dir(&empty).unwrap();
    fs::create_dir(&full).unwrap();
    fs::copy(&ca, format!("{full}/ca.pem")).unwrap();
    fs::write(&nothing, "").unwrap();
    let good = fs::read_to_string(&ca).unwrap();
    fs::write(&broken, good.replace('M', "?")).unwrap();
    let say = |file: &str, directories: &str| {
        let variables = [("SSL_CERT_FILE", file), ("SSL_CERT_DIR", directories)];
        say(port, "localhost", &[], &variables)
    };
    echoed(&say("", &format!(":{absent}::{empty}:{full}:")));
    echoed(&say(&absent, &full));
    echoed(&say(&nothing, &full));
    echoed(&say(&ca, &absent));
    echoed(&say(&ca, ":"));
    for (file, directories) in [
        (&absent[..], &format!("{absent}:{empty}")[..]),
        (&nothing, &empty),
        (&absent, ""),
        ("", &absent),
    ] {
        let line = refusal(&say(file, directories), 2);
        for (name, value) in [("SSL_CERT_FILE", file), ("SSL_CERT_DIR", directories)] {
            for path in value.split(':').filter(|path| !path.is_empty()) {
                assert!(line.contains(&format!("{name}={path}: ")), "{line}");
            }
            assert_eq!(line.contains(name), !value.is_empty(), "{line}");
        }
    }
    let line = refusal(&say(&broken, &full), 2);
    assert!(
        line.contains(&format!("SSL_CERT_FILE={broken}: ")),
        "{line}"
    );
    assert!(line.contains("block 1, which begins at line 1"), "{line}");
}

#[test]
fn an_unknown_authority_is_told_with_where_it_was_searched() {
    let (folder, elsewhere) = (Folder::new("searched"), Folder::new("searched-elsewhere"));
    let (_server, port) = serve(&folder, &[]);
    let other = elsewhere.path("ca.pem");
    let directory = elsewhere.path("directory");
    fs::create_dir(&directory).unwrap();
    fs::copy(&other, format!("{directory}/ca.pem")).unwrap();
    for (flags, variables, expected) in [
        (
            vec![],
            vec![],
            "searched: the built-in web roots;".to_owned(),
        ),
        (
            vec!["--cafile", &other, "--capath", &directory],
            vec![("SSL_CERT_FILE", &folder.path("ca.pem")[..])],
            format!("searched: --cafile {other}, --capath {directory};"),
        ),
        (
            vec![],
            vec![("SSL_CERT_FILE", &other[..]), ("SSL_CERT_DIR", &directory)],
            format!("searched: SSL_CERT_FILE={other}, SSL_CERT_DIR={directory};"),
        ),
    ] {
        let line = refusal(&say(port, "localhost", &flags, &variables), 1);
        assert!(line.contains(&expected), "{line}");
    }
}

#[test]
fn a_key_or_a_passphrase_in_the_place_of_its_file_is_in_no_message() {
    let folder = Folder::new("mistaken");
    let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let text = fs::read_to_string(&key).unwrap();
    let secret = text.lines().nth(1).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    for given in [
        &text[..],
        &text.replace('\n', "\\n"),
        &text.replace('\n', " "),
        &body,
    ] {
        let serve = ["serve", "127.0.0.1:0"];
        let connect = ["connect", "localhost:1"];
        for arguments in [
            [&serve[..], &["--cert", &cert, "--key", given]].concat(),
            [&serve[..], &["--cert", &cert, &format!("--key={given}")]].concat(),
            [&serve[..], &["--cert", given, "--key", &key]].concat(),
            [&serve[..], &[&format!("--pkcs12={given}")]].concat(),
            [&connect[..], &["--cafile", given]].concat(),
            [&connect[..], &[&format!("--capath={given}")]].concat(),
            [&connect[..], &["--cert", &cert, &format!("--key={given}")]].concat(),
        ] {
            let line = refusal(&run(&arguments, b""), 2);
            assert!(line.contains("where a path belongs"), "{line}");
            assert!(!line.contains(&secret[..20]), "{line}");
        }
    }
    // A key in place of another file is not shown either.
    for arguments in [
        vec!["inspect", &text],
        vec!["compose", &text, "-o", "none.wasm"],
        vec!["run", &text],
        vec!["run", "--dir", &text, "none.wasm"],
        vec!["run", "--env", &text, "none.wasm"],
        vec!["ciphers", &text],
        vec!["connect", &text],
        vec![
            "serve",
            "127.0.0.1:0",
            "--cert",
            &cert,
            "--key",
            &key,
            "--www",
            &text,
        ],
    ] {
        let line = refusal(&run(&arguments, b""), 2);
        assert!(!line.contains(&secret[..20]), "{line}");
    }
    let own = ["serve", "127.0.0.1:0", "--cert", &cert, "--key", &key];
    let passphrase = ["--passphrase-file", "open sesame"];
    let line = refusal(&run(&[&own[..], &passphrase].concat(), b""), 2);
    assert!(line.contains("--passphrase-file"), "{line}");
    assert!(!line.contains("sesame"), "{line}");
}

#[test]
fn files_of_editors_are_read_and_a_chain_in_the_wrong_order_is_told() {
    let folder = Folder::new("editors");
    let marked = |name: &str| {
        let text = fs::read_to_string(folder.path(name)).unwrap();
        let path = folder.path(&format!("marked-{name}"));
        fs::write(&path, format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap();
        path
    };
    let (ca, cert, key) = (marked("ca.pem"), marked("cert.pem"), marked("key.pem"));
    let read = |path: &str| fs::read_to_string(path).unwrap();
    let (chain, wrong) = (folder.path("chain.pem"), folder.path("wrong.pem"));
    fs::write(&chain, read(&cert) + &read(&ca)).unwrap();
    fs::write(&wrong, read(&ca) + &read(&cert)).unwrap();
    let server = ["serve", "127.0.0.1:0", "--cert", &wrong, "--key", &key];
    let mut server = portcullis(&server);
    server.stderr(Stdio::null());
    let (_server, port) = serving(server);
    for (chain, told) in [(&chain, false), (&cert, false), (&wrong, true)] {
        let own = ["--cafile", &ca, "--cert", chain, "--key", &key];
        let output = say(port, "localhost", &own, &[]);
        echoed(&output);
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(line.contains("each followed by its issuer"), told, "{line}");
    }
}

#[test]
fn a_program_is_told_which_flag_grants_the_network() {
    let Some(program) = example("https-client") else {
        return;
    };
    let program = program.to_str().unwrap();
    for host in ["localhost", "127.0.0.1"] {
        let output = run(&["run", program, host, "9", "/"], b"");
        assert!(!output.status.success());
        let line = String::from_utf8(output.stderr).unwrap();
        assert!(line.contains("the network was not granted"), "{line}");
        assert!(line.contains("--network all"), "{line}");
        let granted = run(
            &["run", "--network", "loopback", program, host, "9", "/"],
            b"",
        );
        let line = String::from_utf8(granted.stderr).unwrap();
        assert!(!line.contains("was not granted"), "{line}");
    }
}

#[test]
fn a_program_trusts_whom_the_machine_trusts_by_one_flag() {
    let Some(program) = example("https-client") else {
        return;
    };
    let program = program.to_str().unwrap();
    let folder = Folder::new("trust-env");
    // Machines have links here, which a program cannot follow out of its folder.
    let link = folder.path("link.pem");
    std::os::unix::fs::symlink(folder.path("ca.pem"), &link).unwrap();
    let visit = |flags: &[&str], file: &str| {
        let (port, serving) = serve_page(&folder, 1);
        let port = port.to_string();
        let fixed = ["run", "--network", "loopback"];
        let mut command =
            portcullis(&[&fixed, flags, &[program, "localhost", &port, "/"]].concat());
        command
            .env("SSL_CERT_FILE", file)
            .env_remove("SSL_CERT_DIR");
        let output = finish(command, b"");
        serving.join().unwrap();
        output
    };
    for file in [&folder.path("ca.pem"), &link] {
        let output = visit(&["--trust-env"], file);
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(PAGE));
        let output = visit(&[], file);
        assert!(!output.status.success(), "{output:?}");
    }
    // A variable that is given by --env takes precedence, and is read before anything is sent.
    let fixed = ["run", "--network", "loopback", "--trust-env"];
    let more = [
        "--env",
        "SSL_CERT_FILE=/none",
        program,
        "localhost",
        "9",
        "/",
    ];
    let mut command = portcullis(&[&fixed[..], &more].concat());
    command.env("SSL_CERT_FILE", folder.path("ca.pem"));
    let output = finish(command, b"");
    assert!(!output.status.success(), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("/none"),
        "{output:?}"
    );
}
