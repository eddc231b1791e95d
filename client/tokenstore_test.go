package client_test

import (
	"testing"

	"github.com/gatewright/gatewright/client"
	"github.com/gatewright/gatewright/client/tokenstoretest"
)

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	store := new(client.MemoryStore)
	tokenstoretest.Run(t, func(*testing.T) client.TokenStore { return store })
}
