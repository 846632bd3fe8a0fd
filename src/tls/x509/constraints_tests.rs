#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use super::*;

#[test]
fn a_dns_name_is_within_a_base_by_whole_labels() {
    for (name, base, is_within) in [
        ("host.example", "host.example", true),
        ("HOST.example", "host.EXAMPLE", true),
        ("www.host.example", "host.example", true),
        ("badhost.example", "host.example", false),
        ("example", "host.example", false),
        ("host.example", "", true),
        ("host.example", ".host.example", false),
        ("www.host.example", ".host.example", true),
        ("*.host.example", "host.example", true),
        ("*.example", "host.example", false),
    ] {
        let found = is_dns_within(name.as_bytes(), base.as_bytes(), List::Permitted);
        assert_eq!(found, Ok(is_within), "{name} in {base}");
    }
}

#[test]
fn a_wildcard_is_excluded_with_anything_that_it_stands_for() {
    for (name, base, is_excluded) in [
        ("*.example.com", "www.example.com", true),
        ("*.example.com", "example.com", true),
        ("*.example.com", "a.www.example.com", false),
        ("*.example.com", ".www.example.com", false),
        ("*.example.com", "www.example.org", false),
        ("www.example.com", "mail.example.com", false),
    ] {
        let found = is_dns_within(name.as_bytes(), base.as_bytes(), List::Excluded);
        assert_eq!(found, Ok(is_excluded), "{name} in {base}");
    }
}

#[test]
fn names_that_cannot_be_compared_are_refused() {
    for (name, base) in [
        ("", "example"),
        ("a..b", "b"),
        ("host.example.", "example"),
        ("w*.example", "example"),
        ("host.example", "*.example"),
        ("host.example", "."),
        ("b\u{fc}cher.example", "example"),
    ] {
        for list in [List::Permitted, List::Excluded] {
            let found = is_dns_within(name.as_bytes(), base.as_bytes(), list);
            assert_eq!(found, Err(Malformed), "{name} in {base}");
        }
    }
}

#[test]
fn an_address_is_within_a_network() {
    for (address, base, found) in [
        (
            &[10, 1, 2, 3][..],
            &[10, 0, 0, 0, 255, 0, 0, 0][..],
            Ok(true),
        ),
        (&[11, 1, 2, 3], &[10, 0, 0, 0, 255, 0, 0, 0], Ok(false)),
        (&[10, 1, 2, 3], &[0; 8], Ok(true)),
        (&[10, 128, 2, 3], &[10, 0, 0, 0, 255, 128, 0, 0], Ok(false)),
        (
            &[10, 1, 2, 3],
            &[10, 0, 0, 0, 255, 0, 255, 0],
            Err(Malformed),
        ),
        (&[10, 1, 2, 3], &[10, 0, 0, 0, 253, 0, 0, 0], Err(Malformed)),
        (&[10, 1, 2, 3], &[10, 0, 0, 0], Err(Malformed)),
        (&[10, 1, 2], &[10, 0, 0, 0, 255, 0, 0, 0], Err(Malformed)),
        (&[0; 16], &[10, 0, 0, 0, 255, 0, 0, 0], Ok(false)),
        (&[0; 16], &[0; 32], Ok(true)),
    ] {
        assert_eq!(is_address_within(address, base), found, "{address:?}");
    }
}

#[test]
fn a_mailbox_and_a_uri_are_within_their_host_or_domain() {
    for (name, base, found) in [
        ("me@example.com", "me@example.com", Ok(true)),
        ("Me@example.com", "me@example.com", Ok(false)),
        ("me@EXAMPLE.com", "example.com", Ok(true)),
        ("me@mail.example.com", "example.com", Ok(false)),
        ("me@mail.example.com", ".example.com", Ok(true)),
        ("me@example.com", ".example.com", Ok(false)),
        ("me", "example.com", Err(Malformed)),
        ("me@", "example.com", Err(Malformed)),
        ("@example.com", "example.com", Err(Malformed)),
        ("me@you@example.com", "example.com", Err(Malformed)),
        ("\"me@you\"@example.com", "example.com", Ok(true)),
        ("me@example.com", "you@me@example.com", Err(Malformed)),
    ] {
        let result = is_email_within(name.as_bytes(), base.as_bytes(), List::Permitted);
        assert_eq!(result, found, "{name} in {base}");
    }
    for (name, base, found) in [
        ("https://example.com/a", "example.com", Ok(true)),
        ("https://me@example.com:8443?q", "example.com", Ok(true)),
        ("https://www.example.com", "example.com", Ok(false)),
        ("https://www.example.com", ".example.com", Ok(true)),
        ("https://evil.test/@example.com", "example.com", Ok(false)),
        ("https://127.0.0.1/", "example.com", Err(Malformed)),
        ("https://[::1]/", "example.com", Err(Malformed)),
        ("urn:example", "example.com", Err(Malformed)),
    ] {
        let result = is_uri_within(name.as_bytes(), base.as_bytes(), List::Permitted);
        assert_eq!(result, found, "{name} in {base}");
    }
}

/// A Name of one attribute for each text: an OID's last byte, a tag and the text.
fn directory(attributes: &[(u8, u8, &[u8])]) -> Vec<u8> {
    let mut name = Vec::new();
    for (oid, tag, text) in attributes {
        let length = |n: usize| u8::try_from(n).unwrap();
        let value = [&[6, 3, 0x55, 4, *oid, *tag, length(text.len())], *text].concat();
        let attribute = [&[0x30, length(value.len())], value.as_slice()].concat();
        name.extend([0x31, length(attribute.len())]);
        name.extend(attribute);
    }
    name
}

#[test]
fn a_directory_name_is_within_another_whatever_its_encoding() {
    const COUNTRY: u8 = 6;
    const ORGANISATION: u8 = 10;
    let (printable, utf8, teletex, bmp) = (19, 12, 20, 30);
    let base = directory(&[
        (COUNTRY, printable, b"DE"),
        (ORGANISATION, utf8, b"Example AG"),
    ]);
    for (name, is_in) in [
        (base.clone(), true),
        (
            directory(&[
                (COUNTRY, utf8, b"de"),
                (ORGANISATION, printable, b"EXAMPLE  ag "),
                (3, utf8, b"host"),
            ]),
            true,
        ),
        (
            directory(&[
                (COUNTRY, teletex, b"DE"),
                (ORGANISATION, bmp, b"\0E\0x\0a\0m\0p\0l\0e\0 \0A\0G"),
            ]),
            true,
        ),
        (directory(&[(COUNTRY, printable, b"DE")]), false),
        (directory(&[(ORGANISATION, utf8, b"Example AG")]), false),
        (
            directory(&[
                (COUNTRY, printable, b"DE"),
                (ORGANISATION, utf8, b"Example"),
            ]),
            false,
        ),
        (Vec::new(), false),
    ] {
        assert_eq!(is_within(&name, &base), Ok(is_in), "{name:?}");
        assert_eq!(is_within(&name, &[]), Ok(true));
    }
    let broken = directory(&[(COUNTRY, utf8, b"\xff")]);
    assert_eq!(is_within(&broken, &base), Err(Malformed));
}
