//! Language by runtime: what a run of all programs shows, and what the documents say of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What became of the programs, by row and column.
#[derive(Default)]
pub struct Table {
    cells: BTreeMap<String, BTreeMap<String, bool>>,
}

impl Table {
    /// Adds a program that has run; a cell of several programs works if all of them do.
    pub fn add(&mut self, row: &str, column: &str, works: bool) {
        let row = self.cells.entry(row.to_owned()).or_default();
        *row.entry(column.to_owned()).or_insert(true) &= works;
    }

    /// As Markdown. A dash is a cell that no page has a command for.
    pub fn markdown(&self, columns: &[String]) -> String {
        let mut text = format!("| | {} |\n|---|", columns.join(" | "));
        text.push_str(&"---|".repeat(columns.len()));
        text.push('\n');
        for (row, cells) in &self.cells {
            let _ = write!(text, "| {row} |");
            for column in columns {
                let cell = match cells.get(column) {
                    Some(true) => "works",
                    Some(false) => "FAILS",
                    None => "–",
                };
                let _ = write!(text, " {cell} |");
            }
            text.push('\n');
        }
        text
    }
}
