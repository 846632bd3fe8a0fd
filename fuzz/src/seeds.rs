//! What a target begins with: real handshakes, files, dialogues and requests. They are made anew for
//! each run, for some have private keys in them; those without are kept in `corpus/`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::core::{PASSPHRASE, configs};
use crate::support::certs::{Authority, KeyType, Leaf};
use crate::support::pair::{Pair, read_all};
use crate::support::x509::{List, Spec};

/// The folder that a target's seeds are written to before it runs.
const FOLDER: &str = "PORTCULLIS_SEEDS";

/// Writes the seeds of a target, if there is a folder for them.
pub fn write(target: &str) {
    let Some(folder) = env::var_os(FOLDER)
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
    else {
        return;
    };
    fs::create_dir_all(&folder).unwrap();
    for (number, seed) in of(target, &folder).into_iter().enumerate() {
        fs::write(folder.join(format!("{target}-{number}")), seed).unwrap();
    }
}

fn of(target: &str, folder: &Path) -> Vec<Vec<u8>> {
    match target {
        "client" => handshakes(|pair| pair.to_client.sent),
        "server" => [
            handshakes(|pair| pair.to_server.sent),
            vec![
                b"\x00\xffGET / HTTP/1.1\r\n\r\n".to_vec(),
                b"\x00\xff\x80\x2e\x01\x03\x01".to_vec(),
                b"\x00\xff\x15\x03\x03\x00\x02\x02\x28".to_vec(),
            ],
        ]
        .concat(),
        "wire" => (0..12)
            .map(|which| vec![which, 0, 9, which, 7, 0x80, 40, which, 1])
            .collect(),
        "credentials" => credentials(folder),
        "words" => words(),
        "signatures" => (0..8).map(|which| mixed(which, 131)).collect(),
        "records" => (0..9)
            .map(|which| mixed(which, 60 + usize::from(which) * 90))
            .collect(),
        "operations" => (0..40).map(|first| mixed(first, 400)).collect(),
        "starttls" => dialogues(),
        _ => requests(),
    }
}

/// Bytes without a pattern, of which the first is given.
fn mixed(first: u8, length: usize) -> Vec<u8> {
    let next = |at: u64| {
        at.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(at as u32)
            >> 40
    };
    let rest = (1..length as u64).map(|at| next(at + 1000 * u64::from(first)) as u8);
    std::iter::once(first).chain(rest).collect()
}

/// Handshakes, data and closing in each version, one direction of each.
fn handshakes(side: fn(Pair) -> Vec<u8>) -> Vec<Vec<u8>> {
    let of = |(which, (client, server)): (u8, &_)| {
        let mut pair = Pair::new(client, server).handshake();
        pair.client.write(b"ask").unwrap();
        pair.server.write(b"answer").unwrap();
        pair.drive();
        (read_all(&mut pair.client), read_all(&mut pair.server));
        pair.client.close();
        pair.server.close();
        pair.drive();
        [vec![which, 0xff], side(pair)].concat()
    };
    (0..).zip(configs()).map(of).collect()
}

fn credentials(folder: &Path) -> Vec<Vec<u8>> {
    let password = format!("pass:{PASSPHRASE}");
    let authority = Authority::root("Root");
    let intermediate = authority.intermediate("Intermediate");
    let mut seeds = vec![
        [vec![7], authority.der().to_vec()].concat(),
        [vec![3], authority.pem().into_bytes()].concat(),
        [vec![4], authority.der().to_vec()].concat(),
        [vec![6], intermediate.pem().into_bytes()].concat(),
        [
            vec![4],
            List::of_every_part().by(&Spec::authority("Root").self_signed()),
        ]
        .concat(),
        // An OCSP response that says `tryLater`.
        vec![5, 0x30, 3, 0x0a, 1, 3],
    ];
    for key in KeyType::SUPPORTED {
        let identity = intermediate.issue(&Leaf::server().names(&["a.test", "127.0.0.1"]).key(key));
        let (chain, key) = (identity.chain_pem(), identity.key_pem());
        seeds.push([&[0], chain.as_bytes()].concat());
        seeds.push([&[7], identity.chain[0].as_ref()].concat());
        seeds.push([&[1], key.as_bytes()].concat());
        let (chain_file, key_file) = (folder.join("chain.pem"), folder.join("key.pem"));
        fs::write(&chain_file, &chain).unwrap();
        fs::write(&key_file, &key).unwrap();
        let key_file = key_file.to_str().unwrap();
        let pkcs8 = ["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-iter", "10"];
        let pkcs8 = [&pkcs8[..], &["-passout", &password, "-in", key_file]].concat();
        let pkcs12 = [
            "pkcs12", "-export", "-iter", "10", "-maciter", "-passout", &password,
        ];
        let files = ["-in", chain_file.to_str().unwrap(), "-inkey", key_file];
        seeds.extend(openssl(&pkcs8).map(|key| [vec![0x11], key].concat()));
        seeds.extend(
            openssl(&[&pkcs12[..], &files].concat()).map(|file| [vec![0x12], file].concat()),
        );
        seeds.extend(
            openssl(&["pkey", "-traditional", "-in", key_file]).map(|key| [vec![1], key].concat()),
        );
        seeds.extend(
            openssl(&["pkey", "-outform", "DER", "-in", key_file])
                .map(|key| [vec![1], key].concat()),
        );
        for file in [chain_file.as_path(), Path::new(key_file)] {
            fs::remove_file(file).unwrap();
        }
    }
    seeds
}

/// What OpenSSL makes, if it is there.
fn openssl(arguments: &[&str]) -> Option<Vec<u8>> {
    let mut command = Command::new("openssl");
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let output = command.output().ok()?;
    output.status.success().then_some(output.stdout)
}

fn words() -> Vec<Vec<u8>> {
    const WORDS: [&str; 22] = [
        "\0HIGH:!aNULL:!MD5",
        "\0ECDHE+AESGCM:@STRENGTH",
        "\0ALL:-SHA256:+CHACHA20:@SECLEVEL=2",
        "\0TLS_AES_128_GCM_SHA256 ECDHE-RSA-AES128-GCM-SHA256",
        "\0kECDHE:!AES256 DEFAULT",
        "\0PROFILE=SYSTEM",
        "\x01X25519MLKEM768 x25519 P-256",
        "\x01secp384r1:prime256v1",
        "\x02ECDSA+SHA256 RSA-PSS+SHA384",
        "\x02ed25519:rsa_pss_rsae_sha256",
        "\x03h2 http/1.1",
        "\x03a,b",
        "\x04tlsv12",
        "\x04/etc/ssl/cert.pem",
        "\x05example.test",
        "\x05[2001:db8::1]",
        "\x05fe80::1%2",
        "\x05::ffff:192.0.2.1",
        "\x05192.0.2.1",
        "\x05xn--bcher-kva.example.",
        "\x050x7f.1",
        "\x05*.example.test",
    ];
    WORDS.map(|words| words.as_bytes().to_vec()).to_vec()
}

/// What each protocol's server says, in the order of `Protocol`.
fn dialogues() -> Vec<Vec<u8>> {
    let says: [&[u8]; 13] = [
        b"120 soon\r\n220-a\r\n220 b\r\n234 AUTH TLS\r\n",
        b"* OK [CAPABILITY IMAP4rev2 STARTTLS] ready\r\n* CAPABILITY STARTTLS {3}\r\nabc\r\na OK\r\na OK\r\n",
        b":s CAP * LS :tls sasl=PLAIN\r\nPING :x\r\n:s 670 u :go\r\n",
        b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00",
        b"220 s\r\n250-s\r\n250 STARTTLS\r\n220 go\r\n",
        b"\x2a\0\0\0\x0a8.0.30\0\x01\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xc7\x15abcdefghijklm",
        b"200 s\r\n101 list\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n382 go\r\n",
        b"+OK s\r\n+OK go\r\n",
        b"S",
        b"\"IMPLEMENTATION\" {3+}\r\nabc\r\n\"STARTTLS\"\r\nOK \"s\"\r\nOK\r\n",
        b"220-s\r\n220 s\r\n250-s\r\n250-SIZE 1\r\n250 STARTTLS\r\n220 go\r\n",
        b"<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams'>\
          <stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>\
          <proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        b"<stream:stream><stream:error><host-unknown/></stream:error></stream:stream>",
    ];
    (0..)
        .zip(says)
        .map(|(protocol, says): (u8, _)| [&[protocol], says].concat())
        .collect()
}

fn requests() -> Vec<Vec<u8>> {
    let requests: [&[u8]; 8] = [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"HEAD /index.html HTTP/1.0\r\n\r\n",
        b"GET /../beside HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /%2e%2e/beside HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://a/sub?x=1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        b"OPTIONS * HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
    ];
    requests.map(|request| [b"\x09", request].concat()).to_vec()
}
