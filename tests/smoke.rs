mod support { pub mod component; pub mod peers; }
use support::{component::*, peers::*};
use portcullis_host::Port;
use std::io::{Read,Write};

#[test]
fn smoke_client() {
    let ck = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let cert = ck.cert.pem(); let key = ck.signing_key.serialize_pem();
    for versions in [TLS12, TLS13] {
    let (addr, th) = serve_tls(server_config(&cert,&key,None,versions), echo_and_close);
    let mut i = instance();
    let ctx = client_context(&mut i, &cert);
    let port = Port::blocking_connect(&mut i, &ctx, "localhost", addr.port()).unwrap();
    port.blocking_handshake(&mut i).unwrap();
    println!("{:?} {:?} {:?} {:?} verified {:?}", port.version(&mut i), port.cipher_suite(&mut i), port.local_address(&mut i), port.remote_address(&mut i), port.peer_verified(&mut i));
    let data: Vec<u8> = (0..50_000u32).map(|x| x as u8).collect();
    port.blocking_write_all(&mut i, &data).unwrap();
    let mut got = vec![];
    while got.len() < data.len() { got.extend(port.blocking_read(&mut i, 100000).unwrap().unwrap()); }
    assert!(got==data);
    port.close_output(&mut i).unwrap();
    assert_eq!(port.blocking_read(&mut i, 100).unwrap(), None);
    port.close(&mut i).unwrap();
    th.join().unwrap().unwrap();
    port.drop(&mut i).unwrap();
    println!("resources {}", i.resource_count());
    }
}
#[test]
fn smoke_server() {
    let ck = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let cert = ck.cert.pem(); let key = ck.signing_key.serialize_pem();
    for versions in [TLS12, TLS13] {
    let mut i = instance();
    let ctx = server_context(&mut i, &cert, &key);
    let l = portcullis_host::Listener::listen(&mut i, &ctx, "127.0.0.1", 0, None).unwrap();
    let a = l.local_address(&mut i).unwrap();
    println!("ready {:?} {:?}", l.accept_ready(&mut i).unwrap(), error(l.accept(&mut i)));
    let cfg = client_config(&cert, None, versions);
    let th = std::thread::spawn(move || { let mut s = connect_tls(cfg, "localhost", a.port); s.write_all(b"hello").unwrap(); let mut b=[0;5]; s.read_exact(&mut b).unwrap(); s.conn.send_close_notify(); s.flush().unwrap(); b});
    let p = l.blocking_accept(&mut i).unwrap();
    let d = p.blocking_read(&mut i, 100).unwrap().unwrap();
    p.blocking_write_all(&mut i, &d).unwrap();
    assert_eq!(p.blocking_read(&mut i, 100).unwrap(), None);
    p.close(&mut i).unwrap();
    assert_eq!(&th.join().unwrap(), b"hello");
    }
}
