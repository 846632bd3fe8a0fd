//! What the bindings hang the exports on. Each resource adds its interface to it.

/// The component.
pub(crate) struct Component;
