// Package wit_types has the types of WIT that Go has not: what the bindings of synchronous functions
// use of the package of this name.
package wit_types

// Unit is a result without a value.
type Unit = struct{}

// The tags of an Option.
const (
	OptionNone = 0
	OptionSome = 1
)

// Option is a value, or none.
type Option[T any] struct {
	value *T
}

// None returns no value.
func None[T any]() Option[T] {
	return Option[T]{}
}

// Some returns a value.
func Some[T any](value T) Option[T] {
	return Option[T]{&value}
}

// Tag tells whether there is a value.
func (option Option[T]) Tag() uint8 {
	if option.value == nil {
		return OptionNone
	}
	return OptionSome
}

// IsSome tells whether there is a value.
func (option Option[T]) IsSome() bool { return option.value != nil }

// IsNone tells whether there is none.
func (option Option[T]) IsNone() bool { return option.value == nil }

// Some returns the value; that there is one is for the caller to know.
func (option Option[T]) Some() T { return *option.value }

// SomeOr returns the value, or another if there is none.
func (option Option[T]) SomeOr(other T) T {
	if option.value == nil {
		return other
	}
	return *option.value
}

// The tags of a Result.
const (
	ResultOk  = 0
	ResultErr = 1
)

// Result is what a function has returned, or its failure.
type Result[T any, E any] struct {
	failed bool
	value  T
	err    E
}

// Ok returns a success.
func Ok[T any, E any](value T) Result[T, E] {
	return Result[T, E]{value: value}
}

// Err returns a failure.
func Err[T any, E any](err E) Result[T, E] {
	return Result[T, E]{failed: true, err: err}
}

// Tag tells which of the two it is.
func (result Result[T, E]) Tag() uint8 {
	if result.failed {
		return ResultErr
	}
	return ResultOk
}

// IsOk tells whether it is a success.
func (result Result[T, E]) IsOk() bool { return !result.failed }

// IsErr tells whether it is a failure.
func (result Result[T, E]) IsErr() bool { return result.failed }

// Ok returns the value of a success.
func (result Result[T, E]) Ok() T { return result.value }

// Err returns the failure.
func (result Result[T, E]) Err() E { return result.err }
