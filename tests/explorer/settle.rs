//! Brings a sequence to its end as programs do: both ends write, read and close, and call only what
//! is ready or due. Whoever still waits then waits for ever.

use std::time::Duration;

use portcullis::error::Error;
use portcullis::pump::Wait;

use super::end::Said;
use super::script::{Act, TIMERS};
use super::world::World;

/// What one task of an end does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    /// Reads to the end.
    Reading,
    /// Writes a little, flushes it and closes the output.
    Writing,
    Flushing,
    Closing,
    Over,
}

impl Task {
    fn act(self) -> Option<Act> {
        match self {
            Self::Reading => Some(Act::Read(20_000)),
            Self::Writing => Some(Act::Write(3_000)),
            Self::Flushing => Some(Act::Flush),
            Self::Closing => Some(Act::CloseOutput),
            Self::Over => None,
        }
    }

    fn after(self, said: &Said) -> Self {
        match (self, said) {
            (same, Said::Want(_)) => same,
            (Self::Reading, Said::Data(_)) => Self::Reading,
            (Self::Writing, Said::Data(_)) => Self::Flushing,
            (Self::Writing | Self::Flushing, Said::Done) => Self::Closing,
            // The output was closed before.
            (Self::Writing, Said::Refused(Error::Closed)) => Self::Closing,
            _ => Self::Over,
        }
    }
}

/// What a task that wants waits for.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    wait: Wait,
    due: Option<Duration>,
}

/// Each end has a reader and a writer. They share the port, so all of an end are called when any may
/// go on.
type Tasks = [[Task; 2]; 2];

/// Calls that all tasks may need together. Data comes by the byte in some sequences.
const CALLS: usize = 60_000;

/// A clean world is one in which nothing was lost and nobody has failed: there, all that was written
/// arrives, and no timer is needed.
pub fn settle(world: &mut World) -> Result<(), String> {
    let is_clean = world.is_clean();
    world.open_lanes();
    for side in &mut world.sides {
        for timer in TIMERS {
            side.set_limit(timer, (!is_clean).then_some(3_000));
        }
    }
    let mut tasks: Tasks = [[Task::Reading, Task::Writing]; 2];
    let mut waiting: [Vec<Waiting>; 2] = [Vec::new(), Vec::new()];
    for (number, tasks) in tasks.iter_mut().enumerate() {
        if world.sides[number].is_closed {
            *tasks = [Task::Over; 2];
        }
    }
    for _ in 0..CALLS {
        if tasks == [[Task::Over; 2]; 2] {
            break;
        }
        let ready = [0, 1].map(|number| {
            let is_due = |waiting: &Waiting| waiting.due.is_some_and(|due| due <= world.now);
            let side = &world.sides[number];
            let is_open = tasks[number] != [Task::Over; 2];
            let waiting = &waiting[number];
            let can_go_on = |waiting: &Waiting| side.is_ready(waiting.wait) || is_due(waiting);
            is_open && (waiting.is_empty() || waiting.iter().any(can_go_on))
        });
        if ready == [false; 2] {
            if world.carry() {
                continue;
            }
            wait_for_clock(world, &waiting, is_clean)
                .map_err(|why| format!("{why}; the tasks: {tasks:?}, waiting: {waiting:?}"))?;
            continue;
        }
        for number in [0, 1] {
            if ready[number] {
                waiting[number] = run(world, number, &mut tasks[number])?;
            }
        }
    }
    if tasks != [[Task::Over; 2]; 2] {
        return Err(format!(
            "{CALLS} calls were not enough: {tasks:?}, {waiting:?}"
        ));
    }
    if is_clean {
        for (side, peer) in [(0, 1), (1, 0)] {
            let (side, peer) = (&world.sides[side], &world.sides[peer]);
            if !side.has_ended || side.delivered != peer.written {
                return Err(format!(
                    "{} has read {} of {} bytes of a peer that has closed: {:?}",
                    side.number,
                    side.delivered,
                    peer.written,
                    side.state()
                ));
            }
        }
    }
    Ok(())
}

/// Calls each task of an end once; returns what they wait for, nothing if one of them can go on.
fn run(world: &mut World, number: usize, tasks: &mut [Task; 2]) -> Result<Vec<Waiting>, String> {
    let mut waiting = Vec::new();
    let mut has_moved = false;
    let is_for_one = world.setting.waits_for_one[number];
    for task in tasks.iter_mut() {
        let Some(act) = task.act() else { continue };
        let (said, wait) = world.call(number, act)?;
        let next = task.after(&said);
        if matches!(said, Said::Want(Error::WantContext)) {
            world.choose(number)?;
            has_moved = true;
        }
        let is_waiting = matches!(said, Said::Want(_)) && !has_moved;
        has_moved |= next != *task || !matches!(said, Said::Want(_));
        *task = next;
        if is_waiting {
            let wait = match (is_for_one, &said, wait) {
                (true, Said::Want(Error::WantRead), Wait::Both) => Wait::Input,
                (true, Said::Want(Error::WantWrite), Wait::Both) => Wait::Output,
                (_, _, wait) => wait,
            };
            if is_for_one {
                world.sides[number].pump.share_transport(wait);
            }
            waiting.push(Waiting { wait, due: None });
        }
        let side = &mut world.sides[number];
        if *task == Task::Over && (side.broken.is_some() || side.failed.is_some()) {
            // A program gives up what has failed.
            *tasks = [Task::Over; 2];
            world.close(number)?;
            return Ok(Vec::new());
        }
    }
    if has_moved {
        return Ok(Vec::new());
    }
    let now = world.now;
    let side = &mut world.sides[number];
    let left = match is_for_one {
        true => side.pump.time_left(now),
        false => side.pump.timer_left(now),
    };
    for waiting in &mut waiting {
        waiting.due = left.map(|left| now + left);
    }
    Ok(waiting)
}

/// Turns the clock to where the first is due.
fn wait_for_clock(
    world: &mut World,
    waiting: &[Vec<Waiting>; 2],
    is_clean: bool,
) -> Result<(), String> {
    let due = waiting
        .iter()
        .flatten()
        .filter_map(|waiting| waiting.due)
        .min();
    match due {
        None => Err("nobody is ready and nothing is due".to_owned()),
        Some(due) if is_clean && due > world.now + Duration::from_secs(1) => {
            Err("nothing but a timer goes on".to_owned())
        }
        Some(due) => {
            world.now = due;
            Ok(())
        }
    }
}
