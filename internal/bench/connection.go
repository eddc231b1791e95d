package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// connection is a kept-alive HTTP/1.1 connection of one worker. It does without
// http.Transport, whose goroutines would take more of the machine than a server
// under test does.
type connection struct {
	net  net.Conn
	in   *bufio.Reader
	out  []byte
	body []byte
}

func dial(address string) (*connection, error) {
	n, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &connection{net: n, in: bufio.NewReader(n)}, nil
}

func (c *connection) close() { _ = c.net.Close() }

// post sends a form with Basic credentials. The body is good until the next call.
func (c *connection) post(path string, k key, form string) (status int, body []byte, err error) {
	c.out = append(c.out[:0], "POST "...)
	c.out = append(c.out, path...)
	c.out = append(c.out, " HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench\r\nAuthorization: Basic "...)
	c.out = base64.StdEncoding.AppendEncode(c.out, []byte(k.ID+":"+k.Secret))
	c.out = append(c.out, "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: "...)
	c.out = strconv.AppendInt(c.out, int64(len(form)), 10)
	c.out = append(c.out, "\r\n\r\n"...)
	c.out = append(c.out, form...)
	return c.roundTrip(c.out)
}

// get sends a bearer token.
func (c *connection) get(path, token string) (status int, body []byte, err error) {
	c.out = append(c.out[:0], "GET "...)
	c.out = append(c.out, path...)
	c.out = append(c.out, " HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench\r\nAuthorization: Bearer "...)
	c.out = append(c.out, token...)
	c.out = append(c.out, "\r\n\r\n"...)
	return c.roundTrip(c.out)
}

func (c *connection) roundTrip(request []byte) (status int, body []byte, err error) {
	if err := c.net.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return 0, nil, err
	}
	if _, err := c.net.Write(request); err != nil {
		return 0, nil, err
	}
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, nil, err
	}
	if response.Close {
		return 0, nil, fmt.Errorf("the server closed a connection that is to be kept alive (status %d)", response.StatusCode)
	}
	c.body, err = appendAll(c.body[:0], response.Body)
	return response.StatusCode, c.body, err
}

func appendAll(b []byte, r io.Reader) ([]byte, error) {
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}
