package jose

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
func (brokenBody) Close() error             { return nil }

func TestReadBody(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 4095, 4096, 4097, 1 << 17} {
		data := bytes.Repeat([]byte("x"), n)
		for _, length := range []int64{-1, 0, int64(n), 1 << 17} {
			b, err := readBody(bytes.NewReader(data), length, 1<<17)
			if err != nil || !bytes.Equal(b.b, data) {
				t.Fatalf("%d bytes said to be %d: %v", n, length, err)
			}
			b.free()
		}
	}
	if _, err := readBody(bytes.NewReader(make([]byte, 11)), -1, 10); ReasonOf(err) != ReasonTooLarge {
		t.Errorf("too large: %v", err)
	}
	if _, err := readBody(brokenBody{}, -1, 10); ReasonOf(err) != ReasonRead || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("broken off: %v", err)
	}
	limited := http.MaxBytesReader(httptest.NewRecorder(), io.NopCloser(bytes.NewReader(make([]byte, 100))), 10)
	if _, err := readBody(limited, -1, 1000); ReasonOf(err) != ReasonTooLarge {
		t.Errorf("limited by the host: %v", err)
	}
}
