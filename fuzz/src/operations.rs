//! Operations on both ends of a connection, drawn from the input: the explorer of `tests/explorer.rs`.

#[path = "../../tests/explorer/end.rs"]
mod end;
#[path = "../../tests/explorer/network.rs"]
mod network;
#[path = "../../tests/explorer/random.rs"]
mod random;
#[path = "../../tests/explorer/rules.rs"]
mod rules;
#[path = "../../tests/explorer/script.rs"]
mod script;
#[path = "../../tests/explorer/settle.rs"]
mod settle;
#[path = "../../tests/explorer/world.rs"]
mod world;

/// No sequence breaks a rule of the explorer.
pub fn operations(data: &[u8]) {
    let script = script::Script::of_bytes(data);
    if let Err(broken) = world::run(&script) {
        panic!("{broken}\n{script:?}");
    }
}
