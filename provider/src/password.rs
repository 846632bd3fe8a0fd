//! Opens data that PBES2 (RFC 8018 §6.2) encrypted under a passphrase.
//!
//! The author of a file chooses how long its keys take to derive. A `Budget` bounds the work of all
//! derivations for one file.

use std::borrow::Cow;
use std::hint::black_box;

use pkcs8::ObjectIdentifier;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{self, ErrorKind, Reader, SliceReader, Tag};
use pkcs8::pkcs5::pbes2::{self, Kdf, ScryptParams};
use pkcs8::spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

/// Iterations of PBKDF2 that all derivations for one file may take together: the number that
/// RFC 8018 §4.2 gives for keys that are especially critical. It is some seconds of work.
const ITERATIONS: u64 = 10_000_000;
/// Memory in bytes that scrypt may take. OpenSSL has the same limit, so it writes nothing that
/// takes more.
const SCRYPT_MEMORY: u64 = 32 * 1024 * 1024;
const AES_BLOCK: usize = 16;

/// Why encrypted data cannot be opened.
#[derive(Debug, PartialEq, Eq)]
pub enum Locked {
    /// Its encoding is broken.
    Malformed(&'static str),
    /// It asks for more work or memory than is allowed; the text says for what.
    TooCostly(String),
    /// It uses something that is not supported; the text names it.
    Unsupported(String),
    /// The passphrase does not open it.
    WrongPassphrase,
}

/// The work that is left for one file.
#[derive(Debug)]
pub struct Budget(u64);

impl Default for Budget {
    fn default() -> Self {
        Self(ITERATIONS)
    }
}

impl Budget {
    pub(super) fn spend_iterations(&mut self, iterations: u64, what: &str) -> Result<(), Locked> {
        if iterations == 0 {
            return Err(Locked::Malformed("a key derivation of 0 iterations"));
        }
        self.spend(iterations, &format!("{what} with {iterations} iterations"))
    }

    /// One unit of work is one iteration of PBKDF2, of the derivation of RFC 7292, or of scrypt's
    /// mixing of one block of 128 bytes. All of these take about the same time.
    fn spend(&mut self, work: u64, what: &str) -> Result<(), Locked> {
        self.0 = self.0.checked_sub(work).ok_or_else(|| {
            Locked::TooCostly(format!(
                "{what}; all of a file may take {ITERATIONS} iterations"
            ))
        })?;
        Ok(())
    }
}

/// A supported way to encrypt.
#[derive(Debug)]
pub struct Scheme(pbes2::Parameters);

/// Data that is encrypted under a passphrase.
#[derive(Debug)]
pub struct Encrypted<'a> {
    scheme: Scheme,
    ciphertext: Cow<'a, [u8]>,
}

impl<'a> Encrypted<'a> {
    /// Takes the ciphertext and the algorithm that encrypted it.
    ///
    /// # Errors
    /// When the scheme is not supported, or cannot have made the ciphertext.
    pub fn new(
        algorithm: AlgorithmIdentifierRef<'_>,
        ciphertext: impl Into<Cow<'a, [u8]>>,
    ) -> Result<Self, Locked> {
        let scheme = Scheme::new(algorithm)?;
        let ciphertext = ciphertext.into();
        if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(AES_BLOCK) {
            return Err(Locked::Malformed("ciphertext that is not whole blocks"));
        }
        Ok(Self { scheme, ciphertext })
    }

    /// The parts of an `EncryptedPrivateKeyInfo` (RFC 5958 §3), if it is one.
    pub fn parts(der: &'a [u8]) -> Option<(AlgorithmIdentifierRef<'a>, &'a [u8])> {
        let mut reader = SliceReader::new(der).ok()?;
        let parts = reader.sequence(|reader| {
            let algorithm: AlgorithmIdentifierRef<'a> = reader.decode()?;
            let ciphertext: &'a OctetStringRef = reader.decode()?;
            Ok::<_, der::Error>((algorithm, ciphertext.as_bytes()))
        });
        reader.finish().ok()?;
        parts.ok()
    }

    /// Decrypts the data. The result is not authenticated: a wrong passphrase goes unnoticed here
    /// once in a few hundred times.
    ///
    /// # Errors
    /// When the budget does not allow it, or the passphrase is wrong.
    pub fn open(
        &self,
        passphrase: &str,
        budget: &mut Budget,
    ) -> Result<Zeroizing<Vec<u8>>, Locked> {
        self.scheme.afford(budget)?;
        let mut opened = Zeroizing::new(self.ciphertext.to_vec());
        let length = self
            .scheme
            .0
            .decrypt_in_place(passphrase, &mut opened)
            .map_err(|_| Locked::WrongPassphrase)?
            .len();
        opened.truncate(length);
        Ok(opened)
    }
}

impl Scheme {
    fn new(algorithm: AlgorithmIdentifierRef<'_>) -> Result<Self, Locked> {
        if algorithm.oid != pbes2::PBES2_OID {
            let name = OLD_SCHEMES.iter().find(|(oid, _)| *oid == algorithm.oid);
            return Err(Locked::Unsupported(match name {
                Some((_, name)) => (*name).to_owned(),
                None => algorithm.oid.to_string(),
            }));
        }
        let parameters = algorithm
            .parameters
            .ok_or(Locked::Malformed("PBES2 without parameters"))?;
        // The cipher is looked at here first: the library reads the parameters of its own ciphers
        // only, and does so before it looks at which cipher it is.
        let cipher = parameters
            .sequence(|reader| {
                reader.decode::<AlgorithmIdentifierRef<'_>>()?;
                reader.decode::<AlgorithmIdentifierRef<'_>>()
            })
            .map_err(|error| unread("PBES2", &error))?
            .oid;
        if !AES_CBC.contains(&cipher) {
            let name = OLD_CIPHERS.iter().find(|(oid, _)| *oid == cipher);
            return Err(Locked::Unsupported(match name {
                Some((_, name)) => format!("PBES2 with {name} ({cipher})"),
                None => format!("PBES2 with {cipher}"),
            }));
        }
        let parameters =
            pbes2::Parameters::try_from(parameters).map_err(|error| unread("PBES2", &error))?;
        if let Some(length) = parameters.kdf.key_length()
            && usize::from(length) != parameters.encryption.key_size()
        {
            return Err(Locked::Malformed("a key length that is not the cipher's"));
        }
        Ok(Self(parameters))
    }

    /// Takes the cost of the key from the budget; the library sets no limits of its own.
    fn afford(&self, budget: &mut Budget) -> Result<(), Locked> {
        match &self.0.kdf {
            Kdf::Pbkdf2(pbkdf2) => budget.spend_iterations(pbkdf2.iteration_count.into(), "PBKDF2"),
            Kdf::Scrypt(scrypt) => spend_scrypt(budget, scrypt),
            _ => Err(Locked::Unsupported(self.0.kdf.oid().to_string())),
        }
    }
}

/// Why the library cannot read parameters. A number that is too large for its types is too much
/// work; an octet string that is too large is a salt that it has no room for.
pub(super) fn unread(scheme: &str, error: &der::Error) -> Locked {
    match error.kind() {
        ErrorKind::OidUnknown { oid } => Locked::Unsupported(format!("{scheme} with {oid}")),
        ErrorKind::Length { tag: Tag::Integer } => {
            Locked::TooCostly("a number of more than 32 bits".into())
        }
        ErrorKind::Length {
            tag: Tag::OctetString,
        } => Locked::Unsupported("a salt of more than 32 bytes".into()),
        _ => Locked::Malformed("parameters of the encryption"),
    }
}

fn spend_scrypt(budget: &mut Budget, scrypt: &ScryptParams) -> Result<(), Locked> {
    let (n, r) = (scrypt.cost_parameter, u64::from(scrypt.block_size));
    let p = u64::from(scrypt.parallelization);
    // RFC 7914 §2 excludes these values; the library does not, and divides by them, or worse.
    if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 {
        return Err(Locked::Malformed("parameters of scrypt"));
    }
    let asked = format!("scrypt with N={n}, r={r}, p={p}");
    let memory = n.saturating_add(p).saturating_mul(128 * r);
    if memory > SCRYPT_MEMORY || !has_memory(memory) {
        return Err(Locked::TooCostly(format!(
            "{asked} takes {memory} bytes; it may take {SCRYPT_MEMORY}, if there are as many"
        )));
    }
    budget.spend(n.saturating_mul(r).saturating_mul(p), &asked)
}

/// Whether that much memory can be allocated at once: if it cannot, the library would trap.
fn has_memory(bytes: u64) -> bool {
    const SLACK: usize = 64 * 1024;
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    let mut probe = Vec::<u8>::new();
    let is_there = probe.try_reserve_exact(bytes.saturating_add(SLACK)).is_ok();
    // Otherwise the compiler sees that the reservation is not used, and removes it.
    black_box(&mut probe);
    is_there
}

const AES_CBC: [ObjectIdentifier; 3] = [
    pbes2::AES_128_CBC_OID,
    pbes2::AES_192_CBC_OID,
    pbes2::AES_256_CBC_OID,
];

/// Ciphers of PBES2 that old tools wrote (RFC 8018 §B.2), by name.
const OLD_CIPHERS: [(ObjectIdentifier, &str); 3] = [
    (oid("1.3.14.3.2.7"), "DES"),
    (oid("1.2.840.113549.3.7"), "triple DES"),
    (oid("1.2.840.113549.3.2"), "RC2"),
];

/// Schemes that old tools wrote (RFC 8018 §A.3, RFC 7292 §C), by name.
const OLD_SCHEMES: [(ObjectIdentifier, &str); 10] = [
    (oid("1.2.840.113549.1.5.1"), "PBES1 with MD2 and DES"),
    (oid("1.2.840.113549.1.5.3"), "PBES1 with MD5 and DES"),
    (oid("1.2.840.113549.1.5.4"), "PBES1 with MD2 and RC2"),
    (oid("1.2.840.113549.1.5.6"), "PBES1 with MD5 and RC2"),
    (oid("1.2.840.113549.1.5.10"), "PBES1 with SHA-1 and DES"),
    (oid("1.2.840.113549.1.5.11"), "PBES1 with SHA-1 and RC2"),
    (oid("1.2.840.113549.1.12.1.1"), "PBE with 128-bit RC4"),
    (oid("1.2.840.113549.1.12.1.3"), "PBE with triple DES"),
    (oid("1.2.840.113549.1.12.1.5"), "PBE with 128-bit RC2"),
    (oid("1.2.840.113549.1.12.1.6"), "PBE with 40-bit RC2"),
];

const fn oid(dotted: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(dotted)
}
