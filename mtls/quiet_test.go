package mtls

import (
	"io"
	"log"
)

// quiet keeps the handshakes that are meant to fail out of the test's output.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
