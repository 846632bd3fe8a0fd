//! The component's resources in a store: the guest has each as a resource of the host.

use wasmtime::component::{Resource, ResourceAny, ResourceDynamic, ResourceType};
use wasmtime::{Result, StoreContextMut};

use super::TlsView;

/// The resources of the component; each is declared in the interface of its name.
pub(super) const RESOURCES: [&str; 8] = [
    "certificate",
    "client-hello",
    "context",
    "engine",
    "key-log",
    "listener",
    "port",
    "session",
];

/// A resource of the component, in the resource table of the store. The guest knows it as a
/// resource of the host, by its index in that table.
struct Handle(ResourceAny);

/// A kind of resource, as an index into [`RESOURCES`].
#[derive(Clone, Copy)]
pub(super) struct ResourceKind(u32);

impl ResourceKind {
    /// All kinds, with their names.
    pub(super) fn all() -> impl Iterator<Item = (Self, &'static str)> {
        (0..).map(Self).zip(RESOURCES)
    }

    /// The type that resources of this kind have for the guest.
    pub(super) fn host(self) -> ResourceType {
        ResourceType::host_dynamic(self.0)
    }

    /// The guest's resource for one that the component returned.
    pub(super) fn outward<T: TlsView + 'static>(
        self,
        store: &mut StoreContextMut<'_, T>,
        inner: ResourceAny,
    ) -> Result<ResourceAny> {
        let handle = store.data_mut().ctx().table.push(Handle(inner))?;
        ResourceDynamic::new_own(handle.rep(), self.0).try_into_resource_any(store)
    }
}

/// The component's resource behind a guest's. The guest's is always borrowed: no function of the
/// interface takes ownership of one of these resources.
pub(super) fn component_resource<T: TlsView + 'static>(
    store: &mut StoreContextMut<'_, T>,
    outer: ResourceAny,
) -> Result<ResourceAny> {
    let outer = outer.try_into_resource_dynamic(&mut *store)?;
    let handle = Resource::<Handle>::new_borrow(outer.rep());
    Ok(store.data_mut().ctx().table.get(&handle)?.0)
}

/// Removes a resource from the table, and returns the component's.
pub(super) fn remove<T: TlsView>(
    store: &mut StoreContextMut<'_, T>,
    rep: u32,
) -> Result<ResourceAny> {
    let handle = Resource::<Handle>::new_own(rep);
    Ok(store.data_mut().ctx().table.delete(handle)?.0)
}
