//! What the lines of errors have in common.

use std::fmt;

/// `: detail`, or nothing.
pub(crate) struct Detail<'a>(pub(crate) Option<&'a str>);

impl fmt::Display for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

/// Writes what failed, why, and what to do: the general cure, unless the detail brings one, after
/// `; `. The detail must therefore be in our own words.
pub(crate) fn end(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    detail: &Option<String>,
    cure: &str,
) -> fmt::Result {
    write!(f, "{what}{}", Detail(detail.as_deref()))?;
    match detail {
        Some(detail) if detail.contains("; ") => Ok(()),
        _ => write!(f, "; {cure}"),
    }
}
