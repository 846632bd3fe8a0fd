//! The dialogues against scripts. The file is long for its two tables: the answers of servers that
//! are understood, and those that are refused.

use std::io::{self, Read, Write};

use super::{Protocol, Refusal};

/// A server that sends its script, and keeps what it is sent.
struct Script {
    says: io::Cursor<Vec<u8>>,
    heard: Vec<u8>,
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.says.read(buffer)
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.heard.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The bytes that are left unread, and those that the server received.
fn run(protocol: Protocol, says: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Refusal> {
    let mut script = Script {
        says: io::Cursor::new(says.to_vec()),
        heard: Vec::new(),
    };
    protocol.upgrade(&mut script, "example.test")?;
    let mut rest = Vec::new();
    script.says.read_to_end(&mut rest).unwrap();
    Ok((rest, script.heard))
}

const LDAP_SUCCESS: &[u8] = &[
    0x30, 0x0c, 0x02, 0x01, 0x01, 0x78, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00,
];
const LDAP_REFUSAL: &[u8] = &[
    0x30, 0x0c, 0x02, 0x01, 0x01, 0x78, 0x07, 0x0a, 0x01, 0x02, 0x04, 0x00, 0x04, 0x00,
];
const LDAP_UNAVAILABLE: &[u8] =
    b"\x30\x1d\x02\x01\x01\x78\x18\x0a\x01\x34\x04\0\x04\x11SSL not available";
/// The form of Active Directory: each length in four bytes, and the name of the response at the
/// end.
const LDAP_LONG: &[u8] = b"\x30\x84\0\0\0\x28\x02\x01\x01\x78\x84\0\0\0\x1f\x0a\x01\0\x04\0\x04\0\
    \x8a\x161.3.6.1.4.1.1466.20037";
/// A notice of disconnection, which has number 0; its success is not an answer to us.
const LDAP_NOTICE: &[u8] = &[
    0x30, 0x0c, 0x02, 0x01, 0x00, 0x78, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00,
];
/// A greeting of MySQL with these capabilities in the lower half.
fn mysql_greeting(capabilities: u16) -> Vec<u8> {
    let low = capabilities.to_le_bytes();
    let greeting = [
        b"\x0a8.0.36\0",
        &[7; 12][..],
        b"\0",
        &low,
        b"\x21\x02\0",
        &[0; 30],
    ]
    .concat();
    let length = u8::try_from(greeting.len()).unwrap();
    [&[length, 0, 0, 0], &greeting[..]].concat()
}
const MYSQL_REQUEST: &[u8] = b"\x20\0\0\x01\0\x8a\0\0\0\0\0\x01\x21\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
const XMPP_OPENING: &[u8] = b"<?xml version='1.0'?><stream:stream from='example.test' id='1'>";

fn dialogues() -> Vec<(Protocol, Vec<u8>, &'static [u8])> {
    vec![
        (
            Protocol::Ftp,
            b"220-Welcome\r\n220 ready\r\n234 go\r\n".to_vec(),
            b"AUTH TLS\r\n".as_slice(),
        ),
        (
            Protocol::Imap,
            b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n* NOOP\r\na1 OK begin\r\n".to_vec(),
            b"a1 STARTTLS\r\n",
        ),
        (
            Protocol::Ldap,
            LDAP_SUCCESS.to_vec(),
            b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037",
        ),
        (
            Protocol::Pop3,
            b"+OK ready\r\n+OK begin\r\n".to_vec(),
            b"STLS\r\n",
        ),
        (
            Protocol::Postgres,
            b"S".to_vec(),
            b"\0\0\0\x08\x04\xd2\x16\x2f",
        ),
        (
            Protocol::Smtp,
            b"220 mail\r\n250-mail\r\n250-STARTTLS\r\n250 SIZE\r\n220 go\r\n".to_vec(),
            b"EHLO localhost\r\nSTARTTLS\r\n",
        ),
        (
            Protocol::Xmpp,
            [
                XMPP_OPENING,
                b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
                b"</stream:features><proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            ]
            .concat(),
            b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
              xmlns:stream='http://etherx.jabber.org/streams' to='example.test' version='1.0'>\
              <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        ),
        (
            Protocol::XmppServer,
            [
                XMPP_OPENING,
                b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
                b"</stream:features><proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'></proceed>",
            ]
            .concat(),
            b"<?xml version='1.0'?><stream:stream xmlns='jabber:server' \
              xmlns:stream='http://etherx.jabber.org/streams' to='example.test' version='1.0'>\
              <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        ),
        (
            Protocol::Irc,
            b":irc.test NOTICE * :*** Looking up your hostname\r\n:irc.test 670 * :go\r\n".to_vec(),
            b"STARTTLS\r\n",
        ),
        (
            Protocol::Lmtp,
            b"220 mail\r\n250-mail\r\n250-STARTTLS\r\n250 SIZE\r\n220 go\r\n".to_vec(),
            b"LHLO localhost\r\nSTARTTLS\r\n",
        ),
        (Protocol::Mysql, mysql_greeting(0x8a00), MYSQL_REQUEST),
        (
            Protocol::Nntp,
            b"201 news\r\n101 list:\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n382 go\r\n".to_vec(),
            b"CAPABILITIES\r\nSTARTTLS\r\n",
        ),
        (
            Protocol::Sieve,
            b"\"IMPLEMENTATION\" \"a\"\r\n\"STARTTLS\"\r\nOK \"ready\"\r\nOK \"go\"\r\n".to_vec(),
            b"STARTTLS\r\n",
        ),
    ]
}

/// Answers that differ from the plainest form, and mean the same.
#[test]
fn dialogues_are_understood_as_servers_have_them() {
    let xmpp = |words: &[u8]| [XMPP_OPENING, words].concat();
    for (protocol, says) in [
        (
            Protocol::Ftp,
            b"220-Welcome.\r\nPlease behave.\r\n  220 is our number\r\n220 Ready\r\n234 go\r\n"
                .to_vec(),
        ),
        (
            Protocol::Ftp,
            b"220-Welcome\r\n\r\n220-more\r\n530 is not meant\r\n220 Ready\r\n234 go\r\n".to_vec(),
        ),
        (Protocol::Ftp, b"120 soon\r\n220\r\n334 go\r\n".to_vec()),
        (
            Protocol::Ftp,
            b"220-\xff\xe9\n220 Ready\n234-go\n\n234 on\n".to_vec(),
        ),
        (
            Protocol::Smtp,
            b"220 mx\r\n250-mx\r\n250-STARTTLS \r\n250 HELP\r\n220 go\r\n".to_vec(),
        ),
        (
            Protocol::Smtp,
            b"220-a\r\n220 b\r\n250-mx\r\n250 starttls\r\n220-go\r\n220 on\r\n".to_vec(),
        ),
        (
            Protocol::Lmtp,
            b"220 mx\r\n250-mx\r\n250 StartTLS\t\r\n220\r\n".to_vec(),
        ),
        (
            Protocol::Imap,
            b"* ok ready\r\n* CAPABILITY IMAP4rev1\r\nA1 ok begin\r\n".to_vec(),
        ),
        (Protocol::Pop3, b"+ok\r\n+Ok begin\r\n".to_vec()),
        (Protocol::Nntp, b"200 a\r\n500 what?\r\n382 go\r\n".to_vec()),
        (
            Protocol::Irc,
            b"PING :1\r\nNOTICE AUTH :wait\r\n:a 020 * :wait\r\n:a 670 b :go\r\n".to_vec(),
        ),
        (
            Protocol::Sieve,
            b"\"SIEVE\" {7+}\r\na\r\nOK b\r\n\"starttls\"\r\nok\r\nOK (A) {4}\r\ngo\r\n\r\n"
                .to_vec(),
        ),
        (Protocol::Ldap, LDAP_LONG.to_vec()),
        (
            Protocol::Xmpp,
            xmpp(
                b"\n<stream:features>\n <a:starttls xmlns:a='x'><required/></a:starttls>\
                  <m a='>'>PLAIN</m></stream:features>\n<tls:proceed xmlns:tls='x'/>",
            ),
        ),
        (
            Protocol::Xmpp,
            b"<stream xmlns='http://etherx.jabber.org/streams'><features><starttls/></features>\
              <proceed></proceed>"
                .to_vec(),
        ),
    ] {
        let says = [&says[..], b"\x16\x03\x03"].concat();
        let shown = String::from_utf8_lossy(&says);
        match run(protocol, &says) {
            Ok((rest, _)) => assert_eq!(rest, b"\x16\x03\x03", "{protocol:?}: {shown}"),
            Err(refusal) => panic!("{protocol:?}: {refusal:?}: {shown}"),
        }
    }
    let (_, heard) = run(Protocol::Irc, b"PING :1 2\r\n:a 670 * :go\r\n").unwrap();
    assert_eq!(heard, b"STARTTLS\r\nPONG :1 2\r\n");
}

#[test]
fn each_dialogue_says_its_lines_and_reads_no_further_than_the_go_ahead() {
    for (protocol, mut says, expected) in dialogues() {
        says.extend(b"\x16\x03\x03");
        let (rest, heard) = run(protocol, &says).unwrap();
        assert_eq!(rest, b"\x16\x03\x03", "{protocol:?}");
        assert_eq!(heard, expected, "{protocol:?}");
    }
}

#[test]
fn dialogue_cut_at_any_byte_is_an_end_of_file() {
    for (protocol, says, _) in dialogues() {
        for length in 0..says.len() {
            match run(protocol, &says[..length]) {
                Err(Refusal::Io(error)) => {
                    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{protocol:?}");
                }
                other => panic!("{protocol:?} cut at {length}: {other:?}"),
            }
        }
    }
}

#[test]
fn refusals_carry_the_servers_words() {
    for (protocol, says, words) in [
        (
            Protocol::Ftp,
            b"220 a\r\n502 no TLS\r\n".as_slice(),
            "502 no TLS",
        ),
        (
            Protocol::Imap,
            b"* OK a\r\na1 BAD unknown\r\n",
            "a1 BAD unknown",
        ),
        (Protocol::Ldap, LDAP_REFUSAL, "LDAP result code 2"),
        (Protocol::Pop3, b"+OK a\r\n-ERR no\r\n", "-ERR no"),
        (Protocol::Postgres, b"N", "it does not offer TLS (answer N)"),
        (
            Protocol::Smtp,
            b"220 a\r\n250-a\r\n250 SIZE\r\n",
            "it does not offer STARTTLS",
        ),
        (
            Protocol::Smtp,
            b"220 a\r\n250 STARTTLS\r\n454 later\r\n",
            "454 later",
        ),
        (
            Protocol::Smtp,
            b"HTTP/1.1 400 Bad Request\r\n",
            "HTTP/1.1 400 Bad Request",
        ),
        (
            Protocol::Smtp,
            b"220-a\r\nPlease behave.\r\n220 b\r\n",
            "Please behave.",
        ),
        (Protocol::Ftp, b"421-busy\r\n421 bye\r\n", "421-busy"),
        (Protocol::Ftp, b"\r\n220 a\r\n", ""),
        (
            Protocol::Imap,
            b"* PREAUTH hi\r\n",
            "it takes us for logged in already (PREAUTH), and then there is no STARTTLS",
        ),
        (Protocol::Imap, b"* BYE too many\r\n", "* BYE too many"),
        (
            Protocol::Imap,
            b"* OK a\r\n* BYE too long\r\na1 OK\r\n",
            "* BYE too long",
        ),
        (Protocol::Pop3, b"-ERR [IN-USE]\r\n", "-ERR [IN-USE]"),
        (
            Protocol::Ldap,
            LDAP_UNAVAILABLE,
            "LDAP result code 52: SSL not available",
        ),
        (
            Protocol::Ldap,
            LDAP_NOTICE,
            "its answer is no LDAP extended response",
        ),
        (
            Protocol::Ldap,
            b"\x30\x80",
            "its answer is no LDAP extended response",
        ),
        (
            Protocol::Postgres,
            b"E\0\0\0\x29SFATAL\0C53300\0Mtoo many clients\0\0",
            "FATAL: too many clients",
        ),
        // The length is wrong, and the end is missing.
        (
            Protocol::Postgres,
            b"E\0\0\x01\0SFATAL\0Mtoo many clients\0",
            "FATAL: too many clients",
        ),
        (
            Protocol::Postgres,
            b"ENo pg_hba.conf entry\n\0",
            "No pg_hba.conf entry",
        ),
        (
            Protocol::Postgres,
            b"H",
            "its answer is byte 0x48, not S or N",
        ),
        (
            Protocol::Mysql,
            b"\x1b\0\0\0\xff\x6a\x04Host is not allowed here",
            "error 1130: Host is not allowed here",
        ),
        (
            Protocol::Mysql,
            b"\x1d\0\0\0\xff\x10\x04#08004Too many connections",
            "error 1040: Too many connections",
        ),
        (
            Protocol::Mysql,
            b"\x05\0\0\0\x0a9.1\0",
            "its greeting is none of MySQL's",
        ),
        (
            Protocol::Mysql,
            b"SSH-2.0-OpenSSH\r\n",
            "its answer has no end",
        ),
        (
            Protocol::Nntp,
            b"200 a\r\n101 b\r\nREADER\r\n.\r\n",
            "it does not offer STARTTLS",
        ),
        (
            Protocol::Nntp,
            b"200 a\r\n500 what?\r\n580 no\r\n",
            "580 no",
        ),
        (Protocol::Irc, b":a 691 * :no\r\n", ":a 691 * :no"),
        (
            Protocol::Irc,
            b":a 421 * STARTTLS :what?\r\n",
            ":a 421 * STARTTLS :what?",
        ),
        (
            Protocol::Irc,
            b"ERROR :Closing link\r\n",
            "ERROR :Closing link",
        ),
        (
            Protocol::Sieve,
            b"\"SIEVE\" \"STARTTLS\"\r\nOK\r\n",
            "it does not offer STARTTLS",
        ),
        (
            Protocol::Sieve,
            b"\"STARTTLS\"\r\nOK\r\nNO \"later\"\r\n",
            "NO \"later\"",
        ),
        (Protocol::Sieve, b"BYE {4}\r\nbusy\r\n", "BYE \"busy\""),
        (
            Protocol::Xmpp,
            b"<stream:stream><stream:error><host-unknown xmlns='x'/></stream:error>",
            "stream error host-unknown",
        ),
        (
            Protocol::XmppServer,
            b"<?xml version='1.0'?><stream:stream><stream:error><not-authorized/>\
              <text xml:lang='en'>who are you</text></stream:error></stream:stream>",
            "stream error not-authorized (who are you)",
        ),
        (
            Protocol::Xmpp,
            b"<stream:stream><features><starttls/></features><failure xmlns='x'/>",
            "<failure xmlns='x'/>",
        ),
        (
            Protocol::Xmpp,
            b"<stream:stream></stream:stream>",
            "it ends the stream and says nothing",
        ),
    ] {
        match run(protocol, says) {
            Err(Refusal::Server(answer)) => assert_eq!(answer, words),
            other => panic!("{protocol:?}: {other:?}"),
        }
    }
    let without = [XMPP_OPENING, b"<stream:features/>"].concat();
    assert!(matches!(
        run(Protocol::Xmpp, &without),
        Err(Refusal::Server(_))
    ));
}

/// An answer without end is given up, whatever it consists of, and wherever it stands.
#[test]
fn endless_answers_are_given_up() {
    let endless = |part: &[u8]| {
        part.iter()
            .copied()
            .cycle()
            .take(1 << 20)
            .collect::<Vec<_>>()
    };
    for (protocol, says, _) in dialogues() {
        if protocol == Protocol::Postgres {
            // Its answer is one byte.
            continue;
        }
        let inside: &[u8] = match protocol {
            Protocol::Ftp | Protocol::Smtp | Protocol::Lmtp => b"220-a\r\n",
            Protocol::Imap => b"* OK a\r\n",
            Protocol::Irc => b":a NOTICE * :a\r\n",
            Protocol::Sieve => b"\"A\" {3}\r\na\r\n\r\n",
            Protocol::Xmpp | Protocol::XmppServer => b"<?xml ?>",
            _ => b"x",
        };
        for (start, part) in [(0, &b"x"[..]), (0, inside), (says.len() / 2, b"x")] {
            let says = [&says[..start], &endless(part)].concat();
            let outcome = run(protocol, &says);
            // The first half may hold MySQL's whole answer; then the dialogue succeeds.
            let done = protocol == Protocol::Mysql && start > 0;
            assert!(
                matches!(outcome, Err(Refusal::Server(_))) || done,
                "{protocol:?}: {outcome:?}"
            );
        }
    }
    let endless = [b"E\0\0\0\0S".to_vec(), endless(b"x")].concat();
    assert!(matches!(
        run(Protocol::Postgres, &endless),
        Err(Refusal::Server(_))
    ));
}

/// A server's text may be long; the refusal quotes no more than its beginning.
#[test]
fn refusal_repeats_no_more_than_a_line_can_hold() {
    let long = [b"500 ".to_vec(), vec![b'x'; 5000], b"\r\n".to_vec()].concat();
    match run(Protocol::Ftp, &long) {
        Err(Refusal::Server(answer)) => assert!(answer.len() < 400 && answer.ends_with("...")),
        other => panic!("{other:?}"),
    }
}

/// As the fuzz target `starttls` runs them.
#[test]
fn dialogues_that_fuzzing_has_kept_are_short() {
    use clap::ValueEnum as _;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/starttls");
    let protocols = Protocol::value_variants();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let input = std::fs::read(entry.unwrap().path()).unwrap();
        let protocol = protocols[usize::from(input[0]) % protocols.len()];
        match run(protocol, &input[1..]) {
            Err(Refusal::Server(text)) => assert!(text.chars().count() < 400, "{protocol:?}"),
            Err(Refusal::Io(_)) => {}
            Ok((_, heard)) => assert!(heard.len() < 4096, "{protocol:?}"),
        }
        count += 1;
    }
    assert!(count > 0, "no input in {folder}");
}
