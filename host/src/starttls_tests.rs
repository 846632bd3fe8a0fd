use std::io::{self, Read, Write};

use super::{Protocol, Refusal};

/// A server that says what it is told to, and takes what it is sent.
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

/// What is left unread, and what the server heard.
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
const XMPP_OPENING: &[u8] = b"<?xml version='1.0'?><stream:stream from='example.test' id='1'>";

fn dialogues() -> [(Protocol, Vec<u8>, &'static [u8]); 7] {
    [
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
    ]
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

#[test]
fn endless_answers_are_given_up() {
    let endless = vec![b'x'; 1 << 20];
    for protocol in [
        Protocol::Ftp,
        Protocol::Imap,
        Protocol::Pop3,
        Protocol::Smtp,
        Protocol::Xmpp,
    ] {
        assert!(
            matches!(run(protocol, &endless), Err(Refusal::Server(_))),
            "{protocol:?}"
        );
    }
}
