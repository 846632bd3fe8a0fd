//! Language by runtime: what a run of all programs shows, and what the documents say of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What became of the programs, by row and column.
#[derive(Default)]
pub struct Table {
    cells: BTreeMap<String, BTreeMap<String, Cell>>,
}

/// What became of a program under a runtime.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    Works,
    Fails,
}

impl Table {
    /// A program that has run; a cell of several is as bad as the worst.
    pub fn add(&mut self, row: &str, column: &str, cell: Cell) {
        let row = self.cells.entry(row.to_owned()).or_default();
        let worst = row.entry(column.to_owned()).or_insert(cell);
        *worst = cell.max(*worst);
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
                    Some(Cell::Works) => "works",
                    Some(Cell::Fails) => "FAILS",
                    None => "–",
                };
                let _ = write!(text, " {cell} |");
            }
            text.push('\n');
        }
        text
    }
}
