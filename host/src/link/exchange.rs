//! The guest's resources for the component's, and back, in the values of a call.

use wasmtime::component::{ResourceAny, Val};
use wasmtime::{Result, StoreContextMut};

use super::{Kind, Made, TlsView, of_guest};

/// The parameters with the component's resources in place of the guest's. Those of WASI are the same
/// on both sides.
pub(super) fn inward<T: TlsView + 'static>(
    store: &mut StoreContextMut<'_, T>,
    parameters: &[Val],
) -> Result<Vec<Val>> {
    let mut parameters = parameters.to_vec();
    for parameter in &mut parameters {
        exchange(parameter, &mut |resource| match Kind::all()
            .any(|(kind, _)| kind.host() == resource.ty())
        {
            true => of_guest(store, resource),
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
    let Some(Made { resources, .. }) = store.data_mut().tls().made else {
        return Ok(());
    };
    for result in results {
        exchange(result, &mut |resource| {
            let mut kinds = Kind::all().zip(resources);
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
        // No list or tuple of the interface has a resource in it.
        _ => {}
    }
    Ok(())
}
