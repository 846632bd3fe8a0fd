//! PKCS #12 as no tool writes it: put together by hand, with a MAC that is computed here.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
const X509_CERTIFICATE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 22, 1];
const PBMAC1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 14];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12];
const HMAC_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 9];
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const SALT: &[u8] = b"saltsalt";

/// One DER element.
pub fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len().to_be_bytes();
    let zeros = length.iter().take_while(|byte| **byte == 0).count();
    let length = &length[zeros..];
    let header = match content.len() {
        0..0x80 => vec![u8::try_from(content.len()).unwrap()],
        _ => [&[0x80 | u8::try_from(length.len()).unwrap()], length].concat(),
    };
    [vec![tag], header, content].concat()
}

/// A DER INTEGER that is not negative.
pub fn integer(value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(7);
    let sign: &[u8] = if bytes[first] < 0x80 { &[] } else { &[0] };
    der(2, &[sign, &bytes[first..]])
}

/// A bag of the kind whose OID ends in this number (RFC 7292 §4.2).
pub fn bag(kind: u8, value: &[u8]) -> Vec<u8> {
    let oid = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 10, 1, kind];
    der(0x30, &[&der(6, &[&oid]), &der(0xa0, &[value])])
}

pub fn certificate_bag(certificate: &[u8]) -> Vec<u8> {
    let value = der(0xa0, &[&der(4, &[certificate])]);
    bag(3, &der(0x30, &[&der(6, &[X509_CERTIFICATE]), &value]))
}

pub fn key_bag(pkcs8: &[u8]) -> Vec<u8> {
    bag(1, pkcs8)
}

/// Bags within a bag.
pub fn contents_bag(bags: &[&[u8]]) -> Vec<u8> {
    bag(6, &der(0x30, bags))
}

/// The bags, unencrypted, as the contents of a file.
pub fn contents(bags: &[&[u8]]) -> Vec<u8> {
    let octets = der(4, &[&der(0x30, bags)]);
    der(0x30, &[&data(&octets)])
}

fn data(octets: &[u8]) -> Vec<u8> {
    der(0x30, &[&der(6, &[DATA]), &der(0xa0, &[octets])])
}

/// A file without a MAC.
pub fn file(contents: &[u8]) -> Vec<u8> {
    der(0x30, &[&integer(3), &data(&der(4, &[contents]))])
}

/// A file with a MAC under these bytes, which are the passphrase as RFC 7292 §B.1 writes it.
pub fn file_with_mac(contents: &[u8], passphrase: &[u8], iterations: u32) -> Vec<u8> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(&derive(passphrase, iterations)).unwrap();
    hmac.update(contents);
    let value = hmac.finalize().into_bytes();
    file_with(contents, &value, &integer(iterations.into()))
}

/// A file with this as MAC, made by this many iterations (an INTEGER).
pub fn file_with(contents: &[u8], mac: &[u8], iterations: &[u8]) -> Vec<u8> {
    let algorithm = der(0x30, &[&der(6, &[SHA256]), &[5, 0]]);
    let info = der(0x30, &[&algorithm, &der(4, &[mac])]);
    let mac = der(0x30, &[&info, &der(4, &[SALT]), iterations]);
    let contents = data(&der(4, &[contents]));
    der(0x30, &[&integer(3), &contents, &mac])
}

/// A file with PBMAC1 (RFC 9579) by HMAC-SHA-256, its key of so many bytes; the fields of `MacData`
/// itself are not used.
pub fn file_with_pbmac1(
    contents: &[u8],
    passphrase: &str,
    iterations: u32,
    key_length: Option<u16>,
) -> Vec<u8> {
    let length = usize::from(key_length.unwrap_or(32));
    let mut key = vec![0; length];
    // A file with too many iterations is refused before its key is derived.
    let derived = iterations.min(1000);
    pbkdf2::pbkdf2_hmac::<Sha256>(passphrase.as_bytes(), SALT, derived, &mut key);
    let mut hmac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    hmac.update(contents);
    let value = hmac.finalize().into_bytes();
    let hash = der(0x30, &[&der(6, &[HMAC_SHA256]), &[5, 0]]);
    let length = key_length.map(|length| integer(length.into()));
    let parameters = der(
        0x30,
        &[
            &der(4, &[SALT]),
            &integer(iterations.into()),
            &length.unwrap_or_default(),
            &hash,
        ],
    );
    let kdf = der(0x30, &[&der(6, &[PBKDF2]), &parameters]);
    let algorithm = der(0x30, &[&der(6, &[PBMAC1]), &der(0x30, &[&kdf, &hash])]);
    let info = der(0x30, &[&algorithm, &der(4, &[&value])]);
    let mac = der(0x30, &[&info, &der(4, &[b"NOT USED"]), &integer(1)]);
    der(0x30, &[&integer(3), &data(&der(4, &[contents])), &mac])
}

/// DER as the BER of a program that writes a stream: indefinite lengths, and octet strings in
/// segments. What is in a string stays.
pub fn ber(der: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = der;
    while let [tag, first, after @ ..] = rest {
        let count = usize::from(first & 0x7f);
        let (length, after) = match first {
            0..0x80 => (count, after),
            _ => {
                let (length, after) = after.split_at(count);
                let add = |sum: usize, byte: &u8| (sum << 8) | usize::from(*byte);
                (length.iter().fold(0, add), after)
            }
        };
        let (content, next) = after.split_at(length);
        match tag {
            4 => {
                out.extend([0x24, 0x80]);
                for segment in content.chunks(100) {
                    out.extend(self::der(4, &[segment]));
                }
                out.extend([0, 0]);
            }
            tag if tag & 0x20 != 0 => {
                out.extend([*tag, 0x80]);
                out.extend(ber(content));
                out.extend([0, 0]);
            }
            tag => out.extend(self::der(*tag, &[content])),
        }
        rest = next;
    }
    out
}

/// Derives the 32 bytes of a MAC's key (RFC 7292 §B.2 with ID 3).
fn derive(passphrase: &[u8], iterations: u32) -> Vec<u8> {
    let fill = |bytes: &[u8]| -> Vec<u8> {
        let blocks = bytes.len().div_ceil(64);
        bytes.iter().copied().cycle().take(64 * blocks).collect()
    };
    let mut key = [vec![3; 64], fill(SALT), fill(passphrase)].concat();
    for _ in 0..iterations {
        key = Sha256::digest(&key).to_vec();
    }
    key
}
