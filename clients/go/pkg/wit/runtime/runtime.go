// Package wit_runtime is below the bindings of wit-bindgen: handles of resources, and memory for what
// functions take and return. It is for one goroutine at a time: two that call bindings at once could
// lose what one of them has been returned.
package wit_runtime

import (
	"runtime"
	"unsafe"
)

// Handle is a resource's handle; 0 when it has been given away or dropped.
type Handle struct {
	value int32
}

// MakeHandle holds a handle.
func MakeHandle(value int32) *Handle {
	if value == 0 {
		panic("a resource without a handle")
	}
	return &Handle{value}
}

// Use returns the handle, for a call that borrows it.
func (handle *Handle) Use() int32 {
	if handle.value == 0 {
		panic("a resource is used after it was dropped or given away")
	}
	return handle.value
}

// Take returns the handle and forgets it, for a call that owns it.
func (handle *Handle) Take() int32 {
	value := handle.Use()
	handle.value = 0
	return value
}

// TakeOrNil returns the handle and forgets it; 0 if that has been done.
func (handle *Handle) TakeOrNil() int32 {
	value := handle.value
	handle.value = 0
	return value
}

// Set is for a handle that is known later.
func (handle *Handle) Set(value int32) {
	if value == 0 || handle.value != 0 {
		panic("a handle is set twice, or to none")
	}
	handle.value = value
}

const (
	// What is there before each call: more than anything returns that a peer has a part in, since no
	// message of TLS is longer than 64 KiB, and lists of its smallest parts take six times as much.
	room = 1 << 20
	// What is fetched when there is less.
	more = 2 * room
	// What the adapter of WASI 0.1 asks for before Go has begun: its state and its stack.
	adapter = 128 << 10
)

// Memory for results, handed out from the front. Go's collector frees an area when it is not this one
// any more and no result lies in it.
var (
	begin [adapter + room]byte
	area  []byte
	next  uintptr
	end   uintptr
)

// Allocate returns memory for one call. It also makes room for what the call returns, since that
// cannot be done while the call is under way.
func Allocate(pinner *runtime.Pinner, size, align uintptr) unsafe.Pointer {
	if end-next < room {
		area = make([]byte, more)
		next = uintptr(unsafe.Pointer(unsafe.SliceData(area)))
		end = next + more
	}
	if size == 0 {
		return nil
	}
	// Aligned for everything that WIT has.
	memory := make([]uint64, (size+7)/8)
	pointer := unsafe.Pointer(unsafe.SliceData(memory))
	pinner.Pin(pointer)
	return pointer
}

// Unpin has nothing to do: what a function has returned is the collector's.
func Unpin() {}

// What a component calls for memory for the results of a call of ours, in the middle of that call.
// Go's own allocator will not do: it may ask the clock, and calls are forbidden here; and it is not
// there yet when the adapter of WASI 0.1 begins. So this function takes from what Allocate has put
// aside, and needs neither heap nor stack of its own.
//
//go:nosplit
//go:wasmexport cabi_realloc
func realloc(old unsafe.Pointer, oldSize, align, size uintptr) unsafe.Pointer {
	if end == 0 {
		next = uintptr(unsafe.Pointer(&begin))
		end = next + adapter + room
	}
	at := (next + align - 1) &^ (align - 1)
	if at > end || size > end-at {
		panic("a call has returned more than a MiB; ask for less at a time")
	}
	next = at + size
	// Lists that grow are not returned to a caller; so nothing is to be copied from `old`.
	return unsafe.Pointer(at)
}
