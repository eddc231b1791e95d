package storagetest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
	"github.com/gatewright/gatewright/storage/storagetest"
)

// journal is the least store that survives its process: it writes each command
// to a file and runs them all again when it is opened. It exists to test the
// crash test.
type journal struct {
	storage.Store // in memory, without its transactions
	mu            sync.Mutex
	out           io.Writer
	// halves writes the commands of a transaction one by one.
	halves bool
}

// entry is one command; the member that is set says which.
type entry struct {
	Organization *storage.Organization
	Client       *storage.Client
	Update       *storage.Client
	Event        storage.Event
	Until        time.Time
	Grant        *storage.Grant
	Artifact     *storage.Artifact
	Redemption   *storage.Redemption
	Rotation     *storage.Rotation
	End          *storage.End
	Namespace    string
	Key          []byte
}

func openJournal(t *testing.T, place, name string) *journal {
	t.Helper()
	j := &journal{Store: memory.New(), halves: name == "halves"}
	path := filepath.Join(place, "journal")
	if file, err := os.Open(path); err == nil {
		in, whole := bufio.NewReader(file), int64(0)
		for size := j.again(t.Context(), in); size > 0; size = j.again(t.Context(), in) {
			whole += size
		}
		_ = file.Close()
		// A kill can cut off the last entry, which must not stand before others.
		if err := os.Truncate(path, whole); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	j.out = file
	if name == "late" { // acknowledges what only the process has
		j.out = bufio.NewWriterSize(file, 1<<20)
	}
	return j
}

// again reads one entry, runs it and returns its size in the file; what was cut
// off is no entry and has none.
func (j *journal) again(ctx context.Context, in *bufio.Reader) int64 {
	var size [4]byte
	if _, err := io.ReadFull(in, size[:]); err != nil {
		return 0
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(in, body); err != nil {
		return 0
	}
	var batch []entry
	if err := gob.NewDecoder(bytes.NewReader(body)).Decode(&batch); err != nil {
		return 0
	}
	for _, e := range batch {
		_ = j.run(ctx, e)
	}
	return int64(len(size) + len(body))
}

func (j *journal) run(ctx context.Context, e entry) (err error) {
	switch s := j.Store; {
	case e.Organization != nil:
		err = s.CreateOrganization(ctx, *e.Organization, e.Event)
	case e.Client != nil:
		err = s.CreateClient(ctx, *e.Client, e.Event)
	case e.Update != nil:
		_, err = s.UpdateClient(ctx, *e.Update, storage.Quorum{}, e.Until, e.Event)
	case e.Grant != nil:
		err = s.CreateGrant(ctx, *e.Grant)
	case e.Artifact != nil:
		err = s.PutArtifact(ctx, *e.Artifact)
	case e.Redemption != nil:
		_, err = s.Redeem(ctx, *e.Redemption)
	case e.Rotation != nil:
		_, err = s.Rotate(ctx, *e.Rotation)
	case e.End != nil:
		_, err = s.EndGrant(ctx, *e.End)
	default:
		err = s.Claim(ctx, e.Namespace, e.Key, e.Until)
	}
	return err
}

// write puts entries into the file as one, before they are run.
func (j *journal) write(batch ...entry) error {
	body := bytes.NewBuffer(make([]byte, 4))
	if err := gob.NewEncoder(body).Encode(batch); err != nil {
		return err
	}
	binary.BigEndian.PutUint32(body.Bytes(), uint32(body.Len()-4))
	j.mu.Lock()
	defer j.mu.Unlock()
	_, err := j.out.Write(body.Bytes())
	return err
}

func (j *journal) CreateOrganization(ctx context.Context, o storage.Organization, e storage.Event) error {
	return errors.Join(j.write(entry{Organization: &o, Event: e}), j.Store.CreateOrganization(ctx, o, e))
}

func (j *journal) CreateClient(ctx context.Context, c storage.Client, e storage.Event) error {
	return errors.Join(j.write(entry{Client: &c, Event: e}), j.Store.CreateClient(ctx, c, e))
}

func (j *journal) UpdateClient(ctx context.Context, c storage.Client, q storage.Quorum, until time.Time, e storage.Event) (storage.Change, error) {
	if err := j.write(entry{Update: &c, Event: e, Until: until}); err != nil {
		return storage.Change{}, err
	}
	return j.Store.UpdateClient(ctx, c, q, until, e)
}

func (j *journal) CreateGrant(ctx context.Context, g storage.Grant) error {
	return errors.Join(j.write(entry{Grant: &g}), j.Store.CreateGrant(ctx, g))
}

func (j *journal) PutArtifact(ctx context.Context, a storage.Artifact) error {
	return errors.Join(j.write(entry{Artifact: &a}), j.Store.PutArtifact(ctx, a))
}

func (j *journal) Redeem(ctx context.Context, r storage.Redemption) (storage.Redeemed, error) {
	if err := j.write(entry{Redemption: &r}); err != nil {
		return storage.Redeemed{}, err
	}
	return j.Store.Redeem(ctx, r)
}

func (j *journal) Rotate(ctx context.Context, r storage.Rotation) (storage.Rotated, error) {
	if err := j.write(entry{Rotation: &r}); err != nil {
		return storage.Rotated{}, err
	}
	return j.Store.Rotate(ctx, r)
}

func (j *journal) EndGrant(ctx context.Context, e storage.End) (storage.Change, error) {
	if err := j.write(entry{End: &e}); err != nil {
		return storage.Change{}, err
	}
	return j.Store.EndGrant(ctx, e)
}

func (j *journal) Claim(ctx context.Context, namespace string, key []byte, until time.Time) error {
	return errors.Join(j.write(entry{Namespace: namespace, Key: key, Until: until}), j.Store.Claim(ctx, namespace, key, until))
}

// Transact knows what the crash test does in a transaction: it creates grants.
func (j *journal) Transact(ctx context.Context, fn func(context.Context, storage.Store) error) error {
	tx := &collector{Store: j.Store}
	if err := fn(ctx, tx); err != nil {
		return err
	}
	if !j.halves {
		return j.write(tx.batch...)
	}
	for _, e := range tx.batch {
		if err := j.write(e); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

type collector struct {
	storage.Store
	batch []entry
}

func (c *collector) CreateGrant(ctx context.Context, g storage.Grant) error {
	c.batch = append(c.batch, entry{Grant: &g})
	return c.Store.CreateGrant(ctx, g)
}

// TestCrash is run over the journal as it should be, and by TestCrashFindsFaults
// in other processes over one that is not.
func TestCrash(t *testing.T) {
	name := os.Getenv(faultVariable)
	storagetest.RunCrash(t, storagetest.Crash{
		Place: t.TempDir(), Load: 100 * time.Millisecond,
		Open: func(t *testing.T, place string) storage.Store { return openJournal(t, place, name) },
	})
}

func TestCrashFindsFaults(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"late", "halves"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if out, passed := faulty(t, "^TestCrash$", name); passed {
				t.Errorf("the crash test finds nothing wrong\n%s", out)
			}
		})
	}
}
