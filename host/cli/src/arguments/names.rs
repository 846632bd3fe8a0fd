//! Lists of names, as flags take them.

/// The names between the separators, without blanks around them; none may be empty. The example is for
/// the message.
pub(super) fn split<'a>(
    list: &'a str,
    separators: &[char],
    example: &str,
) -> Result<Vec<&'a str>, String> {
    let names: Vec<_> = list.split(separators).map(str::trim).collect();
    if names.iter().any(|name| name.is_empty()) {
        return Err(format!("a name is missing; write for example {example}"));
    }
    Ok(names)
}
