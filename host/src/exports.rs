//! What the component exports. The functions of an interface are looked up in an instance, and their
//! types compared, when the first of them is called: half of the time of an instantiation would go
//! into interfaces that are not used.

use std::sync::{Arc, OnceLock};

use wasmtime::Store;
use wasmtime::component::InstancePre;

use crate::bindings::exports::portcullis::tls::{
    certificate, client_hello, context, defaults, engine, errors, key_log, listener, port, session,
};
use crate::state::State;

macro_rules! exports {
    ($($interface:ident),* $(,)?) => {
        /// Where a component has each of its functions.
        struct Indices {
            $($interface: $interface::GuestIndices,)*
        }

        impl Indices {
            fn new(component: &InstancePre<State>) -> wasmtime::Result<Self> {
                Ok(Self {
                    $($interface: $interface::GuestIndices::new(component)?,)*
                })
            }
        }

        /// The functions of an instance.
        pub(crate) struct Exports {
            instance: wasmtime::component::Instance,
            indices: Arc<Indices>,
            $($interface: Option<$interface::Guest>,)*
        }

        impl Exports {
            fn new(instance: wasmtime::component::Instance, indices: Arc<Indices>) -> Self {
                Self {
                    instance,
                    indices,
                    $($interface: None,)*
                }
            }

            /// Looks up all of them.
            fn load(&mut self, store: &mut Store<State>) -> wasmtime::Result<()> {
                $(self.$interface(store)?;)*
                Ok(())
            }

            $(
                pub(crate) fn $interface(
                    &mut self,
                    store: &mut Store<State>,
                ) -> wasmtime::Result<&$interface::Guest> {
                    match &mut self.$interface {
                        Some(guest) => Ok(guest),
                        none => {
                            let guest = self.indices.$interface.load(store, &self.instance)?;
                            Ok(none.insert(guest))
                        }
                    }
                }
            )*
        }
    };
}

exports! {
    certificate, client_hello, context, defaults, engine, errors, key_log, listener, port, session,
}

/// A component whose imports are linked and whose exports are known.
#[derive(Clone)]
pub(crate) struct Linked {
    component: InstancePre<State>,
    indices: Arc<Indices>,
    /// Whether the types of all exports have been compared, which is so for each instance if it is so
    /// for one.
    compared: Arc<OnceLock<()>>,
}

impl Linked {
    /// Fails where an export is missing.
    pub(crate) fn new(component: InstancePre<State>) -> wasmtime::Result<Self> {
        Ok(Self {
            indices: Arc::new(Indices::new(&component)?),
            component,
            compared: Arc::default(),
        })
    }

    /// The engine that it is compiled for.
    pub(crate) fn engine(&self) -> &wasmtime::Engine {
        self.component.engine()
    }

    /// Fails where an export has other types than this host knows.
    pub(crate) fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Exports> {
        let instance = self.component.instantiate(&mut *store)?;
        let mut exports = Exports::new(instance, Arc::clone(&self.indices));
        if self.compared.get().is_none() {
            exports.load(store)?;
            self.compared.get_or_init(|| ());
        }
        Ok(exports)
    }
}
