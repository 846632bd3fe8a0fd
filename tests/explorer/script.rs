//! What a sequence is made of, and how one is drawn from a seed.

use std::time::Duration;

use portcullis::error::Timer;
use portcullis::tls::{Timeouts, Version};

use super::network::Ending;
use super::random::Random;

/// An operation of a pump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Handshake,
    Read(usize),
    CheckWrite,
    Write(usize),
    Flush,
    UpdateKeys,
    CloseOutput,
    Unwrap,
    /// As `port.close` does: `shutdown`, and `release` when that has ended.
    Close,
}

/// One step of a sequence. An end or a lane is 0 or 1: the client's, the server's.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Call(usize, Act),
    /// Writes of one byte each, or new keys, so many times.
    Burst(usize, Act, usize),
    /// A pollable is made: for the input, or for the output.
    Subscribe(usize, bool),
    SetLimit(usize, Timer, Option<u64>),
    Turn(Duration),
    /// The clock is turned to where the end's first timer runs out.
    TurnToTimer(usize),
    Budget(usize, usize),
    Bite(usize, usize),
    Late(usize, bool),
    Piece(usize, usize),
    Carry(usize, usize),
    Damage(usize, usize),
    End(usize, Ending),
    Break(usize),
    /// The end is dropped.
    Abandon(usize),
}

/// What a sequence begins with.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub version: Version,
    /// The server writes before the client's Finished (TLS 1.3).
    pub writes_early: bool,
    /// The server asks for a context.
    pub asks: bool,
    pub limits: [Timeouts; 2],
    /// Each end waits for one pollable and `time-left`, not for all and the timers.
    pub waits_for_one: [bool; 2],
    /// The transport is stuck while both ends close.
    pub is_stuck_at_end: bool,
    /// Lanes hold back what they take while the rest is brought to its end.
    pub is_late_at_end: bool,
    /// Each want is asked for twice.
    pub asks_twice: bool,
}

pub const TIMERS: [Timer; 4] = [Timer::Handshake, Timer::Read, Timer::Shutdown, Timer::Write];

/// A sequence; what is printed where it fails.
#[derive(Clone, Debug)]
pub struct Script {
    pub setting: Setting,
    pub steps: Vec<Step>,
}

impl Script {
    /// The sequence of a seed.
    pub fn of(seed: u64, version: Version) -> Self {
        Self::drawn(Random::Seed(seed), version)
    }

    /// The sequence that is written in these bytes; the first chooses the version.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let version = match bytes.first() {
            Some(first) if first % 2 == 0 => Version::Tls12,
            _ => Version::Tls13,
        };
        let rest = bytes.iter().skip(1).rev().copied().collect();
        Self::drawn(Random::Bytes(rest), version)
    }

    fn drawn(mut random: Random, version: Version) -> Self {
        let setting = Setting {
            version,
            writes_early: version == Version::Tls13 && random.percent(20),
            asks: random.percent(10),
            limits: [limits(&mut random), limits(&mut random)],
            waits_for_one: [random.percent(50), random.percent(50)],
            is_stuck_at_end: random.percent(30),
            is_late_at_end: random.percent(50),
            asks_twice: random.percent(50),
        };
        let is_faulty = random.percent(40);
        let mut steps = Vec::new();
        if random.percent(70) {
            // Else most sequences would end in the handshake.
            for _ in 0..4 {
                steps.extend([0, 1].map(|side| Step::Call(side, Act::Handshake)));
            }
        }
        for _ in 0..5 + random.below(40) {
            steps.push(step(&mut random, is_faulty));
        }
        Self { setting, steps }
    }
}

fn limits(random: &mut Random) -> Timeouts {
    let mut limit = |milliseconds| random.percent(70).then_some(milliseconds);
    Timeouts {
        connect: None,
        handshake: limit(10_000),
        read: limit(2_000),
        shutdown: limit(3_000),
        write: limit(4_000),
    }
}

fn size(random: &mut Random) -> usize {
    match random.below(12) {
        0 => 0,
        1..=7 => 1 + random.below(100),
        8 | 9 => 1 + random.below(20_000),
        10 => 65_000,
        _ => 150_000,
    }
}

fn step(random: &mut Random, is_faulty: bool) -> Step {
    let side = random.below(2);
    match random.below(if is_faulty { 105 } else { 99 }) {
        0..=5 => Step::Call(side, Act::Handshake),
        6..=22 => Step::Call(side, Act::Read(random.one_of(&[1, 50, 20_000, 1 << 20]))),
        23..=25 => Step::Call(side, Act::CheckWrite),
        26..=42 => Step::Call(side, Act::Write(size(random))),
        43..=49 => Step::Call(side, Act::Flush),
        50..=52 => Step::Call(side, Act::UpdateKeys),
        53 | 54 => Step::Call(side, Act::CloseOutput),
        55 => Step::Call(side, Act::Unwrap),
        56 => Step::Call(side, Act::Close),
        57 => Step::Burst(side, Act::Write(1), 1 + random.below(400)),
        58 => Step::Burst(side, Act::UpdateKeys, 1 + random.below(200)),
        59..=61 => Step::Subscribe(side, random.percent(50)),
        62 => {
            let limit = [None, Some(1), Some(1_000), Some(60_000)];
            Step::SetLimit(side, random.one_of(&TIMERS), random.one_of(&limit))
        }
        63..=66 => Step::Turn(Duration::from_millis(
            random.one_of(&[1, 5, 100, 1_000, 5_000, 3_600_000]),
        )),
        67..=69 => Step::TurnToTimer(side),
        70..=79 => Step::Budget(
            side,
            random.one_of(&[0, 0, 1, 10, 50, 500, 20_000, usize::MAX, usize::MAX]),
        ),
        80 | 81 => Step::Bite(side, random.one_of(&[1, 50, 5_000, usize::MAX])),
        82..=85 => Step::Late(side, random.percent(60)),
        86..=89 => Step::Piece(side, random.one_of(&[1, 23, 1_000, 18_000, usize::MAX])),
        90..=98 => Step::Carry(side, random.one_of(&[1, 30, 5_000, usize::MAX])),
        99 => Step::Damage(side, random.below(100_000)),
        100 => Step::End(side, Ending::Eof),
        101 => Step::End(side, Ending::Reset),
        102 | 103 => Step::Break(side),
        _ => Step::Abandon(side),
    }
}
