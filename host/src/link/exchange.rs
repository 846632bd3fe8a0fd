//! Replaces resources in the values of a call: the guest's by the component's, and back.

use wasmtime::component::{ResourceAny, Val};
use wasmtime::{Result, StoreContextMut};

use super::resources::{ResourceKind, component_resource};
use super::{Instantiated, TlsView};

/// The parameters, with the component's resources in place of the guest's. Resources of WASI are
/// the same on both sides.
pub(super) fn inward<T: TlsView + 'static>(
    store: &mut StoreContextMut<'_, T>,
    parameters: &[Val],
) -> Result<Vec<Val>> {
    let mut parameters = parameters.to_vec();
    for parameter in &mut parameters {
        exchange(parameter, &mut |resource| match ResourceKind::all()
            .any(|(kind, _)| kind.host() == resource.ty())
        {
            true => component_resource(store, resource),
            false => Ok(resource),
        })?;
    }
    Ok(parameters)
}

/// The results with the guest's resources in place of the component's.
pub(super) fn outward<T: TlsView + 'static>(
    store: &mut StoreContextMut<'_, T>,
    results: &mut [Val],
) -> Result<()> {
    let Some(Instantiated { resources, .. }) = store.data_mut().tls().instantiated else {
        return Ok(());
    };
    for result in results {
        exchange(result, &mut |resource| {
            let mut kinds = ResourceKind::all().zip(resources);
            match kinds.find(|(_, ours)| *ours == Some(resource.ty())) {
                Some(((kind, _), _)) => kind.outward(store, resource),
                None => Ok(resource),
            }
        })?;
    }
    Ok(())
}

/// Replace each resource in a value.
fn exchange(
    value: &mut Val,
    replace: &mut impl FnMut(ResourceAny) -> Result<ResourceAny>,
) -> Result<()> {
    match value {
        Val::Resource(resource) => *resource = replace(*resource)?,
        Val::Option(Some(inner))
        | Val::Result(Ok(Some(inner)) | Err(Some(inner)))
        | Val::Variant(_, Some(inner)) => exchange(inner, replace)?,
        Val::Record(fields) => {
            for (_, field) in fields {
                exchange(field, replace)?;
            }
        }
        // No list or tuple of the interface holds a resource.
        _ => {}
    }
    Ok(())
}
