//! Patterns of names, in which `*` stands for anything, also for nothing.

/// Whether the name fits the pattern.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let Some((begin, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(name) = name.strip_prefix(begin) else {
        return false;
    };
    let mut ends = name
        .char_indices()
        .map(|(index, _)| index)
        .chain([name.len()]);
    ends.any(|index| name.get(index..).is_some_and(|name| fits(rest, name)))
}

#[cfg(test)]
#[test]
fn patterns_fit_whole_names() {
    assert!(fits("A-*-C*", "A-B-C"));
    assert!(fits("*", ""));
    assert!(!fits("A-*-C", "A-B-C-D"));
    assert!(!fits("A", "AB"));
}
