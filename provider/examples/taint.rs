//! What operations do with their secrets: `cargo xtask taint` runs this as WebAssembly, compiled by
//! wasmtime, under Valgrind's memcheck.
//!
//! Memcheck is told that a secret is undefined. It follows, bit by bit, what is computed from it, and
//! reports each branch and each address that depends on it. Some operations do, to show that such are
//! found.
//!
//! Arguments: an RSA key as PKCS #8 in hexadecimal, then the name of an operation. Without a name, it
//! prints all names.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool that cannot go on should stop"
)]
#![cfg_attr(
    not(target_os = "wasi"),
    allow(dead_code, reason = "secrets are marked by a host of WebAssembly")
)]

mod operations;
#[path = "../../tests/support/splitmix.rs"]
mod splitmix;

use std::env;
use std::hint::black_box;

use operations::{Random, Watch};
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::Decode as _;
use portcullis_provider::kx::danger::{answer_with_randomness, start_with_private_key};
use rsa::pkcs1::RsaPrivateKeyRef;
use rustls::NamedGroup;

use marks::{begin, end, secret};

/// What the host knows of.
#[cfg(target_os = "wasi")]
#[allow(unsafe_code, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        inline: "
            package portcullis:taint;
            interface marks {
                /// The same bytes, as a secret.
                secret: func(bytes: list<u8>) -> list<u8>;
                begin: func();
                end: func();
            }
            world program {
                import marks;
            }
        ",
    });
}
#[cfg(target_os = "wasi")]
use bindings::portcullis::taint::marks;
#[cfg(not(target_os = "wasi"))]
mod marks {
    pub(crate) fn secret(bytes: &[u8]) -> Vec<u8> {
        bytes.to_vec()
    }
    pub(crate) const fn begin() {}
    pub(crate) const fn end() {}
}

/// Runs the operation of this name once, or prints the names of all.
struct Taint {
    random: Random,
    wanted: Option<String>,
}

impl Watch for Taint {
    fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// What `make` does with the secret does not count.
    fn of<I>(
        &mut self,
        name: &str,
        _: usize,
        mut make: impl FnMut(&mut Random, bool) -> I,
        mut run: impl FnMut(I),
    ) {
        match &self.wanted {
            None => println!("{name}"),
            Some(wanted) if wanted == name => {
                let input = black_box(make(&mut self.random, false));
                begin();
                run(input);
                end();
            }
            Some(_) => {}
        }
    }
}

fn main() {
    let mut arguments = env::args().skip(1);
    let key = operations::bytes(&arguments.next().expect("a key"));
    let mut taint = Taint {
        random: Random::new(1, mark),
        wanted: arguments.next(),
    };
    controls(&mut taint);
    operations::controls(&mut taint);
    operations::records(&mut taint);
    operations::macs(&mut taint);
    operations::exchanges(&mut taint);
    operations::signatures(&mut taint);
    rsa(&mut taint, key);
    hybrids(&mut taint);
    keys(&mut taint);
}

/// The host gives the bytes back, so that what is known of them while this is compiled is of no use: what
/// is computed is computed from what was marked.
fn mark(bytes: &mut [u8]) {
    bytes.copy_from_slice(&secret(bytes));
}

/// What time hardly tells of: an address that must be found, and a choice without a branch, which must
/// not.
fn controls(taint: &mut Taint) {
    let table: [u8; 256] = taint.random().bytes();
    taint.of(
        "control: element of a table",
        0,
        |random, is_fixed| random.secret::<1>(is_fixed),
        |[secret]| {
            black_box(black_box(&table)[usize::from(secret)]);
        },
    );
    taint.of(
        "harmless: choice by a secret, without a branch",
        0,
        |random, is_fixed| random.secret::<1>(is_fixed),
        |[secret]| {
            let number = black_box(3_u64);
            let (one, other) = (number.wrapping_mul(number), number.rotate_left(7));
            black_box(if secret & 1 == 1 { one } else { other });
        },
    );
}

/// The key's public half is public, all its other numbers are secrets.
fn rsa(taint: &mut Taint, mut der: Vec<u8>) {
    let info = PrivateKeyInfoRef::from_der(&der).expect("PKCS #8");
    let key = RsaPrivateKeyRef::from_der(info.private_key.as_bytes()).expect("PKCS #1");
    let secrets = [
        key.private_exponent,
        key.prime1,
        key.prime2,
        key.exponent1,
        key.exponent2,
        key.coefficient,
    ];
    let start = der.as_ptr().addr();
    let places = secrets.map(|number| {
        let number = number.as_bytes();
        let begin = number.as_ptr().addr() - start;
        begin..begin + number.len()
    });
    for place in places {
        mark(&mut der[place]);
    }
    let der = black_box(&mut der);
    taint.of(
        "RSA of 2048 bits: reading the key",
        0,
        |_, _| (),
        |()| {
            black_box(operations::load(der));
        },
    );
    let key = operations::load(der);
    operations::rsa(taint, &[key.clone(), key]);
}

/// The exchange that is used most, as a connection uses it. Its times differ with the public halves of
/// the keys that are made.
fn hybrids(taint: &mut Taint) {
    const GROUP: NamedGroup = NamedGroup::X25519MLKEM768;
    let client = start_with_private_key(GROUP, &[3; 96]).unwrap();
    let share = client.pub_key().to_vec();
    let server = answer_with_randomness(GROUP, &[5; 64], &share).unwrap();
    taint.of(
        "X25519MLKEM768: the client's share; d, z and the private key",
        0,
        Random::secret::<96>,
        |secret| {
            black_box(start_with_private_key(GROUP, &secret).unwrap());
        },
    );
    taint.of(
        "X25519MLKEM768: the server's share and the secret; m and the private key",
        0,
        Random::secret::<64>,
        |secret| {
            black_box(answer_with_randomness(GROUP, &secret, &share).unwrap());
        },
    );
    taint.of(
        "X25519MLKEM768: the client's secret; d, z and the private key",
        0,
        |random, is_fixed| start_with_private_key(GROUP, &random.secret::<96>(is_fixed)).unwrap(),
        |exchange| {
            black_box(exchange.complete(&server.pub_key).unwrap());
        },
    );
}

/// What is done once for each key, and so is of no use to a watch.
fn keys(taint: &mut Taint) {
    taint.of(
        "ECDSA with P-256: reading the key",
        0,
        |random, is_fixed| operations::p256_key(&operations::scalar(random, is_fixed)),
        |der| {
            black_box(operations::load(&der));
        },
    );
}
