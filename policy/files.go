package policy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"time"
)

// Files are a model file and the files of its rules, as authors edit them.
type Files struct {
	// FS holds the files: os.DirFS("policy"), or an embed.FS.
	FS    fs.FS
	Model string
	Rules []string
	// Base are rules of the program that come before those of the files, such
	// as [DefaultRules]; none if not given.
	Base Rules
}

// DefaultFiles names the files that `gatewright policy init` writes.
func DefaultFiles(fsys fs.FS) Files {
	return Files{FS: fsys, Model: "model.conf", Rules: []string{"policy.csv"}}
}

// Read reads and checks the model and the rules. The error is an
// [*InvalidError] where the files can be read and are wrong.
func (f Files) Read() (Model, Rules, error) {
	texts, err := f.texts()
	if err != nil {
		return Model{}, Rules{}, err
	}
	return f.parse(texts)
}

// texts reads every file, the model first.
func (f Files) texts() ([][]byte, error) {
	if f.FS == nil || f.Model == "" || len(f.Rules) == 0 {
		return nil, &ConfigError{"Files", "needs FS, Model and Rules"}
	}
	texts := make([][]byte, 0, 1+len(f.Rules))
	for _, name := range append([]string{f.Model}, f.Rules...) {
		text, err := fs.ReadFile(f.FS, name)
		if err != nil {
			return nil, fmt.Errorf("policy: %w", err)
		}
		texts = append(texts, text)
	}
	return texts, nil
}

func (f Files) parse(texts [][]byte) (Model, Rules, error) {
	m, err := ParseModel(f.Model, string(texts[0]))
	if err != nil {
		return Model{}, Rules{}, err
	}
	rules := Rules{parsed: true}.Join(f.Base)
	for i, name := range f.Rules {
		more, err := ParseRules(name, string(texts[i+1]))
		if err != nil {
			return Model{}, Rules{}, err
		}
		rules = rules.Join(more)
	}
	return m, rules, validateRules(m.def, rules).errors()
}

// WatchConfig says how files are watched. The zero value works.
type WatchConfig struct {
	// Poll is how often the files are read; 0 means 250 ms.
	Poll time.Duration
	// OnReload is told that changed files are in force.
	OnReload func()
	// OnError is told that changed files were refused, and why; what was in
	// force stays. It is told once for each state of the files.
	OnError func(error)
}

// Watch puts changes of the files in force until the context ends. It reads them
// by their content, so that editors may write them as they please: a change
// counts when two readings in a row find the same, and only if model and rules
// are valid together; a file that is missing for a moment changes nothing.
func (e *Engine) Watch(ctx context.Context, f Files, c WatchConfig) error {
	if e.followed {
		return ErrFollowed
	}
	if e.current.Load() == nil {
		return ErrNoPolicy
	}
	if c.Poll <= 0 {
		c.Poll = 250 * time.Millisecond
	}
	w := watcher{engine: e, files: f, config: c}
	if texts, err := f.texts(); err == nil {
		// The engine was made from these, or from something older: make sure.
		if whole(texts) {
			w.take(texts, nil)
		}
		w.last, w.since = digest(texts), time.Now()
	}
	tick := time.NewTicker(c.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			w.look()
		}
	}
}

// watcher remembers what was read and what was tried.
type watcher struct {
	engine     *Engine
	files      Files
	config     WatchConfig
	last       [sha256.Size]byte
	tried      [sha256.Size]byte
	since      time.Time // when last was first read
	unreadable bool
}

// unfinished is how long files that end in the middle of a line must stay as they
// are before they count: a writer may have stalled, and the rules that it has not
// written yet may be those that deny.
const unfinished = 5 * time.Second

// whole reports whether every file ends where a line ends.
func whole(texts [][]byte) bool {
	for _, text := range texts {
		if !bytes.HasSuffix(text, []byte("\n")) {
			return false
		}
	}
	return true
}

func digest(texts [][]byte) [sha256.Size]byte {
	return sha256.Sum256(bytes.Join(texts, []byte{0xff, 0x00, 0xff}))
}

// look reads the files once.
func (w *watcher) look() {
	texts, err := w.files.texts()
	if err != nil {
		if !w.unreadable {
			w.unreadable = true
			w.failed(err)
		}
		return
	}
	w.unreadable = false
	now := digest(texts)
	if now != w.last {
		w.last, w.since = now, time.Now()
		return
	}
	if now != w.tried && (whole(texts) || time.Since(w.since) >= unfinished) {
		w.take(texts, w.config.OnReload)
	}
}

// take puts files in force, and tells.
func (w *watcher) take(texts [][]byte, tell func()) {
	w.tried = digest(texts)
	m, rules, err := w.files.parse(texts)
	if err == nil {
		w.engine.changes.Lock()
		err = w.engine.replace(m, rules)
		w.engine.changes.Unlock()
	}
	if err != nil {
		w.failed(err)
		return
	}
	if tell != nil {
		tell()
	}
}

func (w *watcher) failed(err error) {
	if w.config.OnError != nil {
		w.config.OnError(err)
	}
}
