// Fetches a page over HTTPS with net/http: `https_client HOST PORT PATH`. It trusts whom SSL_CERT_FILE
// and SSL_CERT_DIR name, else the web roots.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"portcullis"
	_ "portcullis/command"
)

func fetch(address, path string) error {
	dialer := new(portcullis.Dialer)
	client := http.Client{Transport: &http.Transport{DialTLSContext: dialer.DialContext}}
	defer client.CloseIdleConnections()
	answer, err := client.Get("https://" + address + path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(os.Stdout, answer.Body)
	return err
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: https_client HOST PORT PATH")
		os.Exit(2)
	}
	if err := fetch(net.JoinHostPort(os.Args[1], os.Args[2]), os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
