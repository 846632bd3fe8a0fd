//! Mail: IMAP, POP3, ManageSieve, LMTP and SMTP.

use super::support::User;
use super::{Real, Setup, meet};

#[test]
fn imap_reaches_dovecot() {
    meet(&Real {
        protocol: "imap",
        program: "dovecot",
        configure: dovecot,
        ready: "",
        says: &[b"b1 CAPABILITY\r\nb2 LOGOUT\r\n"],
        // In the clear the server says LOGINDISABLED.
        answers: &[b"AUTH=PLAIN\r\n", b"b2 OK "],
        says_goodbye: true,
        refuses: "a1 BAD ",
    });
}

#[test]
fn pop3_reaches_dovecot() {
    meet(&Real {
        protocol: "pop3",
        program: "dovecot",
        configure: dovecot,
        ready: "",
        says: &[b"CAPA\r\nQUIT\r\n"],
        answers: &[b"SASL PLAIN\r\n", b"+OK Logging out"],
        says_goodbye: true,
        refuses: "-ERR ",
    });
}

#[test]
fn sieve_reaches_dovecot() {
    meet(&Real {
        protocol: "sieve",
        program: "dovecot",
        configure: dovecot,
        ready: "",
        says: &[b"CAPABILITY\r\nLOGOUT\r\n"],
        // In the clear the server offers no way to log in.
        answers: &[b"\"SASL\" \"PLAIN\"\r\n", b"OK \"Logout completed.\"\r\n"],
        says_goodbye: true,
        refuses: "does not offer STARTTLS",
    });
}

#[test]
fn lmtp_reaches_dovecot() {
    meet(&Real {
        protocol: "lmtp",
        program: "dovecot",
        configure: dovecot,
        ready: "",
        says: &[b"LHLO client.test\r\nQUIT\r\n"],
        answers: &[b" PIPELINING\r\n", b"221 "],
        says_goodbye: true,
        refuses: "does not offer STARTTLS",
    });
}

fn dovecot(setup: &Setup<'_>) -> Vec<String> {
    let User { name, group, .. } = setup.user;
    let base = setup.path("run");
    let log = setup.path("dovecot.log");
    let (protocol, port) = (setup.protocol, setup.port);
    let service = match protocol {
        // It has no process that logs in, and its own is to be unprivileged.
        "lmtp" => format!(
            "service lmtp {{\n  user = {name}\n  \
             inet_listener lmtp {{\n    address = 127.0.0.1\n    port = {port}\n  }}\n}}"
        ),
        "sieve" => format!(
            "service managesieve-login {{\n  chroot =\n  \
             inet_listener sieve {{\n    port = {port}\n  }}\n}}"
        ),
        _ => format!(
            "service {protocol}-login {{\n  chroot =\n  \
             inet_listener {protocol} {{\n    port = {port}\n  }}\n  \
             inet_listener {protocol}s {{\n    port = 0\n  }}\n}}"
        ),
    };
    let lines = format!(
        "base_dir = {base}\n\
         state_dir = {base}\n\
         log_path = {log}\n\
         protocols = {protocol}\n\
         listen = 127.0.0.1\n\
         default_internal_user = {name}\n\
         default_internal_group = {group}\n\
         default_login_user = {name}\n\
         ssl = {}\n\
         passdb {{\n  driver = static\n  args = nopassword=y\n}}\n\
         userdb {{\n  driver = static\n  args = uid={name} gid={group} home={base}\n}}\n\
         service anvil {{\n  chroot =\n}}\n\
         service stats {{\n  chroot =\n}}\n\
         {service}\n",
        if setup.tls { "yes" } else { "no" },
    );
    let tls = format!(
        "ssl_cert = <{}\nssl_key = <{}\n",
        setup.path("cert.pem"),
        setup.path("key.pem"),
    );
    ["-F", "-c", &setup.write(&lines, &tls)]
        .map(str::to_owned)
        .to_vec()
}

#[test]
fn smtp_reaches_exim() {
    meet(&Real {
        protocol: "smtp",
        program: "exim4",
        configure: |setup| {
            let User { name, group, .. } = setup.user;
            let lines = format!(
                "primary_hostname = localhost\n\
                 exim_user = {name}\n\
                 exim_group = {group}\n\
                 spool_directory = {}\n\
                 log_file_path = {}\n\
                 local_interfaces = 127.0.0.1\n\
                 daemon_smtp_ports = {}\n\
                 host_lookup =\n\
                 keep_environment =\n\
                 acl_smtp_rcpt = deny\n\
                 tls_advertise_hosts = {}\n",
                setup.path("spool"),
                setup.path("log.%s"),
                setup.port,
                if setup.tls { "*" } else { "" },
            );
            let tls = format!(
                "tls_certificate = {}\ntls_privatekey = {}\n",
                setup.path("cert.pem"),
                setup.path("key.pem"),
            );
            ["-C", &setup.write(&lines, &tls), "-bdf"]
                .map(str::to_owned)
                .to_vec()
        },
        ready: "",
        says: &[b"EHLO client.test\r\nQUIT\r\n"],
        answers: &[b"250-localhost Hello", b"221 "],
        says_goodbye: true,
        refuses: "does not offer STARTTLS",
    });
}
