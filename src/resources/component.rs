//! The type that the bindings attach the exports to. The module of each resource implements its
//! interface for this type.

/// The component.
pub(crate) struct Component;
