package portcullis

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"portcullis/bindings/imports/portcullis_tls_port"
	types "portcullis/bindings/imports/portcullis_tls_types"
	"portcullis/bindings/imports/wasi_io_poll"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// What a record holds.
const record = 16 << 10

// Conn is a connection. Its methods may be called from several goroutines.
type Conn struct {
	port             *portcullis_tls_port.Port
	closed           atomic.Bool
	reading, writing sync.Mutex
	readBy, writeBy  atomic.Int64
}

// ConnectionState is what the handshake has agreed on; zero before it is done.
type ConnectionState struct {
	// Version is TLSv1.2 or TLSv1.3.
	Version string
	// CipherSuite and Group have IANA's names.
	CipherSuite, Group string
	// NegotiatedProtocol is what ALPN chose.
	NegotiatedProtocol string
	// ServerName is what the client asked for.
	ServerName string
	// DidResume tells whether the handshake was a short one.
	DidResume bool
	// PeerCertificates are the peer's, as DER, its own first.
	PeerCertificates [][]byte
}

func newConn(port *portcullis_tls_port.Port) *Conn {
	return &Conn{port: port}
}

// Handshake runs the handshake, if it has not been run.
func (conn *Conn) Handshake() error {
	return conn.HandshakeContext(context.Background())
}

// HandshakeContext does the same for as long as the context allows.
func (conn *Conn) HandshakeContext(ctx context.Context) error {
	conn.writing.Lock()
	defer conn.writing.Unlock()
	deadline := func() time.Time {
		if ctx.Err() != nil {
			return time.Unix(0, 1)
		}
		return when(&conn.writeBy)
	}
	err := conn.repeat(deadline, func() error {
		_, err := call(conn.port.Handshake)
		return err
	})
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Read reads what has come, at least one byte. io.EOF is the peer's goodbye; a connection that was cut
// off is an *Error that is io.ErrUnexpectedEOF.
func (conn *Conn) Read(plaintext []byte) (int, error) {
	if len(plaintext) == 0 {
		return 0, nil
	}
	conn.reading.Lock()
	defer conn.reading.Unlock()
	read := 0
	err := conn.repeat(conn.readDeadline, func() error {
		part, err := call(func() wit.Result[wit.Option[[]uint8], types.Error] {
			return conn.port.Read(uint64(min(len(plaintext), record)))
		})
		if err != nil {
			return err
		}
		if part.IsNone() {
			return io.EOF
		}
		read = copy(plaintext, part.Some())
		return nil
	})
	return read, err
}

// Write writes all, and waits until the transport has taken it.
func (conn *Conn) Write(plaintext []byte) (int, error) {
	conn.writing.Lock()
	defer conn.writing.Unlock()
	written := 0
	for written < len(plaintext) {
		err := conn.repeat(conn.writeDeadline, func() error {
			// The bindings keep what they are given until the call is over, and it stays where it is.
			part := plaintext[written:min(len(plaintext), written+record)]
			taken, err := call(func() wit.Result[uint64, types.Error] { return conn.port.Write(part) })
			written += int(taken)
			return err
		})
		if err != nil {
			return written, err
		}
	}
	return written, conn.repeat(conn.writeDeadline, func() error {
		_, err := call(conn.port.Flush)
		return err
	})
}

// CloseWrite says that nothing more will be written, and lets the peer go on.
func (conn *Conn) CloseWrite() error {
	conn.writing.Lock()
	defer conn.writing.Unlock()
	return conn.repeat(conn.writeDeadline, conn.goodbye)
}

func (conn *Conn) goodbye() error {
	_, err := call(conn.port.CloseOutput)
	return err
}

// Close says goodbye and frees the socket. Whoever reads or writes gets net.ErrClosed.
func (conn *Conn) Close() error {
	if conn.closed.Load() {
		return net.ErrClosed
	}
	var err error
	if conn.ConnectionState().Version != "" {
		// Without this the next call would wait for the transport, and every goroutine with it.
		err = conn.repeat(never, conn.goodbye)
	}
	if conn.closed.Swap(true) {
		return net.ErrClosed
	}
	// The pollables of those who wait have to go first.
	conn.reading.Lock()
	defer conn.reading.Unlock()
	conn.writing.Lock()
	defer conn.writing.Unlock()
	_, failed := call(conn.port.Close)
	return errors.Join(err, failed)
}

// Do an operation again whenever it may have become possible.
func (conn *Conn) repeat(deadline func() time.Time, operation func() error) error {
	for {
		if conn.closed.Load() {
			return net.ErrClosed
		}
		if has(deadline()) {
			return os.ErrDeadlineExceeded
		}
		err := operation()
		if !wants(err) {
			return err
		}
		if err := conn.wait(err, deadline); err != nil {
			return err
		}
	}
}

func (conn *Conn) wait(wanted error, deadline func() time.Time) error {
	var again time.Time
	subscribe := func() *wasi_io_poll.Pollable {
		subscribe := conn.port.Subscribe
		if is(wanted, WantWrite) {
			subscribe = conn.port.SubscribeWrite
		}
		pollable := subscribe()
		// No pollable tells of timers.
		if left := conn.port.TimeLeft(); left.IsSome() {
			again = time.Now().Add(time.Duration(left.Some()) * time.Millisecond)
		}
		return pollable
	}
	first := func() time.Time {
		if by := deadline(); again.IsZero() || (!by.IsZero() && by.Before(again)) {
			return by
		}
		return again
	}
	err := wait(subscribe, conn.closed.Load, first)
	if errors.Is(err, os.ErrDeadlineExceeded) && !has(deadline()) {
		return nil
	}
	return err
}

// ConnectionState tells what was agreed on, also when the connection has ended.
func (conn *Conn) ConnectionState() ConnectionState {
	guest.Lock()
	defer guest.Unlock()
	session := conn.port.Session()
	defer session.Drop()
	version := session.Version()
	if version.IsNone() {
		return ConnectionState{}
	}
	state := ConnectionState{
		Version:            "TLSv1.3",
		CipherSuite:        session.CipherSuite().SomeOr(""),
		Group:              session.Group().SomeOr(""),
		NegotiatedProtocol: session.Alpn().SomeOr(""),
		ServerName:         session.ServerName().SomeOr(""),
		DidResume:          session.IsResumed().SomeOr(false),
		PeerCertificates:   session.PeerCertificates(),
	}
	if version.Some() == types.Version_Tls12 {
		state.Version = "TLSv1.2"
	}
	return state
}

// LocalAddr returns a *net.TCPAddr.
func (conn *Conn) LocalAddr() net.Addr {
	guest.Lock()
	defer guest.Unlock()
	return tcpAddr(conn.port.LocalAddress().SomeOr(types.Address{}))
}

// RemoteAddr returns a *net.TCPAddr.
func (conn *Conn) RemoteAddr() net.Addr {
	guest.Lock()
	defer guest.Unlock()
	return tcpAddr(conn.port.RemoteAddress().SomeOr(types.Address{}))
}

func tcpAddr(address types.Address) *net.TCPAddr {
	ip, err := netip.ParseAddr(address.Ip)
	if err != nil {
		return &net.TCPAddr{}
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, address.Port))
}

// SetDeadline limits reading and writing; the zero time is no limit. Those that wait already are
// limited too.
func (conn *Conn) SetDeadline(deadline time.Time) error {
	return errors.Join(conn.SetReadDeadline(deadline), conn.SetWriteDeadline(deadline))
}

// SetReadDeadline limits reading. A read that has run into it may be done again.
func (conn *Conn) SetReadDeadline(deadline time.Time) error {
	return conn.limit(&conn.readBy, deadline)
}

// SetWriteDeadline limits writing.
func (conn *Conn) SetWriteDeadline(deadline time.Time) error {
	return conn.limit(&conn.writeBy, deadline)
}

func (conn *Conn) limit(place *atomic.Int64, deadline time.Time) error {
	if conn.closed.Load() {
		return net.ErrClosed
	}
	if deadline.IsZero() {
		place.Store(0)
	} else {
		place.Store(deadline.UnixNano())
	}
	return nil
}

func (conn *Conn) readDeadline() time.Time  { return when(&conn.readBy) }
func (conn *Conn) writeDeadline() time.Time { return when(&conn.writeBy) }

func when(place *atomic.Int64) time.Time {
	if nanoseconds := place.Load(); nanoseconds != 0 {
		return time.Unix(0, nanoseconds)
	}
	return time.Time{}
}
