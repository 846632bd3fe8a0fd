// Stands in for the module of this name, which the bindings of wit-bindgen import: README.md says why.
module go.bytecodealliance.org/pkg

go 1.25
