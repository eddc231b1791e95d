package main

import (
	"flag"
	"fmt"
	"net"
	"strconv"

	"github.com/gatewright/gatewright/jose"
)

// settings are the flags of this example beside those of every example.
type settings struct {
	bindingName string
	browserAddr string
}

func newSettings() *settings {
	s := new(settings)
	flag.StringVar(&s.bindingName, "binding", "compatible", "the message `profile`: compatible, as the bank documents it, or strict, with signed claims and accounts that are good once")
	flag.StringVar(&s.browserAddr, "browser-addr", "", "where customers' browsers go, as `host:port` (default: the port after that of -addr, or any)")
	return s
}

// binding is the message profile.
func (s *settings) binding() (jose.Binding, error) {
	for _, b := range []jose.Binding{jose.Compatible, jose.Strict} {
		if b.String() == s.bindingName {
			return b, nil
		}
	}
	return 0, fmt.Errorf("-binding: want compatible or strict, got %q", s.bindingName)
}

// browserAt is where browsers go, if clients go to addr.
func (s *settings) browserAt(addr string) (string, error) {
	if s.browserAddr != "" {
		return s.browserAddr, nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("-addr: %w", err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || n == 65535 {
		return net.JoinHostPort(host, "0"), nil
	}
	return net.JoinHostPort(host, strconv.FormatUint(n+1, 10)), nil
}
