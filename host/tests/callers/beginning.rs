//! How sequences begin: with what a program would make first, so that what follows meets connections
//! in every state.

use wasmtime::component::{Type, Val};

use crate::Tally;
use crate::caller::Caller;

/// The timers of the contexts that a sequence begins with, in milliseconds.
const TIMER: u64 = 60;

impl Caller<'_> {
    /// Begins as a program would: contexts, a listener, connections to it, and two engines that know each
    /// other, as far as the number says.
    pub(crate) fn begin(&mut self, how: usize, tally: &mut Tally) {
        let text = |text: &str| Val::String(text.to_owned());
        let path = |name: &str| Val::Variant("path".to_owned(), Some(Box::new(text(name))));
        let role = |role: &str| Val::Enum(role.to_owned());
        let mut contexts = Vec::new();
        for of in ["server", "client"] {
            let context = self.must("context/context.secure", vec![role(of)], tally);
            for timer in ["connect", "handshake", "read", "write", "shutdown"] {
                let limit = Val::Option(Some(Box::new(Val::U64(TIMER))));
                let timer = Val::Enum(timer.to_owned());
                let arguments = vec![context.clone(), timer, limit];
                self.named("context/context.set-timeout", arguments, tally);
            }
            contexts.push(context);
        }
        let [server, client] = contexts.as_slice() else {
            panic!("two roles");
        };
        let identity = vec![
            server.clone(),
            path("cert.pem"),
            path("key.pem"),
            Val::Option(None),
        ];
        self.named("context/context.load-identity", identity, tally)
            .unwrap_or(Val::Bool(true));
        let roots = vec![client.clone(), path("ca.pem")];
        self.must("context/context.add-trust-roots", roots, tally);
        if how % 3 == 1 {
            self.named(
                "context/context.ask-for-context",
                vec![server.clone()],
                tally,
            );
        }
        if how % 3 == 2 {
            self.named("context/context.log-keys", vec![client.clone()], tally);
        }
        if !how.is_multiple_of(4) {
            let none = Val::Option(None);
            let host = Val::Option(Some(Box::new(text("localhost"))));
            let of_server = vec![server.clone(), none.clone()];
            let of_server = self.must("engine/engine.start", of_server, tally);
            let of_client = vec![client.clone(), host];
            let of_client = self.must("engine/engine.start", of_client, tally);
            for _ in 0..how % 5 {
                for (from, to) in [(&of_client, &of_server), (&of_server, &of_client)] {
                    self.named("engine/engine.handshake", vec![from.clone()], tally);
                    let limit = vec![from.clone(), Val::U64(1 << 20)];
                    let wire = self.must("engine/engine.take-ciphertext", limit, tally);
                    self.named(
                        "engine/engine.put-ciphertext",
                        vec![to.clone(), wire],
                        tally,
                    );
                }
                // There is one where the caller chooses a context.
                self.named("engine/engine.client-hello", vec![of_server.clone()], tally);
            }
        }
        if !how.is_multiple_of(2) {
            let listen = vec![
                server.clone(),
                text("127.0.0.1"),
                Val::U16(0),
                Val::Option(None),
            ];
            let listener = self.must("listener/listener.listen", listen, tally);
            let address = vec![listener.clone()];
            let Some(Val::Record(address)) =
                self.named("listener/listener.local-address", address, tally)
            else {
                panic!("an address is a record");
            };
            let port = address
                .into_iter()
                .find(|(name, _)| name == "port")
                .unwrap()
                .1;
            for _ in 0..2 {
                let connect = vec![client.clone(), text("localhost"), port.clone()];
                self.must("port/port.connect", connect, tally);
            }
            self.turn(how % 7, tally);
        }
    }

    /// Lets every listener accept and every port go on with its handshake, so many times.
    pub(crate) fn turn(&mut self, times: usize, tally: &mut Tally) {
        for _ in 0..times {
            for name in ["listener/listener.accept", "port/port.handshake"] {
                let (function, func) = self.func(name);
                let kinds: Vec<_> = func
                    .ty(&self.store)
                    .params()
                    .map(|(_, kind)| kind)
                    .collect();
                let [Type::Borrow(kind)] = kinds.as_slice() else {
                    panic!("{name} has one argument");
                };
                let fitting = self.handles.iter().filter(|handle| handle.ty() == *kind);
                let fitting: Vec<_> = fitting.copied().collect();
                for handle in fitting {
                    let outcome = self.call(&function, func, vec![Val::Resource(handle)], tally);
                    assert!(outcome.is_ok(), "{name} waits");
                }
            }
        }
    }
}
