//! The generated bindings of world `provider`, and nothing else.
#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::as_conversions,
    clippy::or_fun_call,
    clippy::use_self,
    reason = "written by wasmtime::component::bindgen!"
)]

wasmtime::component::bindgen!({
    path: "wit",
    world: "provider",
    with: { "wasi": wasmtime_wasi::p2::bindings::sync },
    require_store_data_send: true,
});
