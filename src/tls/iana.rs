//! Lists of names that IANA registers. It knows nothing of what they stand for.

use crate::error::{ConfigurationItem, ConfigurationReason, Error};

/// Reads a list of names, each of which `name` gives one of the values. Refuses an empty list, an
/// unknown name, and a value that is named twice. Case does not matter.
pub(super) fn parse<Name: AsRef<str>, Value: Copy + PartialEq>(
    item: ConfigurationItem,
    names: &[Name],
    known: &[Value],
    name_of: impl Fn(Value) -> &'static str,
) -> Result<Vec<Value>, Error> {
    let refused = |reason, detail| Err(Error::refused(item, reason, detail));
    if names.is_empty() {
        return refused(ConfigurationReason::Empty, "the list is empty".to_owned());
    }
    let mut values = Vec::new();
    for name in names.iter().map(AsRef::as_ref) {
        let is_it = |value: &&Value| name_of(**value).eq_ignore_ascii_case(name);
        let Some(value) = known.iter().find(is_it).copied() else {
            let known: Vec<_> = known.iter().map(|value| name_of(*value)).collect();
            let detail = format!("{name:?} is none of {}", known.join(", "));
            return refused(ConfigurationReason::UnknownName, detail);
        };
        if values.contains(&value) {
            let detail = format!("{} is there twice", name_of(value));
            return refused(ConfigurationReason::Duplicate, detail);
        }
        values.push(value);
    }
    Ok(values)
}
