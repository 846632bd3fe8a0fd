// What Go says of the chains in a folder, as crypto/tls would ask crypto/x509. For each case a line: its
// number, "accepted" or "refused", and why.
package main

import (
	"bufio"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The most bits of an RSA key that crypto/tls takes.
const maxRSA = 8192

func certificates(path string) ([]*x509.Certificate, error) {
	rest, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var found []*x509.Certificate
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return found, nil
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		if key, ok := certificate.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxRSA {
			return nil, fmt.Errorf("an RSA key of %d bits", key.N.BitLen())
		}
		found = append(found, certificate)
	}
}

func verify(folder, purpose, host string, now int64) error {
	roots, err := certificates(filepath.Join(folder, "roots.pem"))
	if err != nil {
		return err
	}
	own, err := certificates(filepath.Join(folder, "own.pem"))
	if err != nil {
		return err
	}
	others, err := certificates(filepath.Join(folder, "others.pem"))
	if err != nil {
		return err
	}
	if len(own) == 0 {
		return fmt.Errorf("nothing is there")
	}
	// A key that crypto/tls takes no handshake of.
	if own[0].PublicKey == nil {
		return fmt.Errorf("a key of an unknown kind")
	}
	usage := x509.ExtKeyUsageServerAuth
	if purpose == "client" {
		usage = x509.ExtKeyUsageClientAuth
	}
	options := x509.VerifyOptions{
		DNSName:       host,
		Roots:         x509.NewCertPool(),
		Intermediates: x509.NewCertPool(),
		CurrentTime:   time.Unix(now, 0),
		KeyUsages:     []x509.ExtKeyUsage{usage},
	}
	for _, root := range roots {
		options.Roots.AddCert(root)
	}
	for _, other := range others {
		options.Intermediates.AddCert(other)
	}
	_, err = own[0].Verify(options)
	return err
}

func main() {
	folder := os.Args[1]
	cases, err := os.Open(filepath.Join(folder, "cases.tsv"))
	if err != nil {
		panic(err)
	}
	lines := bufio.NewScanner(cases)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		now, err := strconv.ParseInt(fields[4], 10, 64)
		if err != nil {
			panic(err)
		}
		verdict, why := "accepted", ""
		if err := verify(filepath.Join(folder, fields[0]), fields[2], fields[3], now); err != nil {
			verdict, why = "refused", strings.Join(strings.Fields(err.Error()), " ")
		}
		fmt.Printf("%s\t%s\t%s\n", fields[0], verdict, why)
	}
}
