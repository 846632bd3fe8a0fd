//! One sequence of calls.

use std::collections::VecDeque;
use std::time::Duration;

use wasmtime::Store;
use wasmtime::component::{Func, Instance, ResourceAny, ResourceType, Type, Val};
use wasmtime_wasi::ResourceTableError;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

use crate::Tally;
use crate::subject::{Function, State, Subject};

/// How many calls a sequence has.
const CALLS: usize = 1_000;
/// How long a call may take that does not say that it blocks: far longer than any does.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one that says so is waited for. Its instance is then given up.
const BLOCKING: Duration = Duration::from_millis(300);
/// How often a function is looked for that there are handles for.
const TRIES: usize = 30;
/// How many ports keep their sockets for pollables that outlive them.
const KEPT: usize = 64;
/// How many handles are kept.
const HANDLES: usize = 40;

/// One sequence of calls over one instance.
pub(crate) struct Caller<'s> {
    pub(crate) subject: &'s Subject,
    pub(crate) store: Store<State>,
    pub(crate) instance: Instance,
    pub(crate) seed: u64,
    pub(crate) handles: Vec<ResourceAny>,
    /// Bytes and texts: of every edge, and what functions have returned.
    pub(crate) bytes: VecDeque<Vec<u8>>,
    pub(crate) texts: VecDeque<String>,
    pub(crate) streams: [ResourceType; 2],
    /// What was done, the newest last.
    pub(crate) trace: VecDeque<String>,
    /// Pollables are dropped at once, so that they outlive nothing.
    is_orderly: bool,
    /// There may be pollables of listeners, or of ports on streams of ours.
    has_children: bool,
    ports_dropped: usize,
}

/// The sequence is over before its end: a call waits, or a pollable has outlived its socket.
pub(crate) struct Ended;

/// What of a function has a type.
enum Kind {
    Parameter,
    Result,
}

impl<'s> Caller<'s> {
    pub(crate) fn new(subject: &'s Subject, seed: u64) -> Self {
        let mut store = Store::new(&subject.engine, subject.state());
        store.limiter(|state| &mut state.limits);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let made = subject.instance.instantiate_async(&mut store);
        let instance = subject.runtime.block_on(made).unwrap();
        let mut caller = Self {
            subject,
            store,
            instance,
            seed,
            handles: Vec::new(),
            bytes: VecDeque::new(),
            texts: VecDeque::new(),
            streams: [
                ResourceType::host::<DynInputStream>(),
                ResourceType::host::<DynOutputStream>(),
            ],
            trace: VecDeque::new(),
            is_orderly: seed.is_multiple_of(2),
            has_children: false,
            ports_dropped: 0,
        };
        caller.gather();
        caller
    }

    pub(crate) fn func(&mut self, name: &str) -> (Function, Func) {
        let mut functions = self.subject.functions.iter();
        let function = functions.find(|function| function.name == name);
        let function = function.unwrap_or_else(|| panic!("there is no {name}"));
        let func = self.instance.get_func(&mut self.store, function.index);
        (function.clone(), func.unwrap())
    }

    /// Calls a function by name, and returns what it gave if that is no error.
    pub(crate) fn named(
        &mut self,
        name: &str,
        arguments: Vec<Val>,
        tally: &mut Tally,
    ) -> Option<Val> {
        let (function, func) = self.func(name);
        match self.call(&function, func, arguments, tally) {
            Ok(answer) => answer,
            Err(Ended) => panic!("{name} waits: {:#?}", self.trace),
        }
    }

    /// The same of a function that has to give something.
    pub(crate) fn must(&mut self, name: &str, arguments: Vec<Val>, tally: &mut Tally) -> Val {
        let answer = self.named(name, arguments, tally);
        answer.unwrap_or_else(|| panic!("{name} fails: {:#?}", self.trace))
    }

    pub(crate) fn call(
        &mut self,
        function: &Function,
        func: Func,
        arguments: Vec<Val>,
        tally: &mut Tally,
    ) -> Result<Option<Val>, Ended> {
        let mut told = format!("{}{arguments:?}", function.name);
        told.truncate(told.floor_char_boundary(300));
        self.trace.push_back(told);
        if self.trace.len() > 40 {
            self.trace.pop_front();
        }
        self.has_children |=
            ["port/port.start", "listener/listener.subscribe"].contains(&function.name.as_str());
        let count = func.ty(&self.store).results().len();
        let mut results = vec![Val::Bool(false); count];
        let limit = if function.blocks() {
            BLOCKING
        } else {
            PATIENCE
        };
        let store = &mut self.store;
        let outcome = self.subject.runtime.block_on(async {
            let call = func.call_async(store, &arguments, &mut results);
            tokio::time::timeout(limit, call).await
        });
        match outcome {
            Err(_) if function.blocks() => {
                tally.given_up += 1;
                return Err(Ended);
            }
            Err(_) => panic!("{} stands still: {:#?}", function.name, self.trace),
            Ok(Err(trap)) if self.outlives(&trap, true) => {
                tally.outlived += 1;
                return Err(Ended);
            }
            Ok(Err(trap)) => panic!("{trap:?}: {:#?}", self.trace),
            Ok(Ok(())) => {}
        }
        tally.calls += 1;
        *tally.answers.entry(function.name.clone()).or_default() += 1;
        let answer = results.pop();
        if let Some(answer) = &answer {
            self.keep(answer);
        }
        Ok(match answer {
            Some(Val::Result(Err(error))) => {
                if let Some(Val::Variant(case, value)) = error.as_deref() {
                    // For people, and so no use to a program.
                    assert!(case != "other", "{value:?}: {:#?}", self.trace);
                    *tally.errors.entry(case.clone()).or_default() += 1;
                    self.trace.push_back(format!("{error:?}"));
                }
                None
            }
            Some(Val::Result(Ok(value))) => value.map(|value| *value),
            other => other,
        })
    }

    /// Keeps what a function has returned, to call others with it.
    pub(crate) fn keep(&mut self, value: &Val) {
        match value {
            Val::Resource(handle) => self.handles.push(*handle),
            Val::String(text) if !text.is_empty() => {
                self.texts.push_back(text.clone());
                if self.texts.len() > 80 {
                    // Those that were there first stay.
                    self.texts.remove(30);
                }
            }
            Val::List(values) => {
                let bytes: Option<Vec<u8>> = values
                    .iter()
                    .map(|value| match value {
                        Val::U8(byte) => Some(*byte),
                        _ => None,
                    })
                    .collect();
                match bytes {
                    Some(bytes) if !bytes.is_empty() => {
                        self.bytes.push_back(bytes);
                        if self.bytes.len() > 40 {
                            self.bytes.remove(15);
                        }
                    }
                    Some(_) => {}
                    None => values.iter().for_each(|value| self.keep(value)),
                }
            }
            Val::Record(fields) => fields.iter().for_each(|(_, value)| self.keep(value)),
            Val::Tuple(values) => values.iter().for_each(|value| self.keep(value)),
            Val::Variant(_, Some(value))
            | Val::Option(Some(value))
            | Val::Result(Ok(Some(value)) | Err(Some(value))) => self.keep(value),
            _ => {}
        }
    }

    /// Drops a handle.
    pub(crate) fn drop_one(&mut self, tally: &mut Tally) -> Result<(), Ended> {
        match self.handles.len() {
            0 => Ok(()),
            some => {
                let place = self.random(some);
                self.drop_at(place, tally)
            }
        }
    }

    fn drop_at(&mut self, place: usize, tally: &mut Tally) -> Result<(), Ended> {
        let pollables = self.pollables();
        let handle = self.handles.swap_remove(place);
        let func = self.func("port/port.close").1;
        let port = self.kind_of(func, Kind::Parameter);
        if handle.ty() == port {
            self.ports_dropped += 1;
        }
        self.trace.push_back(format!("drop {handle:?}"));
        let dropped = handle.resource_drop_async(&mut self.store);
        let limited = async { tokio::time::timeout(PATIENCE, dropped).await };
        let outcome = self.subject.runtime.block_on(limited);
        match outcome {
            Err(_) => panic!("a drop stands still: {:#?}", self.trace),
            Ok(Ok(())) => {}
            Ok(Err(trap)) if self.outlives(&trap, !pollables.is_empty()) => {
                tally.outlived += 1;
                return Err(Ended);
            }
            Ok(Err(trap)) => panic!("{trap:?}: {:#?}", self.trace),
        }
        tally.drops += 1;
        Ok(())
    }

    /// Whether this is the trap of a pollable that outlives its socket, which `port` and `listener` in the
    /// WIT speak of: that of a listener, of a port on the caller's streams, or of a port behind which
    /// 64 others were dropped.
    fn outlives(&self, trap: &wasmtime::Error, are_pollables_there: bool) -> bool {
        !self.is_orderly
            && are_pollables_there
            && (self.has_children || self.ports_dropped >= KEPT)
            && matches!(trap.downcast_ref(), Some(ResourceTableError::HasChildren))
    }

    /// The places of the pollables.
    fn pollables(&mut self) -> Vec<usize> {
        let func = self.func("port/port.subscribe").1;
        let pollable = self.kind_of(func, Kind::Result);
        self.places(&pollable)
    }

    /// The places of the handles of this type.
    pub(crate) fn places(&self, kind: &ResourceType) -> Vec<usize> {
        let handles = self.handles.iter().enumerate();
        let fitting = handles.filter(|(_, handle)| handle.ty() == *kind);
        fitting.map(|(place, _)| place).collect()
    }

    /// The resource that a function takes first or returns.
    fn kind_of(&self, func: Func, which: Kind) -> ResourceType {
        let ty = func.ty(&self.store);
        let found = match which {
            Kind::Parameter => ty.params().next().map(|(_, kind)| kind),
            Kind::Result => ty.results().next(),
        };
        match found {
            Some(Type::Own(kind) | Type::Borrow(kind)) => kind,
            other => panic!("no resource: {other:?}"),
        }
    }

    /// Does whatever comes next.
    pub(crate) fn go_on(&mut self, tally: &mut Tally) -> Result<(), Ended> {
        match self.random(24) {
            0 | 1 => return self.drop_one(tally),
            2 => {
                let times = self.random(8);
                self.turn(times, tally);
                return Ok(());
            }
            _ => {}
        }
        let Some((function, func, arguments)) = self.choose() else {
            return Ok(());
        };
        self.call(&function, func, arguments, tally)?;
        if self.is_orderly {
            while let Some(place) = self.pollables().first() {
                self.drop_at(*place, tally)?;
            }
        }
        while self.handles.len() > HANDLES {
            self.drop_one(tally)?;
        }
        Ok(())
    }

    /// A function, and arguments for it: one that there are handles for.
    fn choose(&mut self) -> Option<(Function, Func, Vec<Val>)> {
        for _ in 0..TRIES {
            let place = self.random(self.subject.functions.len());
            let function = self.subject.functions.get(place)?.clone();
            if function.blocks() && self.random(20) > 0 {
                continue;
            }
            let func = self.instance.get_func(&mut self.store, function.index)?;
            let kinds: Vec<_> = func
                .ty(&self.store)
                .params()
                .map(|(_, kind)| kind)
                .collect();
            // What is made in vain is dropped with the instance.
            let arguments = kinds.iter().map(|kind| self.value(kind)).collect();
            if let Some(arguments) = arguments {
                return Some((function, func, arguments));
            }
        }
        None
    }

    pub(crate) fn run(&mut self, how: usize, tally: &mut Tally) -> Result<(), Ended> {
        self.begin(how, tally);
        for _ in 0..CALLS {
            self.go_on(tally)?;
        }
        while !self.handles.is_empty() {
            self.drop_one(tally)?;
        }
        Ok(())
    }
}
