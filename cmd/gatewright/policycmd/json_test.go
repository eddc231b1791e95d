package policycmd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/cmd/gatewright/policycmd"
)

// TestJSONOnEveryOutcome: with --format json every command writes one JSON value
// and nothing else, whatever happens, and ends with the exit code of the text.
func TestJSONOnEveryOutcome(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"shop", "failing", "broken", "loose", "garbled"} {
		quietly(t, "init", dir)
	}
	put(t, "failing/more_test.yaml", "tests:\n  - name: t\n    ask: {who: viewer, organization: acme, object: account, action: read}\n    want: deny\n", os.O_TRUNC)
	put(t, "broken/policy.csv", "p, role:x\n", os.O_TRUNC)
	put(t, "loose/policy.csv", "p,role:x,*,doc,read,allow\n", os.O_TRUNC)
	put(t, "garbled/policy_test.yaml", "tests: [\n", os.O_TRUNC)
	put(t, "add.txt", "+ p, role:viewer, acme, doc, read, allow\n", os.O_TRUNC)
	put(t, "missing.txt", "- p, role:viewer, acme, doc, burn, allow\n", os.O_TRUNC)
	put(t, "widen.txt", "+ p, role:viewer, *, account:*, create, allow\n", os.O_TRUNC)
	put(t, "log.jsonl", `{"time":"2026-03-04T12:00:00Z","organization":"acme","subject":"key:1","object":"till:1","action":"open","allowed":true,"reason":"allowed","revision":1}`+"\n", os.O_TRUNC)
	put(t, "junk.jsonl", "junk\n", os.O_TRUNC)
	for _, c := range []struct {
		args string
		exit int
		says string // a member of the JSON value
	}{
		{"init new", 0, `"written"`},
		{"init shop", 1, `"error"`},
		{"init --template none x", 2, `"usage"`},
		{"lint shop", 0, `"findings": []`},
		{"lint broken", 3, `"short-row"`},
		{"lint garbled", 3, `"bad-test-file"`},
		{"lint nowhere", 1, `"failed"`},
		{"lint", 2, `"usage"`},
		{"lint -h", 0, `"usage"`},
		{"lint --frobnicate shop", 2, `"usage"`},
		{"fmt shop", 0, `"changed": []`},
		{"fmt --check loose", 1, `loose/policy.csv`},
		{"fmt broken", 0, `"changed"`},
		{"fmt nowhere", 1, `"error"`},
		{"test shop", 0, `"passed": 4`},
		{"test failing", 4, `"failed": 1`},
		{"test broken", 3, `"findings"`},
		{"test garbled", 3, `"findings"`},
		{"test nowhere", 1, `"error"`},
		{"check --dir shop --role viewer key:1 acme account read", 0, `"decision": "allow"`},
		{"check --dir shop viewer acme account read", 0, `"hint"`},
		{"check --dir shop key:1", 2, `requests have 4 values`},
		{"check key:1", 2, `"usage"`},
		{"check --dir broken key:1 acme account read", 3, `"findings"`},
		{"explain --dir shop --role viewer key:1 acme account create", 0, `"nearest"`},
		{"explain --dir shop", 2, `"usage"`},
		{"explain --dir nowhere key:1 acme account read", 1, `"failed"`},
		{"can --dir shop --org acme --role viewer account:read", 0, `"decision"`},
		{"can --dir shop account:read", 2, `name one with --org`},
		{"can --dir shop --org acme --boundary x account:read", 2, `"usage"`},
		{"who-can --dir shop --org acme account:read", 0, `"roles"`},
		{"who-can --dir shop --org acme --role viewer account:read", 2, `"usage"`},
		{"who-can --dir broken --org acme account:read", 3, `"findings"`},
		{"graph shop", 0, `"rights"`},
		{"graph broken", 3, `"findings"`},
		{"graph nowhere", 1, `"error"`},
		{"diff shop loose", 0, `"added"`},
		{"diff shop", 2, `"usage"`},
		{"diff shop nowhere", 1, `"error"`},
		{"diff --org acme --from 0 --to 9 shop", 1, `there is no revision 9`},
		{"simulate --replay log.jsonl shop", 0, `"replayed": 1`},
		{"simulate --replay junk.jsonl shop", 1, `line 1`},
		{"simulate --replay none.jsonl shop", 1, `"error"`},
		{"simulate shop", 2, `"usage"`},
		{"apply --dry-run shop add.txt", 0, `"applied": false`},
		{"apply --dry-run shop missing.txt", 3, `"row-missing"`},
		{"apply --dry-run shop widen.txt", 4, `"suites"`},
		{"apply --revision 7 shop add.txt", 1, `"policy_changed"`},
		{"apply --actor user:ann shop add.txt", 0, `"applied": true`},
		{"apply shop none.txt", 1, `"error"`},
		{"apply shop", 2, `"usage"`},
		{"apply broken add.txt", 3, `"findings"`},
		{"history shop", 0, `user:ann`},
		{"history --store mysql:x shop", 2, `"usage"`},
		{"history nowhere", 1, `"error"`},
		{"rollback --org acme --to 0 --dry-run shop", 0, `"applied": false`},
		{"rollback --org acme --to 9 shop", 1, `there is no revision 9`},
		{"rollback shop", 2, `"usage"`},
		{"rollback --org acme --to 0 shop", 0, `"applied": true`},
		{"frobnicate", 2, `there is no command`},
	} {
		for _, flag := range []string{" --format json", " --format=json", " -format json"} {
			if flag != " --format json" && c.exit == 0 {
				continue // once is enough, and what was done is not there to be done again
			}
			args := c.args + flag
			var out, errs bytes.Buffer
			exit := policycmd.Run(t.Context(), strings.Fields(args), policycmd.IO{In: strings.NewReader(""), Out: &out, Err: &errs})
			if exit != c.exit || errs.Len() != 0 {
				t.Errorf("%s: exit code %d, want %d\n%s%s", args, exit, c.exit, out.String(), errs.String())
			}
			d := json.NewDecoder(bytes.NewReader(out.Bytes()))
			var v map[string]any
			if err := d.Decode(&v); err != nil || !strings.Contains(out.String(), c.says) {
				t.Errorf("%s: %v\n%s, want %s", args, err, out.String(), c.says)
			}
			if _, err := d.Token(); !errors.Is(err, io.EOF) {
				t.Errorf("%s: more than one JSON value:\n%s", args, out.String())
			}
		}
	}
}

func quietly(t *testing.T, args ...string) {
	t.Helper()
	if exit := policycmd.Run(t.Context(), args, policycmd.IO{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}); exit != 0 {
		t.Fatalf("%q: exit code %d", args, exit)
	}
}
