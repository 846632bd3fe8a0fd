//! Redis by redis, against Redis.

use std::process::Command;

use super::support::{Folder, PASSWORD, finish, free_port, redis, start, tool};
use super::{client, printed, says};

#[test]
fn what_we_store_is_read_by_others_and_long_replies_are_whole() {
    let (folder, port) = (Folder::new("redis"), free_port());
    let (Some(server), Some(reader)) = (redis(&folder, port), tool("redis-cli")) else {
        return;
    };
    let _server = start(server, &folder, port);
    let port = port.to_string();
    let ask = |password: &str, command: &[&str]| {
        let password = format!("REDISCLI_AUTH={password}");
        let arguments = [&["localhost", &port], command].concat();
        client("redis-client", &folder, "ca.pem", &[&password], &arguments)
    };
    let Some(output) = ask(PASSWORD, &["SET", "gate", "open"]) else {
        return;
    };
    assert_eq!(printed(&output), "OK\n");
    let mut theirs = Command::new(reader);
    theirs
        .args(["-h", "localhost", "-p", &port, "--tls", "--cacert"])
        .args([&folder.path("ca.pem"), "GET", "gate"])
        .env("REDISCLI_AUTH", PASSWORD);
    assert_eq!(printed(&finish(theirs, b"")), "open\n");

    let long = ["EVAL", "return string.rep('0123456789', 200000)", "0"];
    let output = ask(PASSWORD, &long).unwrap();
    assert_eq!(printed(&output), "0123456789".repeat(200_000) + "\n");
    says(&ask("wrong", &["GET", "gate"]).unwrap(), "WRONGPASS");
}
