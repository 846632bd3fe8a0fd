//! The page that tells people.

use std::fs;

use anyhow::{Context, Result};

use crate::workspace::Workspace;

pub(super) const PAGE: &str = "docs/verification.md";

/// Whether the page has these figures and rows of tables, and no other rows; prints what it lacks.
pub(super) fn has(workspace: &Workspace, lines: impl Iterator<Item = String>) -> Result<bool> {
    let page = fs::read_to_string(workspace.root.join(PAGE)).context(PAGE)?;
    // Lines of prose are broken anywhere.
    let prose = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut is_good = true;
    for line in lines {
        let is_there = match line.starts_with('|') {
            true => page.lines().any(|one| one == line),
            false => prose.contains(&line),
        };
        if !is_there {
            println!("{PAGE} lacks: {line}");
            is_good = false;
        }
    }
    Ok(is_good)
}
