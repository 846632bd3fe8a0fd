//! Directories and databases: LDAP, PostgreSQL and MySQL.

use std::fs;

use super::support::postgresql;
use super::{Real, meet};

#[test]
fn ldap_reaches_openldap() {
    meet(&Real {
        protocol: "ldap",
        program: "slapd",
        configure: |setup| {
            let tls = format!(
                "TLSCertificateFile {}\nTLSCertificateKeyFile {}\n",
                setup.path("cert.pem"),
                setup.path("key.pem"),
            );
            let lines = format!("pidfile {}\n", setup.path("pid"));
            let configuration = setup.write(&lines, &tls);
            let address = format!("ldap://127.0.0.1:{}", setup.port);
            // With a debug level, even 0, the server stays in the foreground.
            ["-d", "0", "-h", &address, "-f", &configuration]
                .map(str::to_owned)
                .to_vec()
        },
        // Messages 2 and 3: an anonymous bind of version 3 and an unbind, which may overtake it.
        ready: "",
        says: &[
            b"\x30\x0c\x02\x01\x02\x60\x07\x02\x01\x03\x04\0\x80\0",
            b"\x30\x05\x02\x01\x03\x42\0",
        ],
        // A response to message 2: success.
        answers: &[b"\x30\x0c\x02\x01\x02\x61\x07\x0a\x01\0\x04\0\x04\0"],
        says_goodbye: true,
        refuses: "LDAP result code 2",
    });
}

#[test]
fn postgres_reaches_postgresql() {
    meet(&Real {
        protocol: "postgres",
        program: "postgres",
        configure: |setup| {
            postgresql(
                setup.user,
                setup.program,
                setup.folder,
                setup.port,
                setup.tls,
            )
        },
        // A start-up message of version 3.0 for the user, and a termination.
        ready: "ready to accept connections",
        says: &[b"\0\0\0\x27\0\x03\0\0user\0tester\0database\0postgres\0\0X\0\0\0\x04"],
        // Authentication is done, and queries may come.
        answers: &[b"R\0\0\0\x08\0\0\0\0", b"Z\0\0\0\x05I"],
        says_goodbye: true,
        refuses: "answer N",
    });
}

#[test]
fn mysql_reaches_mariadb() {
    meet(&Real {
        protocol: "mysql",
        program: "mariadbd",
        configure: |setup| {
            let data = setup.path("data");
            fs::create_dir(&data).unwrap();
            setup.user.own(&data);
            let mut arguments = vec![
                "--no-defaults".to_owned(),
                format!("--datadir={data}"),
                format!("--socket={data}/socket"),
                "--bind-address=127.0.0.1".to_owned(),
                format!("--port={}", setup.port),
                // There is no database of users.
                "--skip-grant-tables".to_owned(),
                "--skip-networking=0".to_owned(),
                "--innodb=OFF".to_owned(),
                "--default-storage-engine=Aria".to_owned(),
            ];
            if setup.tls {
                arguments.push(format!("--ssl-cert={}", setup.path("cert.pem")));
                arguments.push(format!("--ssl-key={}", setup.path("key.pem")));
            }
            arguments
        },
        ready: "ready for connections",
        // The second packet of the client: its capabilities once more, its user, and no password;
        // then the end.
        says: &[
            b"\x29\0\0\x02\0\x8a\0\0\0\0\0\x01\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
              tester\0\0\0",
            b"\x01\0\0\0\x01",
        ],
        // The packet after it is a success.
        answers: &[b"\x07\0\0\x03\0\0\0"],
        says_goodbye: false,
        refuses: "does not offer TLS",
    });
}
