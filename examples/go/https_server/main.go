// Serves a page over HTTPS with net/http: `https_server CERTIFICATE KEY`, PEM files. It picks a port of
// loopback and prints which.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"portcullis"
	_ "portcullis/command"
)

// How long a client may take for its handshake, and then for its request.
const patience = 5 * time.Second

// Tells of connections that fail; net/http does not.
type told struct{ net.Listener }

type toldConn struct{ net.Conn }

func (listener told) Accept() (net.Conn, error) {
	conn, err := listener.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return toldConn{conn}, nil
}

func (conn toldConn) Read(plaintext []byte) (int, error) {
	read, err := conn.Conn.Read(plaintext)
	var failure *portcullis.Error
	if errors.As(err, &failure) {
		fmt.Fprintf(os.Stderr, "%s: %s\n", conn.RemoteAddr(), failure)
	}
	return read, err
}

func run(certificate, key string) error {
	config := portcullis.Config{CertFile: certificate, KeyFile: key, HandshakeTimeout: patience}
	listener, err := portcullis.Listen("tcp", "127.0.0.1:0", &config)
	if err != nil {
		return err
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	page := func(answer http.ResponseWriter, _ *http.Request) {
		io.WriteString(answer, "hello from Go\n")
	}
	server := http.Server{Handler: http.HandlerFunc(page), ReadTimeout: 2 * patience}
	return server.Serve(told{listener})
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: https_server CERTIFICATE KEY")
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, run(os.Args[1], os.Args[2]))
	os.Exit(1)
}
