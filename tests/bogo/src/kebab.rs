//! Names of cases. `tests/torture` has this file too.

use std::fmt;

/// The name that WIT has for a case that Rust writes as `BadRecord` or `ProtocolReason::BadRecord`.
pub(crate) fn kebab(case: &impl fmt::Debug) -> String {
    let text = format!("{case:?}");
    let name = text.rsplit("::").next().unwrap_or_default();
    let mut kebab = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_of_both_kinds_have_the_name_that_wit_has_for_them() {
        #[derive(Debug)]
        enum Case {
            BadRecord,
        }
        assert_eq!(kebab(&Case::BadRecord), "bad-record");
        assert_eq!(kebab(&format_args!("Case::BadRecord")), "bad-record");
    }
}
