//! `--pin`: public keys that the peer's chain must have one of.

use std::fmt;
use std::str::FromStr;

use base64ct::{Base64, Encoding as _};
use portcullis_host::{Context, Instance};

use crate::exit::{Exit, Result};

/// What curl writes before the base64.
const PREFIX: &str = "sha256//";

/// The SHA-256 of a SubjectPublicKeyInfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pin([u8; 32]);

impl Pin {
    /// That of a certificate's key, as the component gives it.
    pub(crate) fn of(fingerprint: &[u8]) -> Option<Self> {
        fingerprint.try_into().ok().map(Self)
    }

    /// Has the peer's chain have one of these keys, if there are any.
    pub(crate) fn set(pins: &[Self], tls: &mut Instance, context: &Context) -> Result<()> {
        for pin in pins {
            context
                .add_pin(tls, &pin.0)
                .map_err(|failure| Exit::from(failure).context("--pin"))?;
        }
        Ok(())
    }
}

/// As curl writes it.
impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", Base64::encode_string(&self.0))
    }
}

/// As curl writes it, or hexadecimal digits, with colons or without.
impl FromStr for Pin {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let mut pin = [0; 32];
        let written = match text.strip_prefix(PREFIX) {
            Some(base64) => Base64::decode(base64, &mut pin).ok().map(<[u8]>::len),
            None => hexadecimal(text, &mut pin),
        };
        if written == Some(pin.len()) {
            return Ok(Self(pin));
        }
        Err(format!(
            "write {PREFIX} and the base64 of the SHA-256 of the public key, as curl and --info do, or \
             the 64 hexadecimal digits"
        ))
    }
}

/// How many bytes the digits are, if that many have room.
fn hexadecimal(text: &str, bytes: &mut [u8]) -> Option<usize> {
    let digits: Vec<u8> = text.bytes().filter(|digit| *digit != b':').collect();
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(high? * 16 + low?).ok()?;
    }
    Some(pairs.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_as_curl_and_as_openssl_write_it_and_in_no_other_way() {
        // Every form of a digit and of base64.
        let pin = Pin(std::array::from_fn(|place| {
            u8::try_from((place * 37 + 130) % 256).unwrap()
        }));
        let curl = pin.to_string();
        let digits = pin.0.map(|byte| format!("{byte:02X}"));
        for text in [
            curl.clone(),
            digits.join(":"),
            digits.concat().to_lowercase(),
        ] {
            assert_eq!(text.parse(), Ok(pin), "{text}");
        }
        let base64 = curl.strip_prefix(PREFIX).unwrap();
        for text in [
            "",
            PREFIX,
            base64,
            &curl[..curl.len() - 2],
            &format!("sha1//{base64}"),
            &format!("{PREFIX}{}", digits.concat()),
            &digits[1..].concat(),
            &format!("{}0", digits.concat()),
            &"g".repeat(64),
            &"ü".repeat(32),
        ] {
            let refused = text.parse::<Pin>().unwrap_err();
            assert!(refused.contains("sha256//"), "{text}: {refused}");
        }
    }
}
