//! The two ends, the lanes between them and the clock; runs a sequence.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use portcullis::error::{Error, Timer};
use portcullis::pump::{Pump, Wait};
use portcullis::tls::{Config, Session, Settings, State, Version};

use super::end::{Said, Side};
use super::network::{Lanes, Pipe, lanes};
use super::script::{Act, Script, Setting, Step};
use super::settle::settle;
use crate::support::bench::START;
use crate::support::certs::{Authority, KeyType, Leaf, NAME};
use crate::support::pair::{client_settings, only, seal, server_settings};

/// Peers end a connection on which nothing but new keys comes, rustls behind 32 such messages. As many
/// again may be answers to the peer's.
const NEW_KEYS: usize = 8;

pub struct World {
    pub sides: [Side; 2],
    pub lanes: Lanes,
    pub now: Duration,
    pub setting: Setting,
}

/// Sealed once for all sequences: the client's, and the server's as it is, writing early, and asking
/// for a context.
struct Configs {
    client: Arc<Config>,
    server: Arc<Config>,
    early: Arc<Config>,
    asking: Arc<Config>,
}

/// Keys and groups whose messages have one length, so that a seed gives the same sequence each time.
fn configs(version: Version) -> &'static Configs {
    static CONFIGS: OnceLock<[Configs; 2]> = OnceLock::new();
    let all = CONFIGS.get_or_init(|| {
        let authority = Authority::root("Root");
        let leaf = authority.issue(&Leaf::server().key(KeyType::Ed25519));
        [Version::Tls12, Version::Tls13].map(|version| {
            let one = |mut settings: Settings, change: fn(&mut Settings)| {
                settings.set_groups(&["x25519"]).unwrap();
                change(&mut settings);
                seal(&only(settings, version))
            };
            let server = |change| one(server_settings(&leaf), change);
            Configs {
                client: one(client_settings(authority.der()), |settings| {
                    settings.set_session_cache(0).unwrap();
                }),
                server: server(|_| {}),
                early: server(|settings| settings.write_before_finished().unwrap()),
                asking: server(|settings| settings.ask_for_context().unwrap()),
            }
        })
    });
    &all[usize::from(version == Version::Tls13)]
}

impl World {
    fn new(setting: Setting) -> Self {
        let configs = configs(setting.version);
        let server = match (setting.asks, setting.writes_early) {
            (true, _) => &configs.asking,
            (_, true) => &configs.early,
            _ => &configs.server,
        };
        let lanes = lanes();
        let side = |number: usize, config, host| {
            let session = Session::new(config, host).unwrap();
            let limits = setting.limits[number];
            let pump = Pump::new(session, Pipe::new(&lanes, number), Vec::new(), limits);
            Side::new(number, pump, &lanes, limits)
        };
        Self {
            sides: [side(0, &configs.client, Some(NAME)), side(1, server, None)],
            lanes: Lanes::clone(&lanes),
            now: START,
            setting,
        }
    }

    /// An operation of an end, as often as it has nothing to wait for.
    pub fn call(&mut self, number: usize, act: Act) -> Result<(Said, Wait), String> {
        let [client, server] = &mut self.sides;
        let (side, peer) = match number {
            0 => (client, &*server),
            _ => (server, &*client),
        };
        side.call_and_wait(act, self.now, peer, self.setting.asks_twice)
    }

    /// Gives a server that asks for it a context.
    pub fn choose(&mut self, number: usize) -> Result<(), String> {
        let side = &mut self.sides[number];
        match side.pump.choose(&configs(self.setting.version).server) {
            // The client's first message was changed.
            Err(error) if matches!(side.state(), State::Failed(_)) => side.failed = Some(error),
            Err(error) => return Err(format!("no context could be chosen: {error:?}")),
            Ok(()) => {}
        }
        Ok(())
    }

    /// Whether nothing was lost, and nobody has failed or closed for good.
    pub fn is_clean(&self) -> bool {
        let lanes = self.lanes.borrow();
        let is_fatal = |timer: &Timer| *timer != Timer::Read;
        let is_whole = |side: &Side| {
            side.failed.is_none()
                && side.broken.is_none()
                && !side.is_closed
                && !side.overdue.iter().any(is_fatal)
        };
        lanes.iter().all(|lane| lane.is_sound()) && self.sides.iter().all(is_whole)
    }

    /// From now on the lanes take everything, though they may hold it back.
    pub fn open_lanes(&self) {
        for lane in self.lanes.borrow_mut().iter_mut() {
            lane.carry(usize::MAX);
            lane.budget = usize::MAX;
            lane.is_late = self.setting.is_late_at_end;
            // By the byte it would take all day.
            lane.bite = lane.bite.max(1_000);
            lane.piece = lane.piece.max(100);
        }
    }

    /// The network goes on; returns whether there was anything to go on with.
    pub fn carry(&self) -> bool {
        let mut lanes = self.lanes.borrow_mut();
        let [one, other] = &mut *lanes;
        one.carry(usize::MAX) | other.carry(usize::MAX)
    }

    /// Closes an end, with its shutdown timer, and lets go of it.
    pub fn close(&mut self, number: usize) -> Result<(), String> {
        const CALLS: usize = 8;
        if self.sides[number].is_closed {
            return Ok(());
        }
        self.sides[number].set_limit(Timer::Shutdown, Some(3_000));
        for _ in 0..CALLS {
            let (said, wait) = self.call(number, Act::Close)?;
            if !matches!(said, Said::Want(_)) {
                return Ok(());
            }
            let side = &mut self.sides[number];
            if side.is_ready(wait) {
                continue;
            }
            let Some(left) = side.pump.timer_left(self.now) else {
                return Err(format!("{number} closes, and waits for ever"));
            };
            if self.setting.is_stuck_at_end || !self.carry() {
                self.now += left;
            }
        }
        Err(format!("{CALLS} calls do not close {number}"))
    }

    fn step(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Call(number, act) => return self.try_call(number, act),
            Step::Burst(number, act, count) => {
                for _ in 0..count {
                    self.try_call(number, act)?;
                }
            }
            Step::Subscribe(number, is_output) => {
                let side = &mut self.sides[number];
                let wait = if is_output { Wait::Output } else { Wait::Input };
                side.is_output_awaited |= is_output;
                side.pump.share_transport(wait);
            }
            Step::SetLimit(number, timer, limit) => self.sides[number].set_limit(timer, limit),
            Step::Turn(time) => self.now += time,
            Step::TurnToTimer(number) => {
                let left = self.sides[number].pump.timer_left(self.now);
                self.now += left.unwrap_or_default();
            }
            Step::Abandon(number) => {
                if !self.sides[number].is_closed {
                    let side = &mut self.sides[number];
                    // What a dropped pump does to its transport.
                    side.pump.release();
                    side.is_closed = true;
                }
            }
            lane => self.change_lane(lane),
        }
        Ok(())
    }

    fn change_lane(&self, step: Step) {
        let mut lanes = self.lanes.borrow_mut();
        match step {
            Step::Budget(lane, bytes) => lanes[lane].budget = bytes,
            Step::Bite(lane, bytes) => lanes[lane].bite = bytes,
            Step::Late(lane, is_late) => lanes[lane].is_late = is_late,
            Step::Piece(lane, bytes) => lanes[lane].piece = bytes,
            Step::Carry(lane, bytes) => {
                lanes[lane].carry(bytes);
            }
            Step::Damage(lane, at) => lanes[lane].damage(at),
            Step::End(lane, ending) => lanes[lane].end(ending),
            Step::Break(lane) => lanes[lane].is_broken = true,
            _ => {}
        }
    }

    /// A call of an end that its caller has not closed.
    fn try_call(&mut self, number: usize, act: Act) -> Result<(), String> {
        if act == Act::UpdateKeys && self.sides[number].new_keys >= NEW_KEYS {
            self.call_once(number, Act::Write(1))?;
            if self.sides[number].new_keys > 0 {
                return Ok(());
            }
        }
        self.call_once(number, act)
    }

    fn call_once(&mut self, number: usize, act: Act) -> Result<(), String> {
        if self.sides[number].is_closed {
            return Ok(());
        }
        let (said, _) = self.call(number, act)?;
        let new_keys = &mut self.sides[number].new_keys;
        match (act, &said) {
            (Act::UpdateKeys, Said::Done) => *new_keys += 1,
            (Act::Write(_), Said::Data(1..)) => *new_keys = 0,
            _ => {}
        }
        if said == Said::Want(Error::WantContext) {
            self.choose(number)?;
        }
        Ok(())
    }
}

/// Runs a sequence to the end, where both ends have closed.
pub fn run(script: &Script) -> Result<(), String> {
    let mut world = World::new(script.setting);
    for side in &mut world.sides {
        if side.pump.time_left(world.now).is_some() {
            return Err("something is due before the first operation".to_owned());
        }
    }
    for (number, step) in script.steps.iter().enumerate() {
        world
            .step(*step)
            .map_err(|broken| format!("step {number}: {broken}"))?;
    }
    settle(&mut world).map_err(|broken| format!("while it is brought to an end: {broken}"))?;
    if world.setting.is_stuck_at_end {
        for lane in world.lanes.borrow_mut().iter_mut() {
            lane.budget = 0;
        }
    }
    for number in [0, 1] {
        world.close(number)?;
    }
    let lanes = Lanes::clone(&world.lanes);
    drop(world);
    let is_free = lanes.borrow().iter().all(|lane| lane.is_released);
    if is_free {
        Ok(())
    } else {
        Err("a transport outlives its pump".to_owned())
    }
}
