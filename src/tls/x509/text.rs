//! Bytes of a certificate as text that is safe to print.

/// The text of bytes that should be ASCII: what is not printable is `\x` and two digits, and a
/// backslash is two.
pub(super) fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\\' => text.push_str(r"\\"),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => {
                text.push_str(r"\x");
                push_digits(&mut text, *byte);
            }
        }
    }
    text
}

/// `#` and the hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len() + 1);
    text.push('#');
    for byte in bytes {
        push_digits(&mut text, *byte);
    }
    text
}

/// The two hexadecimal digits of a byte.
pub(super) fn push_digits(text: &mut String, byte: u8) {
    for digit in [byte >> 4, byte & 0xf] {
        text.push(char::from(match digit {
            0..=9 => b'0' + digit,
            _ => b'A' - 10 + digit,
        }));
    }
}
