//! Reads a certificate chain and a private key from PKCS #12 (RFC 7292). `pfx` reads the structure,
//! and `provider::password` opens what a passphrase protects.
//!
//! It reads what tools write today: DER or BER, PBES2, and an HMAC or PBMAC1 over the whole, or
//! none. It refuses PBES1 by name, and files that are encrypted or signed with a public key.

use std::borrow::Cow;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::SigningKey;
use zeroize::Zeroizing;

use super::certificates::{is_pem, strange};
use super::chain;
use super::pfx::{
    CERTIFICATE_BAG, ContentInfo, DATA, ENCRYPTED_DATA, ENVELOPED_DATA, KEY_BAG, SAFE_CONTENTS_BAG,
    SHROUDED_KEY_BAG, SIGNED_DATA, content_info, encrypted_data, octet_string, pfx, safe_bag,
    sequence_of, x509,
};
use super::private_key::{key_refused, locked};
use super::{ber, pem};
use crate::error::{ConfigurationItem, ConfigurationReason, Error};
use crate::tls::cryptography::Cryptography;
use portcullis_provider::key::is_pkcs8;
use portcullis_provider::password::{Budget, Encrypted, Locked};
use portcullis_provider::pkcs12_mac::Mac;

/// How deep contents may be nested; two levels are met in practice.
const MAX_DEPTH: u8 = 8;

/// How many keys and certificates a file may have. Each is compared with all others; no peer takes
/// a chain as long.
const MAX_KEPT: usize = 256;

/// A chain, the own certificate first, and its key.
pub(in crate::tls) struct Identity {
    pub(in crate::tls) chain: Vec<CertificateDer<'static>>,
    pub(in crate::tls) key: Arc<dyn SigningKey>,
}

/// The first key that has a certificate, with the chain from that certificate on, issuer by issuer.
/// Certificates that do not belong to the chain come last. Without a passphrase the empty one is
/// tried.
pub(in crate::tls) fn identity(
    input: &[u8],
    passphrase: Option<&str>,
    cryptography: &Cryptography,
) -> Result<Identity, Error> {
    if input.is_empty() {
        return Err(fail(ConfigurationReason::Empty, "0 bytes"));
    }
    let input = unarmoured(input)?;
    let bags = Bags::read(&input, passphrase)?;
    if bags.certificates.is_empty() {
        let detail = "PKCS#12 without an X.509 certificate";
        return Err(fail(ConfigurationReason::NoCertificate, detail));
    }
    let mut obstacle = None;
    for pkcs8 in bags.keys {
        match cryptography.signing_key(PrivatePkcs8KeyDer::from(pkcs8.to_vec()).into()) {
            Ok(key) => match chain::ordered(&bags.certificates, &key) {
                Some(chain) => return Ok(Identity { chain, key }),
                None => {
                    let detail = "no certificate of the file is that of its private key";
                    obstacle =
                        obstacle.or_else(|| Some(fail(ConfigurationReason::KeyMismatch, detail)));
                }
            },
            Err(error) => obstacle = obstacle.or_else(|| Some(key_refused(ITEM, &error))),
        }
    }
    let detail = "PKCS#12 without a private key";
    Err(obstacle.unwrap_or_else(|| fail(ConfigurationReason::NoPrivateKey, detail)))
}

/// The file without the armour of PEM, which GnuTLS gives it unless told otherwise.
fn unarmoured(input: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    if !is_pem(input) {
        return Ok(Cow::Borrowed(input));
    }
    let blocks = pem::blocks(input)
        .map_err(|pem::Malformed(what)| fail(ConfigurationReason::Malformed, &what))?;
    let block = blocks.iter().find(|block| block.label == "PKCS12");
    match block {
        Some(block) => Ok(Cow::Owned(block.contents.to_vec())),
        None => {
            let detail = "PEM, which load-certificate-chain and load-private-key take";
            Err(fail(ConfigurationReason::Malformed, detail))
        }
    }
}

/// The contents of a file.
#[derive(Default)]
struct Bags {
    certificates: Vec<CertificateDer<'static>>,
    /// Each a PKCS #8 `PrivateKeyInfo`.
    keys: Vec<Zeroizing<Vec<u8>>>,
}

impl Bags {
    fn read(input: &[u8], passphrase: Option<&str>) -> Result<Self, Error> {
        let mut lock = Lock {
            passphrase,
            budget: Budget::default(),
        };
        let not_pkcs12 = || {
            let detail = strange(input).unwrap_or("not PKCS#12, or cut short");
            fail(ConfigurationReason::Malformed, detail)
        };
        let file = ber::to_der(input).ok_or_else(not_pkcs12)?;
        let (authentic_safe, mac) = pfx(&file).map_err(|_| not_pkcs12())?;
        let contents = match authentic_safe {
            (DATA, Some(octets)) => octet_string(octets).map_err(|_| malformed())?,
            (SIGNED_DATA, _) => {
                let detail = "its integrity is by a signature, not a passphrase";
                return Err(fail(ConfigurationReason::Encrypted, detail));
            }
            _ => return Err(malformed()),
        };
        // The MAC is over the contents as they were written, not over the DER made of them.
        let read = der(contents)?;
        let safes = sequence_of(&read, content_info).map_err(|_| malformed())?;
        // This comes before the passphrase is tried, which does not help if a part is not
        // supported.
        let safes: Vec<_> = safes.into_iter().map(safe).collect::<Result<_, _>>()?;
        if let Some(mac) = &mac {
            lock.verify(mac, contents)?;
        }
        let mut bags = Self::default();
        for safe in safes {
            match safe {
                Safe::Plain(contents) => bags.add(&der(contents)?, &mut lock, 0)?,
                Safe::Encrypted(encrypted) => {
                    let opened = ber::to_der(&lock.open(&encrypted)?);
                    match opened.filter(|der| sequence_of(der, safe_bag).is_ok()) {
                        Some(opened) => bags.add(&opened, &mut lock, 0)?,
                        // Under a wrong passphrase the padding can look right by chance.
                        None if mac.is_none() => {
                            return Err(lock.wrong("it does not decrypt to what it should"));
                        }
                        None => return Err(malformed()),
                    }
                }
            }
        }
        Ok(bags)
    }

    /// `SafeContents` (RFC 7292 §4.2); CRLs, secrets and unknown bags are passed over.
    fn add(&mut self, contents: &[u8], lock: &mut Lock<'_>, depth: u8) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            let detail = "contents nested too deeply";
            return Err(fail(ConfigurationReason::Malformed, detail));
        }
        for (kind, value) in sequence_of(contents, safe_bag).map_err(|_| malformed())? {
            match kind {
                KEY_BAG => {
                    self.check_room()?;
                    self.keys.push(Zeroizing::new(value.to_vec()));
                }
                SHROUDED_KEY_BAG => {
                    let (algorithm, ciphertext) = Encrypted::parts(value).ok_or_else(malformed)?;
                    let encrypted = Encrypted::new(algorithm, ciphertext)
                        .map_err(|reason| locked(ITEM, reason))?;
                    let key = ber::to_der(&lock.open(&encrypted)?).filter(|key| is_pkcs8(key));
                    let Some(key) = key else {
                        return Err(lock.wrong("it does not decrypt to what it should"));
                    };
                    self.check_room()?;
                    self.keys.push(key);
                }
                CERTIFICATE_BAG => {
                    if let Some(der) = x509(value).map_err(|_| malformed())? {
                        let certificate = CertificateDer::from(der.to_vec());
                        // Some tools repeat the own certificate among the others.
                        if !self.certificates.contains(&certificate) {
                            self.check_room()?;
                            self.certificates.push(certificate);
                        }
                    }
                }
                SAFE_CONTENTS_BAG => self.add(value, lock, depth.saturating_add(1))?,
                _ => {}
            }
        }
        Ok(())
    }

    fn check_room(&self) -> Result<(), Error> {
        if self.certificates.len() + self.keys.len() < MAX_KEPT {
            return Ok(());
        }
        Err(fail(
            ConfigurationReason::TooCostly,
            &format!("more than {MAX_KEPT} keys and certificates"),
        ))
    }
}

/// The passphrase, and the work that may be spent on it.
struct Lock<'a> {
    passphrase: Option<&'a str>,
    budget: Budget,
}

impl Lock<'_> {
    fn verify(&mut self, mac: &Mac<'_>, contents: &[u8]) -> Result<(), Error> {
        let passphrase = self.passphrase.unwrap_or_default();
        match mac.verify(contents, passphrase, &mut self.budget) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.wrong("its MAC does not match")),
            Err(reason) => Err(locked(ITEM, reason)),
        }
    }

    fn open(&mut self, encrypted: &Encrypted<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
        let passphrase = self.passphrase.unwrap_or_default();
        encrypted
            .open(passphrase, &mut self.budget)
            .map_err(|reason| match reason {
                Locked::WrongPassphrase => self.wrong("it does not decrypt"),
                reason => locked(ITEM, reason),
            })
    }

    fn wrong(&self, how: &str) -> Error {
        let reason = match self.passphrase {
            Some(_) => ConfigurationReason::PassphraseWrong,
            None => ConfigurationReason::PassphraseMissing,
        };
        fail(reason, how)
    }
}

/// One part of the file.
enum Safe<'a> {
    Plain(&'a [u8]),
    Encrypted(Encrypted<'a>),
}

fn safe((kind, content): ContentInfo<'_>) -> Result<Safe<'_>, Error> {
    match (kind, content) {
        (DATA, Some(octets)) => Ok(Safe::Plain(octet_string(octets).map_err(|_| malformed())?)),
        (ENCRYPTED_DATA, Some(content)) => {
            let (algorithm, ciphertext) = encrypted_data(content).map_err(|_| malformed())?;
            let encrypted = Encrypted::new(algorithm, ciphertext);
            Ok(Safe::Encrypted(
                encrypted.map_err(|reason| locked(ITEM, reason))?,
            ))
        }
        (ENVELOPED_DATA, _) => Err(fail(
            ConfigurationReason::Encrypted,
            "it is encrypted for a public key, not with a passphrase",
        )),
        _ => Err(malformed()),
    }
}

fn der(ber: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    ber::to_der(ber).ok_or_else(malformed)
}

fn malformed() -> Error {
    let detail = "a part of it is not as PKCS#12 has it";
    fail(ConfigurationReason::Malformed, detail)
}

fn fail(reason: ConfigurationReason, detail: &str) -> Error {
    Error::refused(ITEM, reason, detail)
}

const ITEM: ConfigurationItem = ConfigurationItem::Pkcs12;
