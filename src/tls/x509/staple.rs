//! OCSP responses, as far as those who present one have to know them (RFC 6960 §4.2.1).

use super::der::{Malformed, Reader, SEQUENCE, constructed};

const ENUMERATED: u8 = 0x0a;

/// Whether an OCSP responder has given an answer in these bytes, and they hold nothing else. What the
/// answer is, and about which certificate, is for the peer to judge.
pub(crate) fn is_answer(response: &[u8]) -> Result<bool, Malformed> {
    let mut whole = Reader::new(response);
    let mut fields = Reader::new(whole.expect(SEQUENCE)?);
    let status = fields.expect(ENUMERATED)?;
    let answer = fields.optional(constructed(0))?;
    if !whole.is_empty() || !fields.is_empty() {
        return Err(Malformed);
    }
    Ok(status == [0] && answer.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_from_a_refusal_and_from_other_bytes() {
        assert_eq!(is_answer(b"\x30\x05\x0a\x01\x00\xa0\x00"), Ok(true));
        // tryLater, without an answer.
        assert_eq!(is_answer(b"\x30\x03\x0a\x01\x03"), Ok(false));
        assert_eq!(is_answer(b"\x30\x03\x0a\x01\x00"), Ok(false));
        for other in [
            &b""[..],
            b"\x30\x05\x0a\x01\x00\xa0",
            b"\x30\x05\x0a\x01\x00\xa0\x00\x00",
            b"\x30\x03\x02\x01\x00",
            b"-----BEGIN",
        ] {
            assert_eq!(is_answer(other), Err(Malformed));
        }
    }
}
