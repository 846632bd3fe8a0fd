//! XMPP, from clients and from servers.

use super::support::{Folder, User, free_port, refusal, run, start, tool};
use super::{Real, Setup, meet};

#[test]
fn xmpp_reaches_prosody() {
    meet(&Real {
        protocol: "xmpp",
        program: "prosody",
        configure: prosody,
        ready: "",
        says: &[
            b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
            xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>\
            </stream:stream>",
        ],
        answers: &[b"<mechanism>PLAIN</mechanism>", b"</stream:stream>"],
        says_goodbye: true,
        refuses: "does not offer starttls",
    });
}

#[test]
fn xmpp_server_reaches_prosody() {
    meet(&Real {
        protocol: "xmpp-server",
        program: "prosody",
        configure: prosody,
        ready: "",
        says: &[
            b"<?xml version='1.0'?><stream:stream xmlns='jabber:server' \
            xmlns:stream='http://etherx.jabber.org/streams' to='localhost' from='other.test' \
            version='1.0'></stream:stream>",
        ],
        answers: &[b"from='localhost'", b"</stream:stream>"],
        says_goodbye: true,
        refuses: "does not offer starttls",
    });
}

fn prosody(setup: &Setup<'_>) -> Vec<String> {
    let (ours, other) = match setup.protocol {
        "xmpp" => ("c2s", "s2s"),
        _ => ("s2s", "c2s"),
    };
    let lines = format!(
        "data_path = \"{}\"\n\
         pidfile = \"{}\"\n\
         log = {{ {{ levels = {{ min = \"info\" }}, to = \"console\" }} }}\n\
         {ours}_ports = {{ {} }}\n\
         {ours}_interfaces = {{ \"127.0.0.1\" }}\n\
         {ours}_require_encryption = false\n\
         modules_enabled = {{ \"saslauth\", \"dialback\"{} }}\n\
         modules_disabled = {{ \"{other}\", \"http\", \"admin_shell\" }}\n\
         VirtualHost \"localhost\"\n",
        setup.path("data"),
        setup.path("pid"),
        setup.port,
        if setup.tls { ", \"tls\"" } else { "" },
    );
    let tls = format!(
        "ssl = {{ certificate = \"{}\", key = \"{}\" }}\n",
        setup.path("cert.pem"),
        setup.path("key.pem"),
    );
    ["--config", &setup.write(&lines, &tls), "-F"]
        .map(str::to_owned)
        .to_vec()
}

/// A host may serve a domain of another name, and the certificate is the domain's.
#[test]
fn xmpp_asks_for_and_verifies_the_domain_that_it_is_told() {
    let Some(program) = tool("prosody") else {
        return;
    };
    let user = User::of_servers();
    let folder = Folder::new("xmpp-domain");
    let port = free_port();
    let arguments = prosody(&Setup {
        protocol: "xmpp",
        user: &user,
        program: &program,
        folder: &folder,
        port,
        tls: true,
    });
    let mut server = user.command(&program, &folder);
    server.args(arguments);
    let _server = start(server, &folder, port);
    let (target, ca) = (format!("127.0.0.1:{port}"), folder.path("ca.pem"));
    let info = [
        "connect",
        &target,
        "--cafile",
        &ca,
        "--info",
        "--starttls",
        "xmpp",
    ];
    let connect = |more: &[&str]| run(&[&info[..], more].concat(), b"");
    for domain in ["--xmpphost", "--servername"] {
        let output = connect(&[domain, "localhost"]);
        assert!(output.status.success(), "{domain}: {output:?}");
    }
    // Prosody serves no other domain.
    for more in [
        &[][..],
        &["--xmpphost", "other.test"],
        &["--xmpphost", "other.test", "--servername", "localhost"],
    ] {
        let line = refusal(&connect(more), 1);
        assert!(line.contains("stream error host-unknown"), "{line}");
    }
    let unverified = ["--xmpphost", "localhost", "--verify-hostname", "other.test"];
    let line = refusal(&connect(&unverified), 1);
    assert!(line.contains("asked for other.test"), "{line}");
    let misplaced = ["connect", &target, "--starttls", "smtp", "--xmpphost", "a"];
    assert!(refusal(&run(&misplaced, b""), 2).contains("--servername"));
}
