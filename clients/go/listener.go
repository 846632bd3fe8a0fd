package portcullis

import (
	"net"
	"sync"
	"sync/atomic"

	"portcullis/bindings/imports/portcullis_tls_listener"
	"portcullis/bindings/imports/wasi_io_poll"
)

type listener struct {
	handle    *portcullis_tls_listener.Listener
	accepting sync.Mutex
	closed    atomic.Bool
}

func (listener *listener) Accept() (net.Conn, error) {
	listener.accepting.Lock()
	defer listener.accepting.Unlock()
	for {
		if listener.closed.Load() {
			return nil, net.ErrClosed
		}
		port, err := call(listener.handle.Accept)
		if err == nil {
			return newConn(port), nil
		}
		if !wants(err) {
			return nil, err
		}
		if err := wait(listener.subscribe, listener.closed.Load, never); err != nil {
			return nil, err
		}
	}
}

func (listener *listener) subscribe() *wasi_io_poll.Pollable {
	return listener.handle.Subscribe()
}

func (listener *listener) Close() error {
	if listener.closed.Swap(true) {
		return net.ErrClosed
	}
	// The pollable of whoever waits has to go first.
	listener.accepting.Lock()
	defer listener.accepting.Unlock()
	guest.Lock()
	defer guest.Unlock()
	listener.handle.Close()
	return nil
}

// Addr returns a *net.TCPAddr.
func (listener *listener) Addr() net.Addr {
	address, err := call(listener.handle.LocalAddress)
	if err != nil {
		return &net.TCPAddr{}
	}
	return tcpAddr(address)
}
