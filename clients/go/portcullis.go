// Package portcullis is TLS for Go programs that become WebAssembly components: connections and
// listeners for everything that takes a net.Conn or a net.Listener, over the component portcullis:tls.
// Its names are those of crypto/tls.
package portcullis

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	tlscontext "portcullis/bindings/imports/portcullis_tls_context"
	"portcullis/bindings/imports/portcullis_tls_listener"
	"portcullis/bindings/imports/portcullis_tls_port"
	types "portcullis/bindings/imports/portcullis_tls_types"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// Config is what a connection or a listener is to be. The zero value is a client that verifies chain
// and name, and trusts whom SSL_CERT_FILE and SSL_CERT_DIR name, else the web's authorities.
type Config struct {
	// RootFile is a file of the authorities to trust, PEM or DER. The component reads it, so the
	// runtime has to show its directory.
	RootFile string
	// Roots are authorities as PEM or DER.
	Roots []byte
	// CertFile and KeyFile are the own certificate chain and its key. A server needs them.
	CertFile, KeyFile string
	// Passphrase opens an encrypted key.
	Passphrase string
	// ServerName is the name that the peer's certificate has to have, if it is not the host's.
	ServerName string
	// NextProtos are the application protocols (ALPN), the best first.
	NextProtos []string
	// RequireClientCert has a server ask each client for a certificate, and refuse it without one of
	// an authority in RootFile or Roots.
	RequireClientCert bool
	// HandshakeTimeout limits the handshake; 0 leaves the component's own limit.
	HandshakeTimeout time.Duration
}

// The bindings are for one goroutine at a time.
var guest sync.Mutex

// Call bindings that can fail.
func call[T any](binding func() wit.Result[T, types.Error]) (T, error) {
	guest.Lock()
	defer guest.Unlock()
	result := binding()
	if result.IsErr() {
		var none T
		return none, failure(result.Err())
	}
	return result.Ok(), nil
}

func role(isServer bool) types.Role {
	if isServer {
		return types.Role_Server
	}
	return types.Role_Client
}

func (config *Config) context(isServer bool) (*tlscontext.Context, error) {
	guest.Lock()
	made := tlscontext.ContextSecure(role(isServer))
	guest.Unlock()
	var settings []func() wit.Result[wit.Unit, types.Error]
	set := func(setting func() wit.Result[wit.Unit, types.Error]) {
		settings = append(settings, setting)
	}
	trust := func(source tlscontext.Source) {
		set(func() wit.Result[wit.Unit, types.Error] {
			added := made.AddTrustRoots(source)
			if added.IsErr() {
				return wit.Err[wit.Unit](added.Err())
			}
			return wit.Ok[wit.Unit, types.Error](wit.Unit{})
		})
	}
	if config.RootFile != "" {
		trust(tlscontext.MakeSourcePath(config.RootFile))
	}
	if config.Roots != nil {
		trust(tlscontext.MakeSourceBytes(config.Roots))
	}
	if config.RootFile == "" && config.Roots == nil && !isServer {
		if _, err := call(made.AddEnvironmentRoots); err != nil {
			return nil, err
		}
	}
	if config.CertFile != "" || config.KeyFile != "" {
		passphrase := wit.None[string]()
		if config.Passphrase != "" {
			passphrase = wit.Some(config.Passphrase)
		}
		chain := tlscontext.MakeSourcePath(config.CertFile)
		key := tlscontext.MakeSourcePath(config.KeyFile)
		set(func() wit.Result[wit.Unit, types.Error] {
			return made.LoadIdentity(chain, key, passphrase)
		})
	}
	if config.ServerName != "" {
		set(func() wit.Result[wit.Unit, types.Error] {
			return made.SetServerName(tlscontext.MakeServerNameName(config.ServerName))
		})
		set(func() wit.Result[wit.Unit, types.Error] {
			return made.SetVerifyName(tlscontext.MakeVerifyNameName(config.ServerName))
		})
	}
	if config.NextProtos != nil {
		set(func() wit.Result[wit.Unit, types.Error] { return made.SetAlpn(config.NextProtos) })
	}
	if config.RequireClientCert {
		set(func() wit.Result[wit.Unit, types.Error] {
			return made.SetVerify(tlscontext.Verify_Required)
		})
	}
	if config.HandshakeTimeout != 0 {
		// Less than a millisecond would be no time at all.
		limit := max(config.HandshakeTimeout.Milliseconds(), 1)
		set(func() wit.Result[wit.Unit, types.Error] {
			return made.SetTimeout(types.Timer_Handshake, wit.Some(uint64(limit)))
		})
	}
	for _, setting := range settings {
		if _, err := call(setting); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// Dialer connects to servers; its DialContext is for http.Transport.DialTLSContext. Its connections
// share what makes later handshakes short.
type Dialer struct {
	// Config is read at the first connection.
	Config Config

	once    sync.Once
	context *tlscontext.Context
	err     error
}

// Dial connects to HOST:PORT and shakes hands.
func Dial(network, address string, config *Config) (*Conn, error) {
	dialer := new(Dialer)
	if config != nil {
		dialer.Config = *config
	}
	conn, err := dialer.dial(context.Background(), network, address)
	return conn, err
}

// DialContext connects to HOST:PORT and shakes hands. The connection is a *Conn.
func (dialer *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := dialer.dial(ctx, network, address)
	if err != nil {
		// Not a nil *Conn, which as a net.Conn would be one.
		return nil, err
	}
	return conn, nil
}

func (dialer *Dialer) dial(ctx context.Context, network, address string) (*Conn, error) {
	host, port, err := split(network, address)
	if err != nil {
		return nil, err
	}
	dialer.once.Do(func() { dialer.context, dialer.err = dialer.Config.context(false) })
	if dialer.err != nil {
		return nil, dialer.err
	}
	handle, err := call(func() wit.Result[*portcullis_tls_port.Port, types.Error] {
		return portcullis_tls_port.PortConnect(dialer.context, host, port)
	})
	if err != nil {
		return nil, err
	}
	conn := newConn(handle)
	if err := conn.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func split(network, address string) (string, uint16, error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
	default:
		return "", 0, net.UnknownNetworkError(network)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("port %q is no number from 0 to 65535", port)
	}
	return host, uint16(number), nil
}

// Listen accepts TLS on an IP address and a port of this machine; port 0 picks a free one. Accept
// returns a *Conn whose handshake runs with its first read or write: a silent client holds up nobody.
func Listen(network, address string, config *Config) (net.Listener, error) {
	ip, port, err := split(network, address)
	if err != nil {
		return nil, err
	}
	if config == nil {
		config = new(Config)
	}
	made, err := config.context(true)
	if err != nil {
		return nil, err
	}
	handle, err := call(func() wit.Result[*portcullis_tls_listener.Listener, types.Error] {
		return portcullis_tls_listener.ListenerListen(made, ip, port, wit.None[uint64]())
	})
	if err != nil {
		return nil, err
	}
	return &listener{handle: handle}, nil
}
