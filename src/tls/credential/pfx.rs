//! The structure of PKCS #12 (RFC 7292 §4) and of the PKCS #7 that it is made of, in DER. This
//! module decrypts nothing.

use std::borrow::Cow;

use pkcs8::ObjectIdentifier;
use pkcs8::der::asn1::{AnyRef, OctetStringRef};
use pkcs8::der::{self, Decode, Header, Reader, SliceReader, Tag, TagNumber, Tagged};
use pkcs8::spki::AlgorithmIdentifierRef;

use portcullis_provider::pkcs12_mac::Mac;

/// The detail for a user who gives PKCS#12 where PEM or DER is taken.
pub(super) const HINT: &str = "PKCS#12, which load-pkcs12 takes, and --pkcs12 of the command";

/// The same, where certificates of authorities are wanted.
pub(super) const HINT_FOR_ROOTS: &str =
    "PKCS#12: take the certificates out of it with `openssl pkcs12 -in OLD -nokeys -out NEW`";

/// `ContentInfo` (RFC 5652 §3): its type and the DER of its content.
pub(super) type ContentInfo<'a> = (ObjectIdentifier, Option<&'a [u8]>);

/// `PFX` (RFC 7292 §4).
pub(super) fn pfx(input: &[u8]) -> der::Result<(ContentInfo<'_>, Option<Mac<'_>>)> {
    whole(input, |reader| {
        reader.sequence(|reader| {
            if reader.decode::<u8>()? != VERSION {
                return Err(Tag::Integer.value_error().into());
            }
            let authentic_safe = content_info(reader)?;
            let mac = if reader.is_finished() {
                None
            } else {
                Some(mac_data(reader)?)
            };
            Ok((authentic_safe, mac))
        })
    })
}

pub(super) fn content_info<'a>(reader: &mut SliceReader<'a>) -> der::Result<ContentInfo<'a>> {
    reader.sequence(|reader| {
        let kind = reader.decode()?;
        let content = if reader.is_finished() {
            None
        } else {
            Some(tagged(reader.decode()?, true)?)
        };
        Ok((kind, content))
    })
}

fn mac_data<'a>(reader: &mut SliceReader<'a>) -> der::Result<Mac<'a>> {
    reader.sequence(|reader| {
        let (algorithm, value) = reader.sequence(|reader| {
            let algorithm: AlgorithmIdentifierRef<'a> = reader.decode()?;
            Ok::<_, der::Error>((algorithm, reader.decode::<&OctetStringRef>()?.as_bytes()))
        })?;
        let salt = reader.decode::<&OctetStringRef>()?.as_bytes();
        let iterations = if reader.is_finished() {
            1
        } else {
            reader.decode()?
        };
        Ok(Mac {
            algorithm,
            value,
            salt,
            iterations,
        })
    })
}

/// An algorithm, and the ciphertext that it made.
pub(super) type Ciphertext<'a> = (AlgorithmIdentifierRef<'a>, Cow<'a, [u8]>);

/// `EncryptedData` (RFC 5652 §8): the algorithm and the ciphertext.
pub(super) fn encrypted_data(content: &[u8]) -> der::Result<Ciphertext<'_>> {
    whole(content, |reader| {
        reader.sequence(|reader| {
            reader.decode::<u8>()?;
            let parts = reader.sequence(|reader| {
                if reader.decode::<ObjectIdentifier>()? != DATA {
                    return Err(Tag::ObjectIdentifier.value_error().into());
                }
                let algorithm = reader.decode()?;
                Ok::<_, der::Error>((algorithm, ciphertext(reader.decode()?)?))
            })?;
            // Attributes are passed over: nothing protects them.
            if !reader.is_finished() {
                reader.decode::<AnyRef<'_>>()?;
            }
            Ok(parts)
        })
    })
}

/// The content of an OCTET STRING under the implicit tag 0. If the file was BER, the string can
/// still be in segments, because this tag does not say that it is a string.
fn ciphertext(any: AnyRef<'_>) -> der::Result<Cow<'_, [u8]>> {
    if !any.tag().is_constructed() {
        return tagged(any, false).map(Cow::Borrowed);
    }
    let mut reader = SliceReader::new(tagged(any, true)?)?;
    let mut whole = Vec::new();
    while !reader.is_finished() {
        whole.extend_from_slice(reader.decode::<&OctetStringRef>()?.as_bytes());
    }
    Ok(Cow::Owned(whole))
}

/// The certificates in `SignedData` (RFC 5652 §5.1), each in DER. Other kinds of certificates and
/// the signed content are passed over. `None` if the input is not `SignedData`.
pub(super) fn signed_certificates(input: &[u8]) -> Option<der::Result<Vec<&[u8]>>> {
    let (SIGNED_DATA, Some(content)) = whole(input, content_info).ok()? else {
        return None;
    };
    Some(whole(content, |reader| {
        reader.sequence(|reader| {
            reader.decode::<u8>()?;
            // The digests, and the signed content.
            reader.decode::<AnyRef<'_>>()?;
            reader.decode::<AnyRef<'_>>()?;
            let mut certificates = Vec::new();
            while !reader.is_finished() {
                let any: AnyRef<'_> = reader.decode()?;
                let Ok(choices) = tagged(any, true) else {
                    continue;
                };
                let mut choices = SliceReader::new(choices)?;
                while !choices.is_finished() {
                    let is_certificate = Tag::peek(&choices)? == Tag::Sequence;
                    let certificate = choices.tlv_bytes()?;
                    if is_certificate {
                        certificates.push(certificate);
                    }
                }
            }
            Ok(certificates)
        })
    }))
}

/// `SafeBag` (RFC 7292 §4.2): its type and the DER of its value, without the attributes.
pub(super) fn safe_bag<'a>(
    reader: &mut SliceReader<'a>,
) -> der::Result<(ObjectIdentifier, &'a [u8])> {
    reader.sequence(|reader| {
        let kind = reader.decode()?;
        let value = tagged(reader.decode()?, true)?;
        if !reader.is_finished() {
            reader.decode::<AnyRef<'_>>()?.tag().assert_eq(Tag::Set)?;
        }
        Ok((kind, value))
    })
}

/// `CertBag` (RFC 7292 §4.2.3): the certificate, if it is X.509.
pub(super) fn x509(value: &[u8]) -> der::Result<Option<&[u8]>> {
    whole(value, |reader| {
        reader.sequence(|reader| {
            let kind = reader.decode::<ObjectIdentifier>()?;
            let content = tagged(reader.decode()?, true)?;
            match kind {
                X509_CERTIFICATE => octet_string(content).map(Some),
                _ => Ok(None),
            }
        })
    })
}

/// All elements of a SEQUENCE OF.
pub(super) fn sequence_of<'a, T>(
    der: &'a [u8],
    element: impl Fn(&mut SliceReader<'a>) -> der::Result<T>,
) -> der::Result<Vec<T>> {
    whole(der, |reader| {
        reader.sequence(|reader| {
            let mut elements = Vec::new();
            while !reader.is_finished() {
                elements.push(element(reader)?);
            }
            Ok(elements)
        })
    })
}

fn whole<'a, T>(
    der: &'a [u8],
    read: impl FnOnce(&mut SliceReader<'a>) -> der::Result<T>,
) -> der::Result<T> {
    let mut reader = SliceReader::new(der)?;
    let value = read(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

pub(super) fn octet_string(der: &[u8]) -> der::Result<&[u8]> {
    <&OctetStringRef>::from_der(der).map(OctetStringRef::as_bytes)
}

/// The content of the context-specific tag 0.
fn tagged(any: AnyRef<'_>, constructed: bool) -> der::Result<&[u8]> {
    any.tag().assert_eq(Tag::ContextSpecific {
        constructed,
        number: TagNumber(0),
    })?;
    Ok(any.value())
}

/// Whether the input begins as a PFX does (RFC 7292 §4): SEQUENCE { INTEGER 3, … }.
pub(super) fn is_pkcs12(input: &[u8]) -> bool {
    let inside = SliceReader::new(input).and_then(|mut reader| {
        Header::decode(&mut reader)?
            .tag()
            .assert_eq(Tag::Sequence)?;
        reader.decode::<u8>()
    });
    inside == Ok(VERSION)
}

const VERSION: u8 = 3;

pub(super) const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
pub(super) const SIGNED_DATA: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
pub(super) const ENVELOPED_DATA: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.3");
pub(super) const ENCRYPTED_DATA: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
const X509_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");
pub(super) const KEY_BAG: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.1");
pub(super) const SHROUDED_KEY_BAG: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
pub(super) const CERTIFICATE_BAG: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");
pub(super) const SAFE_CONTENTS_BAG: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.6");
