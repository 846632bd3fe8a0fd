package portcullis

import (
	"errors"
	"io"
	"net"
	"os"

	tlserrors "portcullis/bindings/imports/portcullis_tls_errors"
	types "portcullis/bindings/imports/portcullis_tls_types"
)

// Kind is which failure it is: a case of the interface's error.
type Kind uint8

// The failures. Connections wait where bindings say WantRead and its like, and do not return them.
const (
	WantRead             = Kind(types.Error_WantRead)
	WantWrite            = Kind(types.Error_WantWrite)
	WantConnect          = Kind(types.Error_WantConnect)
	WantAccept           = Kind(types.Error_WantAccept)
	Closed               = Kind(types.Error_Closed)
	Truncated            = Kind(types.Error_Truncated)
	Timeout              = Kind(types.Error_Timeout)
	Certificate          = Kind(types.Error_Certificate)
	AlertReceived        = Kind(types.Error_AlertReceived)
	Protocol             = Kind(types.Error_Protocol)
	Network              = Kind(types.Error_Network)
	InvalidConfiguration = Kind(types.Error_InvalidConfiguration)
	UnsupportedProtocol  = Kind(types.Error_UnsupportedProtocol)
	InvalidArgument      = Kind(types.Error_InvalidArgument)
	Sealed               = Kind(types.Error_Sealed)
	NotSupported         = Kind(types.Error_NotSupported)
	Other                = Kind(types.Error_Other)
)

// Error is why a call has failed: cause and cure in one line for people, and the kind for programs.
// It is a net.Error.
type Error struct {
	Kind Kind
	// Value is what the bindings have returned.
	Value types.Error
	text  string
}

// Make an error of what bindings have returned; the caller holds the lock.
func failure(value types.Error) *Error {
	err := &Error{Kind: Kind(value.Tag()), Value: value}
	// Those that are only waited for need no words.
	if !wants(err) {
		err.text = tlserrors.Explain(value)
	}
	return err
}

func (err *Error) Error() string { return err.text }

// Timeout tells whether a timer has run out.
func (err *Error) Timeout() bool { return err.Kind == Timeout }

// Temporary tells the same.
func (err *Error) Temporary() bool { return err.Kind == Timeout }

// Is makes it one of the errors that the standard library has for this.
func (err *Error) Is(target error) bool {
	switch err.Kind {
	case Closed:
		return target == net.ErrClosed
	case Timeout:
		return target == os.ErrDeadlineExceeded
	case Truncated:
		return target == io.ErrUnexpectedEOF
	}
	return false
}

// CertificateReason tells why a certificate was refused (types.CertificateReason_…), and whether one
// was.
func (err *Error) CertificateReason() (types.CertificateReason, bool) {
	if err.Kind != Certificate {
		return 0, false
	}
	return err.Value.Certificate().Reason, true
}

func is(err error, kind Kind) bool {
	var known *Error
	return errors.As(err, &known) && known.Kind == kind
}

func wants(err error) bool {
	return is(err, WantRead) || is(err, WantWrite) || is(err, WantConnect) || is(err, WantAccept)
}
