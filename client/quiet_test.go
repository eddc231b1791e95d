package client

import (
	"io"
	"log"
	"net"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func pipe(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	_, _ = io.Copy(to, from)
}
