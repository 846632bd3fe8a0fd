//! Servers of messages and calls, each in a folder: how they are started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::programs::{PASSWORD, tool};
use super::{Folder, User, skip};

/// Serves `grpc.health.v1.Health`: a service of the name `gate` is well, and there is no other. The
/// messages are short enough to be written by hand.
const HEALTH: &str = "
import concurrent.futures, grpc, sys
def check(request, context):
    if request != b'\\x0a\\x04gate':
        context.abort(grpc.StatusCode.NOT_FOUND, 'no such service')
    return b'\\x08\\x01'
class Health(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method == '/grpc.health.v1.Health/Check':
            return grpc.unary_unary_rpc_method_handler(check)
port, cert, key = sys.argv[1], *[open(path, 'rb').read() for path in sys.argv[2:]]
server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
server.add_generic_rpc_handlers([Health()])
server.add_secure_port(f'127.0.0.1:{port}', grpc.ssl_server_credentials([(key, cert)]))
server.start()
server.wait_for_termination()
";

/// gRPC's own library, as PyPI has it.
pub fn grpc(folder: &Folder, port: u16) -> Option<Command> {
    let python = std::env::var_os("PORTCULLIS_TOOLS")
        .map(|tools| Path::new(&tools).join("grpc/bin/python3"))
        .filter(|python: &PathBuf| python.is_file());
    let Some(python) = python else {
        skip("`grpcio` is not there; run `cargo xtask examples`");
        return None;
    };
    let mut command = Command::new(python);
    command.args(["-c", HEALTH, &port.to_string()]);
    command.args(["cert.pem", "key.pem"].map(|name| folder.path(name)));
    Some(command)
}

/// mosquitto, which lets in whom the authority of the folder knows.
pub fn mosquitto(folder: &Folder, port: u16) -> Option<Command> {
    let program = tool("mosquitto")?;
    let path = folder.path("");
    let configuration = format!(
        "listener {port} 127.0.0.1\n\
         certfile {path}cert.pem\n\
         keyfile {path}key.pem\n\
         cafile {path}ca.pem\n\
         require_certificate true\n\
         use_identity_as_username true\n"
    );
    let file = folder.path("mosquitto.conf");
    fs::write(&file, configuration).unwrap();
    let mut command = User::of_servers().command(&program, folder);
    command.args(["-c", &file]);
    Some(command)
}

/// Redis, which asks for a password and keeps nothing.
pub fn redis(folder: &Folder, port: u16) -> Option<Command> {
    let program = tool("redis-server")?;
    let mut command = User::of_servers().command(&program, folder);
    command
        .args(["--bind", "127.0.0.1", "--port", "0", "--save", ""])
        .args(["--requirepass", PASSWORD, "--tls-auth-clients", "no"])
        .args(["--tls-port", &port.to_string()])
        .args(["--tls-cert-file", &folder.path("cert.pem")])
        .args(["--tls-key-file", &folder.path("key.pem")])
        .args(["--tls-ca-cert-file", &folder.path("ca.pem")]);
    Some(command)
}
