// Checks the package portcullis against a TLS server that echoes all bytes: `check HOST PORT`.
// SSL_CERT_FILE names the authority of its certificate, a file that is called ca.pem; cert.pem and
// key.pem beside it are a certificate and its key. Prints `ok` or `not ok` for each claim; the last line
// says how many failed.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"portcullis"
	types "portcullis/bindings/imports/portcullis_tls_types"
	_ "portcullis/command"
)

var (
	failures        int
	address, folder string
)

func claim(holds bool, what string) {
	if holds {
		fmt.Println("ok", what)
	} else {
		fmt.Println("not ok", what)
		failures++
	}
}

func done(err error, what string) {
	claim(err == nil, what)
	if err != nil {
		fmt.Println("#", err)
	}
}

// Claim that a call has failed so, and says why.
func fails(err error, kind portcullis.Kind, what string) {
	var failure *portcullis.Error
	claim(errors.As(err, &failure) && failure.Kind == kind && len(failure.Error()) > 10, what)
	fmt.Println("#", err)
}

func dial(config *portcullis.Config) *portcullis.Conn {
	conn, err := portcullis.Dial("tcp", address, config)
	if err != nil {
		fmt.Println("not ok no connection:", err)
		os.Exit(1)
	}
	return conn
}

func echo() {
	conn := dial(nil)
	sent := make([]byte, 1<<20)
	for index := range sent {
		sent[index] = byte(index % 251)
	}
	// Both ways at once: what one goroutine waits for, the other has to go on for.
	written := make(chan error)
	go func() {
		_, err := conn.Write(sent)
		written <- errors.Join(err, conn.CloseWrite())
	}()
	back, err := io.ReadAll(conn)
	done(err, "it reads to the end")
	done(<-written, "while it writes, and then says that this was all")
	claim(bytes.Equal(sent, back), "and what comes back is the same")
	state := conn.ConnectionState()
	claim(state.Version == "TLSv1.3" && strings.HasPrefix(state.CipherSuite, "TLS_") &&
		state.Group != "" && len(state.PeerCertificates) == 1, "it tells what was agreed on")
	done(conn.Close(), "it closes")
	claim(conn.ConnectionState().Version == state.Version, "which is told after that too")
	_, err = conn.Read(back)
	claim(errors.Is(err, net.ErrClosed), "a closed connection reads nothing")
	claim(errors.Is(conn.Close(), net.ErrClosed), "nor closes again")
}

func refused() {
	_, err := portcullis.Dial("tcp", address, &portcullis.Config{ServerName: "wrong.example"})
	fails(err, portcullis.Certificate, "another name is refused")
	var failure *portcullis.Error
	if errors.As(err, &failure) {
		reason, is := failure.CertificateReason()
		claim(is && reason == types.CertificateReason_WrongName, "for the name")
	}
	host, _, _ := net.SplitHostPort(address)
	done(dial(&portcullis.Config{ServerName: host}).Close(), "the name that it has is not")
	done(dial(&portcullis.Config{RootFile: folder + "ca.pem"}).Close(), "nor one trusted by its file")
	pem, err := os.ReadFile(folder + "ca.pem")
	done(err, "Go reads the file too")
	done(dial(&portcullis.Config{Roots: pem}).Close(), "nor one trusted by bytes")
	_, err = portcullis.Dial("tcp", address, &portcullis.Config{RootFile: folder + "absent"})
	fails(err, portcullis.InvalidConfiguration, "a file that is not there")
	_, err = portcullis.Dial("tcp", "127.0.0.1:1", nil)
	fails(err, portcullis.Network, "nobody listens there")
	_, err = portcullis.Dial("tcp", "127.0.0.1:0", nil)
	fails(err, portcullis.InvalidArgument, "port 0 is none")
	_, err = portcullis.Dial("udp", address, nil)
	claim(err != nil, "nor is there TLS over UDP")
}

func deadlines() {
	conn := dial(nil)
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	_, err := conn.Read(make([]byte, 1))
	claim(errors.Is(err, os.ErrDeadlineExceeded), "a read runs into its deadline")
	conn.SetReadDeadline(time.Time{})
	woken := make(chan error)
	go func() {
		_, err := conn.Read(make([]byte, 1))
		woken <- err
	}()
	time.Sleep(10 * time.Millisecond)
	conn.SetReadDeadline(time.Unix(1, 0))
	claim(errors.Is(<-woken, os.ErrDeadlineExceeded), "also one that is waiting when it is set")
	conn.SetReadDeadline(time.Time{})
	_, err = conn.Write([]byte("on"))
	done(err, "the connection goes on")
	part := make([]byte, 2)
	_, err = io.ReadFull(conn, part)
	claim(err == nil && string(part) == "on", "and hears")
	go func() {
		_, err := conn.Read(make([]byte, 1))
		woken <- err
	}()
	time.Sleep(10 * time.Millisecond)
	done(conn.Close(), "closing")
	claim(errors.Is(<-woken, net.ErrClosed), "wakes whoever reads")
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = new(portcullis.Dialer).DialContext(gone, "tcp", address)
	claim(errors.Is(err, context.Canceled), "a context that is over ends a handshake")
}

func server() {
	_, err := portcullis.Listen("tcp", "127.0.0.1:0", nil)
	fails(err, portcullis.InvalidConfiguration, "a server needs an identity")
	config := portcullis.Config{
		CertFile: folder + "cert.pem", KeyFile: folder + "key.pem", NextProtos: []string{"b", "a"},
		RootFile: folder + "ca.pem", RequireClientCert: true,
	}
	listener, err := portcullis.Listen("tcp", "127.0.0.1:0", &config)
	if err != nil {
		done(err, "it listens")
		return
	}
	here := listener.Addr().String()
	served := make(chan error)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				served <- err
				return
			}
			go func() {
				_, err := io.Copy(conn, conn)
				conn.Close()
				served <- err
			}()
		}
	}()
	// Both ends are in this program, and each waits for the other.
	host, _, _ := net.SplitHostPort(address)
	client := portcullis.Config{
		CertFile: config.CertFile, KeyFile: config.KeyFile, NextProtos: []string{"a", "b"},
		ServerName: host,
	}
	for range 3 {
		conn, err := portcullis.Dial("tcp", here, &client)
		if err != nil {
			done(err, "a client with a certificate")
			return
		}
		conn.Write([]byte("both"))
		conn.CloseWrite()
		back, err := io.ReadAll(conn)
		claim(err == nil && string(back) == "both", "a client with a certificate is served")
		claim(conn.ConnectionState().NegotiatedProtocol == "b", "by the server's protocol")
		conn.Close()
		done(<-served, "to the end")
	}
	conn, err := portcullis.Dial("tcp", here, &portcullis.Config{ServerName: host})
	if err == nil {
		// In TLS 1.3 the client hears it with its first read.
		_, err = conn.Read(make([]byte, 1))
		conn.Close()
	}
	fails(err, portcullis.AlertReceived, "one without a certificate hears an alert")
	fails(<-served, portcullis.Certificate, "and the server knows why")
	done(listener.Close(), "it closes")
	claim(errors.Is(<-served, net.ErrClosed), "and wakes whoever accepts")
	_, err = portcullis.Dial("tcp", here, &client)
	fails(err, portcullis.Network, "its socket is free")
}

func main() {
	authority := os.Getenv("SSL_CERT_FILE")
	if len(os.Args) != 3 || !strings.HasSuffix(authority, "ca.pem") {
		fmt.Fprintln(os.Stderr, "usage: SSL_CERT_FILE=…/ca.pem check HOST PORT")
		os.Exit(2)
	}
	address = net.JoinHostPort(os.Args[1], os.Args[2])
	folder = strings.TrimSuffix(authority, "ca.pem")
	echo()
	refused()
	deadlines()
	server()
	fmt.Println(failures, "failed")
	if failures > 0 {
		os.Exit(1)
	}
}
