//! Where machine code comes from: which functions, written or inlined, by way of the place in the
//! program that it was compiled from.

use std::collections::HashMap;

use addr2line::Context;
use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian};
use anyhow::{Context as _, Result};
use wasmparser::{Parser, Payload};

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// A function and the line in it.
pub(super) struct Frame {
    pub(super) function: String,
    pub(super) line: String,
}

/// The places of a compiled program.
pub(super) struct Origins<'a> {
    /// Where code begins, and the place in the program that it comes from.
    places: Vec<(u64, u64)>,
    lines: Context<Slice<'a>>,
    /// Where in the program the code begins that the lines are counted from.
    start: u64,
}

impl<'a> Origins<'a> {
    /// `places` is what the runner prints when it compiles the program.
    pub(super) fn new(program: &'a [u8], places: &str) -> Result<Self> {
        let (start, sections) = sections(program)?;
        let load = |id: addr2line::gimli::SectionId| {
            let data = sections.get(id.name()).copied().unwrap_or_default();
            Ok::<_, addr2line::gimli::Error>(Slice::new(data, LittleEndian))
        };
        let lines = Context::from_dwarf(Dwarf::load(load)?)?;
        let places = places.lines().map(|line| {
            let (place, origin) = line.split_once('\t').context("not a place")?;
            Ok((place.parse()?, origin.parse()?))
        });
        Ok(Self {
            places: places.collect::<Result<_>>()?,
            lines,
            start,
        })
    }

    /// The length of the code, as far as it comes from somewhere.
    pub(super) fn length(&self) -> u64 {
        self.places.last().map_or(0, |(place, _)| *place)
    }

    /// The functions at a place in the code, the innermost first: inlined ones, then the one that they
    /// are inlined in.
    pub(super) fn frames(&self, place: u64) -> Result<Vec<Frame>> {
        let next = self.places.partition_point(|(start, _)| *start <= place);
        let origin = next.checked_sub(1).and_then(|last| self.places.get(last));
        let origin = origin.and_then(|(_, origin)| origin.checked_sub(self.start));
        let Some(origin) = origin else {
            return Ok(Vec::new());
        };
        let mut frames = self.lines.find_frames(origin).skip_all_loads()?;
        let mut named = Vec::new();
        while let Some(frame) = frames.next()? {
            let function = match &frame.function {
                Some(name) => {
                    let name = name.raw_name()?.into_owned();
                    format!("{:#}", rustc_demangle::demangle(&name))
                }
                None => "?".to_owned(),
            };
            let location = frame.location;
            let file = location.as_ref().and_then(|location| location.file);
            let line = location.as_ref().and_then(|location| location.line);
            named.push(Frame {
                function,
                line: format!(
                    "{}:{}",
                    short(file.unwrap_or("?")),
                    line.unwrap_or_default()
                ),
            });
        }
        Ok(named)
    }
}

/// The code's start and the sections of the module in the component that has lines.
fn sections(program: &[u8]) -> Result<(u64, HashMap<&str, &[u8]>)> {
    let (mut start, mut sections) = (0, HashMap::new());
    for payload in Parser::new(0).parse_all(program) {
        match payload? {
            Payload::ModuleSection { .. } if !sections.is_empty() => break,
            Payload::CodeSectionStart { range, .. } if sections.is_empty() => {
                start = range.start;
            }
            Payload::CustomSection(section) if section.name().starts_with(".debug_") => {
                sections.insert(section.name(), section.data());
            }
            _ => {}
        }
    }
    anyhow::ensure!(!sections.is_empty(), "the program has no lines");
    Ok((start, sections))
}

/// The path from the crate's directory on.
fn short(file: &str) -> &str {
    let crates = file.split_once("/registry/src/");
    let inside = crates.and_then(|(_, rest)| rest.split_once('/'));
    inside.map_or(file, |(_, rest)| rest)
}
