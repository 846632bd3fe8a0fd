//! Reads certificates (RFC 5280 §4.1).

use super::der::{
    BIT_STRING, BOOLEAN, INTEGER, Malformed, OID, Reader, SEQUENCE, boolean, bytes_of_bits,
    constructed, context, flags, integer, number, only,
};
use super::extension::each_extension;
use super::public_key::PublicKey;
use super::refusal::Refusal;
use super::time::time;

/// A certificate. Its parts are as its DER has them, and borrowed from that.
#[derive(Clone, Debug)]
pub(crate) struct Certificate<'a> {
    der: &'a [u8],
    /// The signed part, the TBSCertificate.
    signed: &'a [u8],
    /// The contents of the AlgorithmIdentifier.
    signature_algorithm: &'a [u8],
    signature: &'a [u8],
    /// The version, 1 to 3.
    pub(super) version: u32,
    /// The contents of the INTEGER.
    pub(super) serial_number: &'a [u8],
    /// The contents of the issuer's Name; `subject` has those of the subject's.
    issuer: &'a [u8],
    subject: &'a [u8],
    /// First and last second, from the beginning of 1970.
    pub(super) validity: (i64, i64),
    pub(super) key: PublicKey<'a>,
    pub(super) extensions: Extensions<'a>,
}

/// The extensions that are understood (RFC 5280 §4.2).
#[derive(Clone, Debug, Default)]
pub(super) struct Extensions<'a> {
    pub(super) basic_constraints: Option<BasicConstraints>,
    /// The first sixteen bits, digitalSignature the highest.
    pub(super) key_usage: Option<u16>,
    /// The OIDs, one value after the other.
    pub(super) extended_key_usage: Option<&'a [u8]>,
    /// The GeneralNames, one value after the other.
    pub(super) alternative_names: Option<&'a [u8]>,
    pub(super) name_constraints: Option<NameConstraints<'a>>,
    /// The PolicyInformations, one value after the other.
    pub(super) policies: Option<&'a [u8]>,
    /// The mappings, one value after the other.
    pub(super) policy_mappings: Option<&'a [u8]>,
    /// One of them is from or to anyPolicy.
    pub(super) maps_any_policy: bool,
    /// How many certificates may follow before a policy is required.
    pub(super) require_explicit_policy: Option<u32>,
    /// How many certificates may follow before policies are no longer mapped.
    pub(super) inhibit_policy_mapping: Option<u32>,
    /// How many certificates may follow before anyPolicy is one policy among others.
    pub(super) inhibit_any_policy: Option<u32>,
    /// The distribution points of revocation lists, one value after the other.
    pub(super) revocation_places: Option<&'a [u8]>,
    /// The OID of a critical extension that is not understood.
    pub(super) strange: Option<&'a [u8]>,
}

/// RFC 5280 §4.2.1.9.
#[derive(Clone, Copy, Debug)]
pub(super) struct BasicConstraints {
    pub(super) is_ca: bool,
    pub(super) path_length: Option<u32>,
}

/// RFC 5280 §4.2.1.10: GeneralSubtrees, one value after the other.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NameConstraints<'a> {
    pub(super) permitted: Option<&'a [u8]>,
    pub(super) excluded: Option<&'a [u8]>,
}

impl<'a> Certificate<'a> {
    /// Reads a certificate of any version.
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, Malformed> {
        let mut outer = Reader::new(only(der, SEQUENCE)?);
        let signed = outer.whole(SEQUENCE)?;
        let signature_algorithm = outer.expect(SEQUENCE)?;
        let signature = bytes_of_bits(outer.expect(BIT_STRING)?)?;
        outer.end()?;

        let mut body = Reader::new(only(signed, SEQUENCE)?);
        let head = Head::read(&mut body)?;
        // RFC 5280 §4.1.1.2.
        if head.signature_algorithm != signature_algorithm {
            return Err(Malformed);
        }
        let mut validity = Reader::new(head.validity);
        let span = (time(&mut validity)?, time(&mut validity)?);
        validity.end()?;
        // Unique identifiers came with version 2, extensions with version 3.
        if head.version >= 2 {
            body.optional(context(1))?;
            body.optional(context(2))?;
        }
        let mut extensions = Extensions::default();
        if head.version == 3
            && let Some(list) = body.optional(constructed(3))?
        {
            extensions = Extensions::read(only(list, SEQUENCE)?)?;
        }
        body.end()?;
        Ok(Self {
            der,
            signed,
            signature_algorithm,
            signature,
            version: head.version,
            // Negative and long ones occur (RFC 5280 §4.1.2.2).
            serial_number: integer(head.serial_number)?,
            issuer: head.issuer,
            subject: head.subject,
            validity: span,
            key: PublicKey::parse(head.key)?,
            extensions,
        })
    }

    /// The DER of the whole certificate.
    pub(super) fn der(&self) -> &'a [u8] {
        self.der
    }

    /// The contents of the AlgorithmIdentifier of its signature.
    pub(crate) fn signature_algorithm(&self) -> &'a [u8] {
        self.signature_algorithm
    }

    /// The contents of its issuer's Name.
    pub(crate) fn issuer(&self) -> &'a [u8] {
        self.issuer
    }

    /// The contents of its subject's Name.
    pub(crate) fn subject(&self) -> &'a [u8] {
        self.subject
    }

    /// Its public key.
    pub(crate) fn public_key(&self) -> &PublicKey<'a> {
        &self.key
    }

    /// Whether it says that it vouches for itself (RFC 5280 §3.2).
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    /// Whether it is an authority's.
    pub(crate) fn is_authority(&self) -> bool {
        self.extensions
            .basic_constraints
            .is_some_and(|constraints| constraints.is_ca)
    }

    /// Key usage is a limit only where it is given (RFC 5280 §4.2.1.3).
    pub(super) fn check_may_sign(&self) -> Result<(), Refusal> {
        const KEY_CERT_SIGN: u16 = 0x8000 >> 5;
        match self.extensions.key_usage {
            Some(usage) if usage & KEY_CERT_SIGN == 0 => Err(Refusal::MayNotSign),
            _ => Ok(()),
        }
    }

    /// Whether it may sign revocation lists (RFC 5280 §4.2.1.3).
    pub(super) fn may_sign_lists(&self) -> bool {
        const CRL_SIGN: u16 = 0x8000 >> 6;
        let usage = self.extensions.key_usage;
        usage.is_none_or(|usage| usage & CRL_SIGN != 0)
    }

    /// Checks that its signature is by this key.
    pub(super) fn verify_signature(
        &self,
        key: &PublicKey<'_>,
        algorithms: &super::public_key::Algorithms,
    ) -> Result<(), Refusal> {
        key.verify(
            algorithms,
            self.signature_algorithm,
            self.signed,
            self.signature,
        )
    }
}

/// The public key of a certificate in which nothing else has to be right. It verifies the handshake
/// where the certificate itself is not verified.
pub(crate) fn public_key_of(der: &[u8]) -> Result<PublicKey<'_>, Malformed> {
    let mut outer = Reader::new(only(der, SEQUENCE)?);
    let mut body = Reader::new(outer.expect(SEQUENCE)?);
    PublicKey::parse(Head::read(&mut body)?.key)
}

/// The parts that every version has.
struct Head<'a> {
    version: u32,
    serial_number: &'a [u8],
    signature_algorithm: &'a [u8],
    issuer: &'a [u8],
    validity: &'a [u8],
    subject: &'a [u8],
    key: &'a [u8],
}

impl<'a> Head<'a> {
    fn read(body: &mut Reader<'a>) -> Result<Self, Malformed> {
        let version = match body.optional(constructed(0))? {
            None => 1,
            Some(version) => match number(only(version, INTEGER)?)? {
                // DER leaves the default out, but some encoders do not.
                version @ 0..=2 => version + 1,
                _ => return Err(Malformed),
            },
        };
        Ok(Self {
            version,
            serial_number: body.expect(INTEGER)?,
            signature_algorithm: body.expect(SEQUENCE)?,
            issuer: body.expect(SEQUENCE)?,
            validity: body.expect(SEQUENCE)?,
            subject: body.expect(SEQUENCE)?,
            key: body.expect(SEQUENCE)?,
        })
    }
}

/// 2.5.29.32.0
pub(super) const ANY_POLICY: &[u8] = &[0x55, 0x1d, 0x20, 0];

/// The last byte of the OIDs 2.5.29.x.
mod id {
    pub(super) const KEY_USAGE: u8 = 15;
    pub(super) const SUBJECT_ALTERNATIVE_NAME: u8 = 17;
    pub(super) const BASIC_CONSTRAINTS: u8 = 19;
    pub(super) const NAME_CONSTRAINTS: u8 = 30;
    pub(super) const CRL_DISTRIBUTION_POINTS: u8 = 31;
    pub(super) const CERTIFICATE_POLICIES: u8 = 32;
    pub(super) const POLICY_MAPPINGS: u8 = 33;
    pub(super) const POLICY_CONSTRAINTS: u8 = 36;
    pub(super) const EXTENDED_KEY_USAGE: u8 = 37;
    pub(super) const INHIBIT_ANY_POLICY: u8 = 54;
}

impl<'a> Extensions<'a> {
    /// Reads the contents of the list.
    fn read(list: &'a [u8]) -> Result<Self, Malformed> {
        let mut extensions = Self::default();
        each_extension(list, |oid, is_critical, value| {
            let known = match oid {
                [0x55, 0x1d, number] => extensions.understand(*number, value)?,
                _ => false,
            };
            if !known && is_critical {
                extensions.strange = Some(oid);
            }
            Ok::<(), Malformed>(())
        })?;
        Ok(extensions)
    }

    /// Takes an extension's value; returns whether the extension is known.
    fn understand(&mut self, number: u8, value: &'a [u8]) -> Result<bool, Malformed> {
        match number {
            id::KEY_USAGE => self.key_usage = Some(flags(only(value, BIT_STRING)?)?),
            id::SUBJECT_ALTERNATIVE_NAME => self.alternative_names = Some(only(value, SEQUENCE)?),
            id::BASIC_CONSTRAINTS => {
                self.basic_constraints = Some(BasicConstraints::parse(only(value, SEQUENCE)?)?);
            }
            id::NAME_CONSTRAINTS => {
                self.name_constraints = Some(NameConstraints::parse(only(value, SEQUENCE)?)?);
            }
            // No list is fetched, whether this is critical or not.
            id::CRL_DISTRIBUTION_POINTS => {
                self.revocation_places = Some(only(value, SEQUENCE)?);
            }
            id::CERTIFICATE_POLICIES => self.policies = Some(only(value, SEQUENCE)?),
            id::POLICY_MAPPINGS => {
                let list = only(value, SEQUENCE)?;
                let mut pairs = Reader::new(list);
                while !pairs.is_empty() {
                    let mut pair = Reader::new(pairs.expect(SEQUENCE)?);
                    for policy in [pair.expect(OID)?, pair.expect(OID)?] {
                        self.maps_any_policy |= policy == ANY_POLICY;
                    }
                    pair.end()?;
                }
                self.policy_mappings = Some(list);
            }
            id::POLICY_CONSTRAINTS => {
                let mut reader = Reader::new(only(value, SEQUENCE)?);
                let explicit = reader.optional(context(0))?.map(self::number);
                let mapping = reader.optional(context(1))?.map(self::number);
                reader.end()?;
                self.require_explicit_policy = explicit.transpose()?;
                self.inhibit_policy_mapping = mapping.transpose()?;
            }
            id::EXTENDED_KEY_USAGE => self.extended_key_usage = Some(only(value, SEQUENCE)?),
            id::INHIBIT_ANY_POLICY => {
                self.inhibit_any_policy = Some(self::number(only(value, INTEGER)?)?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl BasicConstraints {
    fn parse(contents: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(contents);
        let is_ca = reader.optional(BOOLEAN)?.map(boolean).transpose()?;
        // In a certificate that is no authority's it means nothing, but it occurs there.
        let path_length = reader.optional(INTEGER)?.map(number).transpose()?;
        reader.end()?;
        Ok(Self {
            is_ca: is_ca.unwrap_or(false),
            path_length,
        })
    }
}

impl<'a> NameConstraints<'a> {
    /// Takes the contents of the extension's SEQUENCE.
    pub(super) fn parse(contents: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(contents);
        let permitted = reader.optional(constructed(0))?;
        let excluded = reader.optional(constructed(1))?;
        reader.end()?;
        Ok(Self {
            permitted,
            excluded,
        })
    }
}
