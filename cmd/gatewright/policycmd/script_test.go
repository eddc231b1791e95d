package policycmd_test

import (
	"context"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gatewright/gatewright/adapters/gormstore/sqlitestore"
	"github.com/gatewright/gatewright/cmd/gatewright/policycmd"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"policy": func() {
			os.Exit(policycmd.Run(context.Background(), os.Args[1:], policycmd.IO{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
		},
		// newdb makes an empty database, as a server does when it starts.
		"newdb": func() {
			db, err := sqlitestore.Open(context.Background(), os.Args[1])
			if err == nil {
				err = db.Close(context.Background())
			}
			if err != nil {
				os.Stderr.WriteString(err.Error())
				os.Exit(1)
			}
		},
		// status runs policy and writes the exit code, which scripts can
		// then compare: the built-in commands tell only zero from not zero.
		"status": func() {
			code := policycmd.Run(context.Background(), os.Args[1:], policycmd.IO{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
			os.Stderr.WriteString("exit code " + string(rune('0'+code)) + "\n")
		},
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", RequireExplicitExec: true})
}
