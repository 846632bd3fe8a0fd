//! gRPC by tonic, against gRPC's own library.

use super::support::{Folder, free_port, grpc, start};
use super::{client, printed, says};

#[test]
fn a_call_is_answered_and_its_refusal_told() {
    let (folder, port) = (Folder::new("grpc"), free_port());
    let Some(server) = grpc(&folder, port) else {
        return;
    };
    let _server = start(server, &folder, port);
    let port = port.to_string();
    let check = |service: &str| {
        let arguments = ["localhost", &port, service];
        client("grpc-client", &folder, "ca.pem", &[], &arguments)
    };
    let Some(output) = check("gate") else {
        return;
    };
    assert_eq!(printed(&output), "gate: SERVING\n");
    says(&check("moat").unwrap(), "no such service");
}
