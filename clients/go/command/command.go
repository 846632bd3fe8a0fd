// Package command makes a component of a Go program that is run by its main: import it for that alone,
// and build with -buildmode=c-shared.
//
// Go's usual build for WASI will not do. There everything begins with main, and the adapter of WASI 0.1
// asks for memory before that: `runtime: wasmexport function called before runtime initialization`.
package command

import _ "unsafe" // for go:linkname

//go:linkname program main.main
func program()

//go:wasmexport wasi:cli/run@0.2.12#run
func run() int32 {
	program()
	// Whoever has failed has called os.Exit.
	return 0
}
