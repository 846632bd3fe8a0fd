//! The component behind a linker: guests that import `portcullis:tls` are linked with it when they
//! are instantiated, and need not be composed.

mod exchange;
mod resources;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{
    Component, ComponentExportIndex, Func, Instance, InstancePre, Linker, LinkerInstance,
    ResourceAny, ResourceType,
};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::WasiView;

use crate::call::{Call, outcome, outcome_of_values};
use crate::port_types::Words;
use crate::types::Error;
use exchange::{inward, outward};
use resources::{RESOURCES, ResourceKind, component_resource, remove};

/// The component's part of a store's data. It is empty until a guest first calls the component.
#[derive(Default)]
pub struct Tls {
    instantiated: Option<Instantiated>,
    #[cfg(feature = "native")]
    native: crate::native::Own,
}

/// The component's instance in a store, and the types of its resources in the order of
/// [`RESOURCES`].
#[derive(Clone, Copy)]
struct Instantiated {
    instance: Instance,
    /// None where the component is of a version that does not have it yet.
    resources: [Option<ResourceType>; RESOURCES.len()],
}

impl Tls {
    /// The initial value, for the data of a new store.
    pub fn new() -> Self {
        Self::default()
    }

    #[cfg(feature = "native")]
    pub(crate) fn native(&mut self) -> &mut crate::native::Own {
        &mut self.native
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// The data of a store whose guests may use the component. The component's network, directories and
/// clocks are those of the store's WASI context, the same as its guests'.
pub trait TlsView: WasiView {
    /// The component's part of the data.
    fn tls(&mut self) -> &mut Tls;
}

/// Gives `portcullis:tls` to the guests that the linker instantiates, for stores whose guests are
/// called by the functions that block. WASI must be in the linker already
/// ([`wasmtime_wasi::p2::add_to_linker_sync`]).
///
/// The component is compiled by the embedder, from [`EMBEDDED`](crate::EMBEDDED) for engines with
/// [`wasm_wide_arithmetic`](wasmtime::Config::wasm_wide_arithmetic), or from the file that
/// `cargo xtask build` makes for all others. Each store has one instance of it, made when a guest
/// first calls it; it is under the limits, the fuel and the epochs of the store. If it traps, the
/// guest's call does.
///
/// The guests of a store share that instance, and so what one of them sets through the interface
/// `defaults`.
///
/// At the `tracing` level `DEBUG`, each call is an event of the target `portcullis::call` with its
/// `function`, its `outcome` (`ok`, `want`, `error`, `trap` or `cancelled`) and its duration in
/// `micros`.
///
/// # Errors
/// When WASI is not in the linker, when `portcullis:tls` is there already, or when the component
/// does not export it. Asynchronous WASI in the linker is not detected here: the guest's first call
/// fails.
pub fn add_to_linker_sync<T: TlsView + 'static>(
    linker: &mut Linker<T>,
    component: &Component,
) -> Result<()> {
    let pre = linker.instantiate_pre(component)?;
    for interface in interfaces(component)? {
        let mut instance = linker.instance(&interface.name)?;
        for (name, export) in interface.functions {
            define_sync(&mut instance, name, Callee::new(&pre, export))?;
        }
        if let Some((name, kind)) = interface.resource {
            instance.resource(name, kind.host(), move |mut store, rep| {
                remove(&mut store, rep)?.resource_drop(store)
            })?;
        }
    }
    Ok(())
}

/// Like [`add_to_linker_sync`], for stores whose guests are called by the asynchronous functions: a
/// guest that waits for its peer blocks no thread. WASI must have been added by
/// [`wasmtime_wasi::p2::add_to_linker_async`].
///
/// # Errors
/// Those of [`add_to_linker_sync`].
pub fn add_to_linker_async<T: TlsView + 'static>(
    linker: &mut Linker<T>,
    component: &Component,
) -> Result<()> {
    let pre = linker.instantiate_pre(component)?;
    for interface in interfaces(component)? {
        let mut instance = linker.instance(&interface.name)?;
        for (name, export) in interface.functions {
            define_async(&mut instance, name, Callee::new(&pre, export))?;
        }
        if let Some((name, kind)) = interface.resource {
            instance.resource_async(name, kind.host(), move |mut store, rep| {
                Box::new(async move {
                    let inner = remove(&mut store, rep)?;
                    inner.resource_drop_async(store).await
                })
            })?;
        }
    }
    Ok(())
}

/// An exported interface of the component: its functions and their export indexes.
struct Interface {
    name: String,
    functions: Vec<(String, ComponentExportIndex)>,
    /// The resource that is declared in it.
    resource: Option<(&'static str, ResourceKind)>,
}

fn interfaces(component: &Component) -> Result<Vec<Interface>> {
    let engine = component.engine();
    let mut interfaces = Vec::new();
    for (name, export) in component.component_type().exports(engine) {
        let ComponentItem::ComponentInstance(instance) = export.ty else {
            continue;
        };
        let missing = || wasmtime::Error::msg(format!("the component has no {name}"));
        let index = component.get_export_index(None, name).ok_or_else(missing)?;
        let mut functions = Vec::new();
        for (function, export) in instance.exports(engine) {
            if let ComponentItem::ComponentFunc(_) = export.ty {
                let index = component.get_export_index(Some(&index), function);
                functions.push((function.to_owned(), index.ok_or_else(missing)?));
            }
        }
        let resource = ResourceKind::all().find(|(_, resource)| {
            name.strip_prefix("portcullis:tls/")
                .and_then(|name| name.strip_prefix(resource))
                .is_some_and(|rest| rest.starts_with('@'))
        });
        interfaces.push(Interface {
            name: name.to_owned(),
            functions,
            resource: resource.map(|(kind, name)| (name, kind)),
        });
    }
    if interfaces
        .iter()
        .any(|interface| interface.resource.is_some())
    {
        Ok(interfaces)
    } else {
        Err(wasmtime::Error::msg(
            "the component does not export portcullis:tls; name the one that `cargo xtask build` makes",
        ))
    }
}

/// A function of the component that can be called in any store.
struct Callee<T: 'static> {
    component: InstancePre<T>,
    export: ComponentExportIndex,
}

// Not derived, because a derive would require `T: Clone`.
impl<T: 'static> Clone for Callee<T> {
    fn clone(&self) -> Self {
        Self {
            component: self.component.clone(),
            export: self.export,
        }
    }
}

impl<T: TlsView + 'static> Callee<T> {
    fn new(component: &InstancePre<T>, export: ComponentExportIndex) -> Self {
        let component = component.clone();
        Self { component, export }
    }

    fn sync(&self, store: &mut StoreContextMut<'_, T>) -> Result<Func> {
        let instance = match store.data_mut().tls().instantiated {
            Some(instantiated) => instantiated.instance,
            None => {
                let instance = self.component.instantiate(&mut *store);
                let instance = instance.map_err(with_cure)?;
                record(instance, store)?
            }
        };
        self.of(instance, store)
    }

    async fn asynchronous(&self, store: &mut StoreContextMut<'_, T>) -> Result<Func> {
        let instance = match store.data_mut().tls().instantiated {
            Some(instantiated) => instantiated.instance,
            None => {
                let instance = self.component.instantiate_async(&mut *store).await?;
                record(instance, store)?
            }
        };
        self.of(instance, store)
    }

    fn of(&self, instance: Instance, store: &mut StoreContextMut<'_, T>) -> Result<Func> {
        let function = instance.get_func(store, self.export);
        function.ok_or_else(|| wasmtime::Error::msg("the component lost a function"))
    }
}

/// Adds the cure to the engine's refusal to run asynchronous WASI in a synchronous call. A linker
/// does not tell which kind of WASI it holds, so the mistake cannot be found earlier.
fn with_cure(error: wasmtime::Error) -> wasmtime::Error {
    if !error.to_string().contains("_async") {
        return error;
    }
    error.context(
        "portcullis:tls is in the linker for synchronous calls, and WASI for asynchronous ones; use \
         portcullis_host::add_to_linker_async, or wasmtime_wasi::p2::add_to_linker_sync",
    )
}

/// Records the component's instance in the data of its store.
fn record<T: TlsView + 'static>(
    instance: Instance,
    store: &mut StoreContextMut<'_, T>,
) -> Result<Instance> {
    let resources = RESOURCES.map(|name| {
        let interface = format!("portcullis:tls/{name}@0.2.0");
        let index = instance.get_export_index(&mut *store, None, &interface);
        let index = instance.get_export_index(&mut *store, Some(&index?), name);
        instance.get_resource(&mut *store, index?)
    });
    store.data_mut().tls().instantiated = Some(Instantiated {
        instance,
        resources,
    });
    Ok(instance)
}

/// Results of the functions that carry plaintext. They are called with static types:
/// wasmtime's dynamic values would hold each byte as a value, and be slow.
type Read = (core::result::Result<Option<Vec<u8>>, Error>,);
type ReadWords = (core::result::Result<Option<Words>, Error>,);
type Write = (core::result::Result<u64, Error>,);
type WriteAll = (core::result::Result<(), Error>,);

/// Results of the functions that carry ciphertext, which never fail.
type Put = (u64,);
type Take = (Vec<u8>,);

fn define_sync<T: TlsView + 'static>(
    linker: &mut LinkerInstance<'_, T>,
    name: String,
    callee: Callee<T>,
) -> Result<()> {
    macro_rules! typed {
        ($($parameter:ident: $type:ty),+ => $result:ty) => {
            typed!($($parameter: $type),+ => $result, |result| outcome(&result.0))
        };
        ($($parameter:ident: $type:ty),+ => $result:ty, $outcome:expr) => {
            linker.func_wrap(
                &name.clone(),
                move |mut store, (port, $($parameter),+): (ResourceAny, $($type),+)| {
                    let call = Call::begin(&name);
                    let result = component_resource(&mut store, port).and_then(|inner| {
                        callee
                            .sync(&mut store)?
                            .typed::<(ResourceAny, $($type),+), $result>(&store)?
                            .call(&mut store, (inner, $($parameter),+))
                    });
                    call.end(result, $outcome)
                },
            )
        };
    }
    match name.as_str() {
        "[method]port.read" | "[method]port.blocking-read" | "[method]engine.read" => {
            typed!(length: u64 => Read)
        }
        "[method]port.read-words" | "[method]port.blocking-read-words" => {
            typed!(length: u64 => ReadWords)
        }
        "[method]port.write" | "[method]engine.write" => typed!(plaintext: Vec<u8> => Write),
        "[method]port.write-words" => typed!(plaintext: Vec<u64>, length: u64 => Write),
        "[method]port.blocking-write-all" => typed!(plaintext: Vec<u8> => WriteAll),
        "[method]port.blocking-write-all-words" => {
            typed!(plaintext: Vec<u64>, length: u64 => WriteAll)
        }
        "[method]engine.put-ciphertext" => typed!(ciphertext: Vec<u8> => Put, |_| "ok"),
        "[method]engine.take-ciphertext" => typed!(length: u64 => Take, |_| "ok"),
        _ => linker.func_new(&name.clone(), move |mut store, _, parameters, results| {
            let call = Call::begin(&name);
            let result = callee.sync(&mut store).and_then(|function| {
                let parameters = inward(&mut store, parameters)?;
                function.call(&mut store, &parameters, results)
            });
            call.end(result, |()| outcome_of_values(results))?;
            outward(&mut store, results)
        }),
    }
}

fn define_async<T: TlsView + 'static>(
    linker: &mut LinkerInstance<'_, T>,
    name: String,
    callee: Callee<T>,
) -> Result<()> {
    let shared: Arc<str> = name.as_str().into();
    macro_rules! typed {
        ($($parameter:ident: $type:ty),+ => $result:ty) => {
            typed!($($parameter: $type),+ => $result, |result| outcome(&result.0))
        };
        ($($parameter:ident: $type:ty),+ => $result:ty, $outcome:expr) => {
            linker.func_wrap_async(
                &name,
                move |mut store, (port, $($parameter),+): (ResourceAny, $($type),+)| {
                    let (name, callee) = (Arc::clone(&shared), callee.clone());
                    boxed(async move {
                        let call = Call::begin(&name);
                        let result = async {
                            let inner = component_resource(&mut store, port)?;
                            let function = callee.asynchronous(&mut store).await?;
                            let function =
                                function.typed::<(ResourceAny, $($type),+), $result>(&store)?;
                            function.call_async(&mut store, (inner, $($parameter),+)).await
                        };
                        let result = result.await;
                        call.end(result, $outcome)
                    })
                },
            )
        };
    }
    match name.as_str() {
        "[method]port.read" | "[method]port.blocking-read" | "[method]engine.read" => {
            typed!(length: u64 => Read)
        }
        "[method]port.read-words" | "[method]port.blocking-read-words" => {
            typed!(length: u64 => ReadWords)
        }
        "[method]port.write" | "[method]engine.write" => typed!(plaintext: Vec<u8> => Write),
        "[method]port.write-words" => typed!(plaintext: Vec<u64>, length: u64 => Write),
        "[method]port.blocking-write-all" => typed!(plaintext: Vec<u8> => WriteAll),
        "[method]port.blocking-write-all-words" => {
            typed!(plaintext: Vec<u64>, length: u64 => WriteAll)
        }
        "[method]engine.put-ciphertext" => typed!(ciphertext: Vec<u8> => Put, |_| "ok"),
        "[method]engine.take-ciphertext" => typed!(length: u64 => Take, |_| "ok"),
        _ => linker.func_new_async(&name, move |mut store, _, parameters, results| {
            let (name, callee) = (Arc::clone(&shared), callee.clone());
            boxed(async move {
                let call = Call::begin(&name);
                let result = async {
                    let function = callee.asynchronous(&mut store).await?;
                    let parameters = inward(&mut store, parameters)?;
                    function.call_async(&mut store, &parameters, results).await
                };
                let result = result.await;
                call.end(result, |()| outcome_of_values(results))?;
                outward(&mut store, results)
            })
        }),
    }
}

/// Boxes a future as the type that the linker requires.
fn boxed<'a, R>(
    future: impl Future<Output = Result<R>> + Send + 'a,
) -> Box<dyn Future<Output = Result<R>> + Send + 'a> {
    Box::new(future)
}
