//! Runs `provider/examples/taint.rs` under Valgrind: `cargo xtask taint`.
//!
//! The program asks its host to mark secrets. The host tells Valgrind, by requests that are instructions
//! without effect elsewhere, that their bytes are undefined. What `wasi:random` gives is marked too:
//! keys and blinding factors come from there.
//!
//! `compile PROGRAM FILE FEATURES` compiles the program for processors with these features, and prints
//! lines of two numbers: a place in the code, and the place in the program that it was made from.
//! `run FILE ARGUMENT [PART]` runs its operations, those whose names contain the part, and prints lines of
//! three parts, separated by tabs: its name, how often Valgrind found something, and where the code lay.
#![cfg_attr(
    not(all(target_arch = "x86_64", target_os = "linux")),
    allow(dead_code, reason = "requests are written for one processor")
)]

use std::fs;
use std::io::{self, BufWriter, Write as _};
use std::process::ExitCode;

use rand_core::{TryCryptoRng, TryRng, UnwrapErr};
use wasmtime::component::{Component, Linker, ResourceTable, WasmList};
use wasmtime::{Config, Engine, Error, Result, Store, StoreContextMut};
use wasmtime_wasi::p2::bindings::sync::Command;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// What the program imports.
const MARKS: &str = "portcullis:taint/marks";

/// How much the program may print.
const OUTPUT: usize = 1 << 16;

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    /// How much Valgrind had found when the operation began, and when it had ended.
    found: Option<(usize, Option<usize>)>,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["compile", program, file, features] => compile(program, file, features),
        ["run", file, argument] => run(file, argument, ""),
        ["run", file, argument, part] => run(file, argument, part),
        _ => Err(Error::msg(
            "usage: compile PROGRAM FILE FEATURES | run FILE ARGUMENT [PART]",
        )),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("memcheck: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The settings of the host, for a processor with these features and no others: Valgrind does not know
/// all instructions that this one may have.
fn engine(features: &str) -> Result<Engine> {
    let mut config = Config::new();
    config.wasm_wide_arithmetic(true);
    config.target("x86_64-unknown-linux-gnu")?;
    for feature in features.split(',') {
        #[allow(
            unsafe_code,
            reason = "wasmtime refuses code that this processor cannot run"
        )]
        // SAFETY: the flags name features of processors only, and loading checks them.
        unsafe {
            config.cranelift_flag_enable(&format!("has_{feature}"));
        }
    }
    Engine::new(&config)
}

fn compile(program: &str, file: &str, features: &str) -> Result<()> {
    let engine = engine(features)?;
    let compiled = engine.precompile_component(&fs::read(program)?)?;
    #[allow(unsafe_code, reason = "it has just been compiled")]
    // SAFETY: as the reason says.
    let component = unsafe { Component::deserialize(&engine, &compiled) }?;
    let places = component.address_map();
    let places = places.ok_or_else(|| Error::msg("no places in the program are known"))?;
    let mut lines = BufWriter::new(io::stdout().lock());
    for (place, origin) in places {
        // What the compiler added comes from nowhere.
        if let Some(origin) = origin {
            writeln!(lines, "{place}\t{origin}")?;
        }
    }
    lines.flush()?;
    fs::write(file, compiled)?;
    Ok(())
}

fn run(file: &str, argument: &str, part: &str) -> Result<()> {
    if !valgrind::is_there() {
        return Err(Error::msg("this runs under Valgrind, on Linux and x86-64"));
    }
    valgrind::report(false);
    let mut config = Config::new();
    config.wasm_wide_arithmetic(true);
    let engine = Engine::new(&config)?;
    let code = fs::read(file)?;
    // Each run has the code at another place, so that Valgrind takes nothing for known, and a place
    // tells of which operation it is. They are kept, or places would be used again.
    let mut loaded = Vec::new();
    let mut load = || -> Result<Component> {
        #[allow(unsafe_code, reason = "the file is what this program wrote")]
        // SAFETY: `cargo xtask taint` has just had it compiled.
        let component = unsafe { Component::deserialize(&engine, &code) }?;
        loaded.push(component.clone());
        Ok(component)
    };
    let component = load()?;
    let (names, _) = run_once(&engine, &component, &[argument])?;
    for name in names.lines().filter(|name| name.contains(part)) {
        let component = load()?;
        let (_, state) = run_once(&engine, &component, &[argument, name])?;
        let Some((before, Some(after))) = state.found else {
            return Err(Error::msg(format!("no operation is called {name}")));
        };
        let place = component.text().as_ptr().addr();
        println!("{name}\t{}\t{place}", after - before);
    }
    // It warns of a thread that ends with reports off.
    valgrind::report(true);
    Ok(())
}

/// Runs the program, and returns what it printed.
fn run_once(engine: &Engine, component: &Component, arguments: &[&str]) -> Result<(String, State)> {
    let output = MemoryOutputPipe::new(OUTPUT);
    let mut wasi = WasiCtx::builder();
    wasi.stdout(output.clone())
        .inherit_stderr()
        .arg("taint")
        .args(arguments)
        .secure_random(UnwrapErr(Secrets(1)));
    let mut linker = Linker::<State>::new(engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
    let mut marks = linker.instance(MARKS)?;
    marks.func_wrap(
        "secret",
        |store: StoreContextMut<'_, State>, (bytes,): (WasmList<u8>,)| {
            let bytes = bytes.as_le_slice(&store).to_vec();
            // Where they are copied to, they are as undefined.
            valgrind::undefined(&bytes);
            Ok((bytes,))
        },
    )?;
    marks.func_wrap("begin", |mut store: StoreContextMut<'_, State>, (): ()| {
        valgrind::report(true);
        store.data_mut().found = Some((valgrind::found(), None));
        Ok(())
    })?;
    marks.func_wrap("end", |mut store: StoreContextMut<'_, State>, (): ()| {
        valgrind::report(false);
        if let Some((_, after)) = &mut store.data_mut().found {
            *after = Some(valgrind::found());
        }
        Ok(())
    })?;
    let state = State {
        wasi: wasi.build(),
        table: ResourceTable::new(),
        found: None,
    };
    let mut store = Store::new(engine, state);
    let command = Command::instantiate(&mut store, component, &linker)?;
    let outcome = command.wasi_cli_run().call_run(&mut store)?;
    outcome.map_err(|()| Error::msg("the program failed"))?;
    let output = String::from_utf8_lossy(&output.contents()).into_owned();
    Ok((output, store.into_data()))
}

/// Random bytes that are marked as secrets. The same each time, so that findings are.
struct Secrets(u64);

impl TryRng for Secrets {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for byte in bytes.iter_mut() {
            [*byte, ..] = splitmix::next(&mut self.0).to_be_bytes();
        }
        valgrind::undefined(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Secrets {}

#[path = "../../tests/support/splitmix.rs"]
mod splitmix;

/// Valgrind's client requests (`valgrind.h`, `memcheck.h`).
mod valgrind {
    const RUNNING_ON_VALGRIND: usize = 0x1001;
    const COUNT_ERRORS: usize = 0x1201;
    const CHANGE_ERR_DISABLEMENT: usize = 0x1801;
    /// The first request of memcheck is `MC` and zeros; this is the second.
    const MAKE_MEM_UNDEFINED: usize = 0x4d43_0001;

    pub(super) fn is_there() -> bool {
        request(RUNNING_ON_VALGRIND, 0, 0) > 0
    }

    /// How often it has found something.
    pub(super) fn found() -> usize {
        request(COUNT_ERRORS, 0, 0)
    }

    /// Has it report what it finds, or not.
    pub(super) fn report(on: bool) {
        let change = if on { usize::MAX } else { 1 };
        request(CHANGE_ERR_DISABLEMENT, change, 0);
    }

    /// What is computed from these bytes must decide nothing.
    pub(super) fn undefined(bytes: &[u8]) {
        request(MAKE_MEM_UNDEFINED, bytes.as_ptr().addr(), bytes.len());
    }

    /// Rotations by 128 in all, and an exchange of a register with itself: Valgrind knows the sequence,
    /// and a processor does nothing.
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    #[allow(unsafe_code, reason = "the request is a sequence of instructions")]
    fn request(code: usize, first: usize, second: usize) -> usize {
        let request = [code, first, second, 0, 0, 0];
        let mut answer = 0;
        // SAFETY: Valgrind reads the array and writes the register that is named; without it nothing
        // changes but the flags.
        unsafe {
            std::arch::asm!(
                "rol rdi, 3",
                "rol rdi, 13",
                "rol rdi, 61",
                "rol rdi, 51",
                "xchg rbx, rbx",
                in("rax") request.as_ptr(),
                inout("rdx") answer,
            );
        }
        answer
    }

    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    fn request(_: usize, _: usize, _: usize) -> usize {
        0
    }
}
