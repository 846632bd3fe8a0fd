//! `portcullis connect` by ways that the user gives: addresses in place of DNS, and a proxy.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::io::{self, Read, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use support::{Folder, PATIENCE, echoed, finish, free_port, refusal, run, say, serve, tool};

/// A proxy that leads everywhere to one port of this machine, for whoever gives the right user and
/// password, and the requests that it got.
fn proxy(port: u16) -> (u16, Receiver<String>) {
    let (sender, requests) = mpsc::channel();
    let near = listen(move |mut client| {
        let request = head(&mut client).unwrap();
        let is_known = request.contains("\r\nProxy-Authorization: Basic YUBiOmM6ZA==\r\n");
        if !is_known {
            let answer = "HTTP/1.1 407 Proxy Authentication Required\r\n\
                          Proxy-Authenticate: Basic realm=\"gate\"\r\nContent-Length: 0\r\n\r\n";
            let _ = client.write_all(answer.as_bytes());
            return;
        }
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        // curl takes an interim answer for the last one.
        let interim = match request.contains("User-Agent: curl") {
            true => "",
            false => "HTTP/1.1 103 Early Hints\r\n\r\n",
        };
        // The header has no meaning here.
        let answer = "HTTP/1.1 200 Connection established\r\nContent-Length: 5\r\n\r\n";
        let _ = sender.send(request);
        client.write_all(interim.as_bytes()).unwrap();
        client.write_all(answer.as_bytes()).unwrap();
        join(client, server);
    });
    (near, requests)
}

/// Carries what each says to the other, until both have left.
fn join(client: TcpStream, server: TcpStream) {
    let (up, down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let sending = thread::spawn(move || pass(up, down));
    pass(server, client);
    sending.join().unwrap();
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    // Whoever leaves first ends it.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

/// The request up to its empty line; nothing after it is read.
fn head(client: &mut impl Read) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).ok()?;
        bytes.extend(byte);
    }
    String::from_utf8(bytes).ok()
}

/// Treats every connection in this way, on a thread, as long as the process lives.
fn listen(treat: impl Fn(TcpStream) + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let treat = treat.clone();
            thread::spawn(move || treat(client.unwrap()));
        }
    });
    port
}

/// A proxy that gives every request this answer, and then waits until the client leaves.
fn answering(answer: impl Into<Vec<u8>>) -> u16 {
    let answer = answer.into();
    listen(move |mut client| {
        if head(&mut client).is_some() {
            let _ = client.write_all(&answer);
            let _ = client.shutdown(Shutdown::Write);
            let _ = client.read_to_end(&mut Vec::new());
        }
    })
}

fn through(port: u16) -> String {
    format!("http://a%40b:c:d@127.0.0.1:{port}")
}

#[test]
fn tls_goes_through_a_proxy_to_the_target_whose_name_is_verified() {
    let folder = Folder::new("proxy");
    let (_server, port) = serve(&folder, &[]);
    let ca = folder.path("ca.pem");
    let (near, requests) = proxy(port);
    let by = through(near);
    let flags = ["--cafile", &ca, "--proxy", &by];
    // The proxy leads to the server from every port.
    let said = say(7, "localhost", &flags, &[]);
    echoed(&said);
    let facts = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(
        facts.contains(&format!("localhost:7 through the proxy 127.0.0.1:{near}")),
        "{facts}"
    );
    assert!(!facts.contains("c:d"), "{facts}");
    let request = requests.recv().unwrap();
    assert!(
        request.starts_with("CONNECT localhost:7 HTTP/1.1\r\nHost: localhost:7\r\n"),
        "{request}"
    );
    // The target's name counts, and not the proxy's.
    let strange = say(7, "other.test", &flags, &[]);
    assert!(refusal(&strange, 1).contains("asked for other.test"));
    assert!(
        requests
            .recv()
            .unwrap()
            .starts_with("CONNECT other.test:7 ")
    );
    let named = [&flags[..], &["--verify-hostname", "localhost"]].concat();
    echoed(&say(7, "other.test", &named, &[]));
    requests.recv().unwrap();
    // 127.0.0.1 is in the certificate, and ::1 is not.
    assert!(refusal(&say(7, "[::1]", &flags, &[]), 1).contains("asked for ::1"));
    assert!(requests.recv().unwrap().starts_with("CONNECT [::1]:7 "));
    // The address of a proxy may be given too.
    let by = format!("http://a%40b:c:d@gate.test:{near}");
    let place = format!("gate.test:{near}:127.0.0.1");
    echoed(&say(
        7,
        "localhost",
        &["--cafile", &ca, "--proxy", &by, "--resolve", &place],
        &[],
    ));

    // The variables of other programs change nothing.
    let away = answering("HTTP/1.1 403 Forbidden\r\n\r\n");
    let away = format!("http://127.0.0.1:{away}");
    let variables = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let variables = variables.map(|name| (name, away.as_str()));
    echoed(&say(port, "localhost", &["--cafile", &ca], &variables));
}

#[test]
fn starttls_goes_through_a_proxy_after_its_dialogue_with_the_target() {
    let folder = Folder::new("proxy-starttls");
    let (_server, tls) = serve(&folder, &[]);
    // PostgreSQL's dialogue: a request of 8 bytes, `S`, and TLS; or `N`.
    let postgres = |answer: &'static [u8]| {
        listen(move |mut client| {
            let mut request = [0; 8];
            client.read_exact(&mut request).unwrap();
            assert_eq!(request, *b"\0\0\0\x08\x04\xd2\x16\x2f");
            client.write_all(answer).unwrap();
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, tls)).unwrap();
            join(client, server);
        })
    };
    let ca = folder.path("ca.pem");
    let (near, requests) = proxy(postgres(b"S"));
    let by = through(near);
    let flags = ["--cafile", &ca, "--starttls", "postgres", "--proxy"];
    echoed(&say(7, "localhost", &[&flags[..], &[&by]].concat(), &[]));
    assert!(requests.recv().unwrap().starts_with("CONNECT localhost:7 "));
    let (near, _requests) = proxy(postgres(b"N"));
    let by = through(near);
    let refusing = say(7, "localhost", &[&flags[..], &[&by]].concat(), &[]);
    let line = refusal(&refusing, 1);
    assert!(line.contains("does not offer TLS"), "{line}");
}

#[test]
fn curl_goes_through_the_same_proxy_and_is_refused_by_it_as_we_are() {
    let Some(curl) = tool("curl") else { return };
    let folder = Folder::new("proxy-curl");
    let www = folder.path("lists");
    let (_server, port) = serve(&folder, &["--www", &www]);
    let (near, _requests) = proxy(port);
    let fetch = |proxy: &str| {
        let mut command = Command::new(&curl);
        command.args(["-sS", "--cacert", &folder.path("ca.pem")]);
        command.args(["--proxy", proxy, "https://localhost:7/nothing.pem"]);
        finish(command, b"").status.success()
    };
    assert!(fetch(&through(near)));
    assert!(!fetch(&format!("http://127.0.0.1:{near}")));
}

/// What `connect` says of a proxy at this port.
#[track_caller]
fn refused(folder: &Folder, port: u16, user: &str, status: i32) -> String {
    let by = format!("http://{user}127.0.0.1:{port}");
    let ca = folder.path("ca.pem");
    let output = say(7, "localhost", &["--cafile", &ca, "--proxy", &by], &[]);
    let line = refusal(&output, status);
    assert!(
        line.contains(&format!("the proxy 127.0.0.1:{port}: ")),
        "{line}"
    );
    assert!(!line.contains("secret"), "{line}");
    line
}

#[test]
fn a_proxy_that_refuses_is_told_with_its_reason_and_a_cure() {
    let folder = Folder::new("proxy-refuses");
    let asks = "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n";
    for (answer, user, part) in [
        (asks, "", "give --proxy http://USER:PASSWORD@127.0.0.1:"),
        (asks, "user:secret@", "refuses the user or the password"),
        (
            "HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM x\r\n\r\n",
            "user:secret@",
            "but by Negotiate, NTLM",
        ),
        (
            "HTTP/1.0 403 Forbidden\n\n",
            "",
            "refuses the tunnel to localhost:7 (403 Forbidden)",
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\n\r\n",
            "",
            "does not reach localhost:7 (502 Bad Gateway)",
        ),
        (
            "HTTP/1.1 200\r\n",
            "",
            "closed the connection instead of an answer",
        ),
        ("", "", "closed the connection instead of an answer"),
        (
            "SSH-2.0-OpenSSH_9.2\r\n",
            "",
            "does not answer as an HTTP proxy does, but with \"SSH-2.0",
        ),
        ("HTTP/2 200\r\n\r\n", "", "does not answer as an HTTP proxy"),
    ] {
        let line = refused(&folder, answering(answer), user, 3);
        assert!(line.contains(part), "{line}");
    }
    let nobody = free_port();
    assert!(refused(&folder, nobody, "", 3).contains("connection refused"));
}

#[test]
fn a_proxy_that_never_comes_to_an_end_is_given_up() {
    let folder = Folder::new("proxy-endless");
    let begun = Instant::now();
    for answer in [
        "x".repeat(1 << 20),
        format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(1 << 20)),
        format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(1 << 18)),
        "HTTP/1.1 100 Continue\r\n\r\n".repeat(1 << 16),
    ] {
        let line = refused(&folder, answering(answer), "", 3);
        assert!(line.contains("has no end after 65536 bytes"), "{line}");
    }
    // One that says nothing, or too little.
    for answer in ["", "HTTP/1.1 200 OK\r\nX: y\r\n"] {
        let silent = listen(move |mut client| {
            let _ = client.write_all(answer.as_bytes());
            let _ = client.read_to_end(&mut Vec::new());
        });
        let by = format!("http://127.0.0.1:{silent}");
        let flags = ["connect", "localhost:7", "--proxy", &by, "--timeout", "0.5"];
        let line = refusal(&run(&flags, b""), 4);
        assert!(line.contains("did not open the tunnel in time"), "{line}");
    }
    assert!(begun.elapsed() < PATIENCE);
}

#[test]
fn what_is_no_way_through_a_proxy_is_refused_before_anything_is_sent() {
    for (flags, part) in [
        (["a:1", "https://u:secret@p:1"], "http://"),
        (["a:1", "http://u:secret@p"], "the port is missing"),
        (["[fe80::1%eth0]:1", "http://u:secret@p:1"], "the zone"),
        (["a\r\nX y:1", "http://u:secret@p:1"], "a blank"),
    ] {
        let [target, by] = flags;
        let line = refusal(&run(&["connect", target, "--proxy", by], b""), 2);
        assert!(line.contains(part) && !line.contains("secret"), "{line}");
    }
}

/// What a fetch of the list of nobody by `connect` gives.
fn fetch(target: &str, more: &[&str]) -> Output {
    let request = b"GET /nothing.pem HTTP/1.0\r\n\r\n";
    run(&[&["connect", target], more].concat(), request)
}

#[test]
fn addresses_are_given_in_place_of_those_of_dns_as_curl_takes_them() {
    let folder = Folder::new("resolve");
    let (_server, port) = serve(&folder, &["--www", &folder.path("lists")]);
    let ca = folder.path("ca.pem");
    let target = format!("gate.test:{port}");
    let (cafile, name) = (["--cafile", &ca], ["--verify-hostname", "localhost"]);
    let given = |addresses: &str| format!("gate.test:{port}:{addresses}");
    // Nobody listens at the first address of the second.
    for resolve in [
        given("127.0.0.1"),
        given("[::1],127.0.0.1"),
        given("127.0.0.2,127.0.0.1"),
        format!("*:{port}:127.0.0.1"),
    ] {
        let flags = [&cafile[..], &name, &["--resolve", &resolve]].concat();
        let fetched = fetch(&target, &flags);
        assert!(fetched.status.success(), "{resolve}: {fetched:?}");
        assert!(String::from_utf8_lossy(&fetched.stdout).contains("BEGIN X509 CRL"));
        if let Some(curl) = tool("curl") {
            let mut command = Command::new(curl);
            command.args(["-sS", "--insecure", "--resolve", &resolve]);
            command.arg(format!("https://{target}/nothing.pem"));
            assert!(finish(command, b"").status.success(), "{resolve}");
        }
    }
    // The name that is verified is the target's.
    let resolve = given("127.0.0.1");
    let flags = [&cafile[..], &["--resolve", &resolve]].concat();
    assert!(refusal(&fetch(&target, &flags), 1).contains("asked for gate.test"));
    // What is given for another port or host is not taken, and that is told.
    for other in [
        format!("gate.test:1:{}", "127.0.0.1"),
        format!("other.test:{port}:::1"),
    ] {
        let flags = [&cafile[..], &["--resolve", &other, "--timeout", "5"]].concat();
        let fetched = fetch(&format!("localhost:{port}"), &flags);
        assert!(fetched.status.success(), "{fetched:?}");
        let told = String::from_utf8_lossy(&fetched.stderr);
        assert!(
            told.contains("warning: --resolve: nothing is given for localhost"),
            "{told}"
        );
    }
    let dead = given("127.0.0.2");
    let flags = [&cafile[..], &["--resolve", &dead]].concat();
    assert!(refusal(&fetch(&target, &flags), 3).contains("connection refused"));
    let malformed = fetch(&target, &["--resolve", "gate.test:443"]);
    assert!(refusal(&malformed, 2).contains("HOST:PORT:ADDRESS"));
}

#[test]
fn a_long_download_shows_at_a_terminal_how_far_it_is() {
    let Some(script) = tool("script") else { return };
    let folder = Folder::new("progress");
    let port = support::serve_echo(&folder);
    // A server that echoes sends for as long as it gets something: it gets more until the line is seen.
    let shell = format!(
        "exec {} connect localhost:{port} --cafile {} < {} > /dev/null",
        env!("CARGO_BIN_EXE_portcullis"),
        folder.path("ca.pem"),
        folder.path("endless")
    );
    // A file of much more than is sent, which takes no room.
    let endless = std::fs::File::create(folder.path("endless")).unwrap();
    endless.set_len(1 << 40).unwrap();
    let mut child = Command::new(script)
        .args(["--quiet", "--return", "--command", &shell, "/dev/null"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = Vec::new();
    let mut output = child.stdout.take().unwrap();
    let _running = support::Running(child);
    let is_there = |shown: &[u8]| {
        let text = String::from_utf8_lossy(shown);
        text.contains(" of 1.00 TiB, received ") && text.contains("/s")
    };
    while !is_there(&shown) {
        let mut chunk = [0; 4096];
        let length = output.read(&mut chunk).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&shown));
        shown.extend(&chunk[..length]);
    }
}
