package policy

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// DecisionLog writes decisions as JSON lines, to be replayed against another
// policy by [Replay]. It is safe for concurrent use. A line that cannot be
// written, or that would wait for a slow writer, is dropped and counted: the log
// never holds up or changes a decision.
type DecisionLog struct {
	every  uint64
	mask   []byte
	seen   atomic.Uint64
	lost   atomic.Uint64
	lines  chan Record
	done   chan struct{}
	closed sync.Once
	stop   chan struct{}
	err    error
}

// LogConfig says what a [DecisionLog] keeps.
type LogConfig struct {
	// Every keeps one decision of so many; 0 and 1 keep all. Denials are
	// always kept.
	Every int
	// MaskKey, of 16 bytes or more, hides ids: whatever follows the kind in
	// subjects and objects is replaced by a keyed hash, equal for equal ids,
	// and client addresses are cut to their network. Required, unless
	// InsecureUnmasked.
	MaskKey []byte
	// InsecureUnmasked writes ids and addresses as they are. The host takes
	// over that the log is kept as safe as the data it speaks of. Rules that
	// name single ids can be replayed only against such a log.
	InsecureUnmasked bool
	// Buffer is how many decisions may wait for the writer; 0 means 1024.
	Buffer int
}

// Record is a line of a decision log.
type Record struct {
	Time         time.Time      `json:"time"`
	Organization string         `json:"organization"`
	Subject      string         `json:"subject"`
	Roles        []string       `json:"roles,omitempty"`
	Boundary     []string       `json:"boundary,omitempty"`
	Capped       bool           `json:"capped,omitempty"` // there was a boundary, if an empty one
	Scopes       []string       `json:"scopes,omitempty"`
	Object       string         `json:"object"`
	Action       string         `json:"action"`
	Attributes   map[string]any `json:"attributes,omitempty"`
	Allowed      bool           `json:"allowed"`
	Reason       string         `json:"reason"`
	Revision     uint64         `json:"revision"`
	Masked       bool           `json:"masked,omitempty"`
}

// NewDecisionLog begins a log on a writer. Close it to write what waits.
func NewDecisionLog(w io.Writer, c LogConfig) (*DecisionLog, error) {
	if len(c.MaskKey) < 16 && !c.InsecureUnmasked {
		return nil, &ConfigError{"Log.MaskKey", "needs 16 bytes or more; or set InsecureUnmasked"}
	}
	if c.Every < 0 || c.Buffer < 0 {
		return nil, &ConfigError{"Log", "Every and Buffer are not negative"}
	}
	l := &DecisionLog{
		every: uint64(max(c.Every, 1)), mask: append([]byte(nil), c.MaskKey...),
		lines: make(chan Record, max(c.Buffer, 1)), done: make(chan struct{}), stop: make(chan struct{}),
	}
	if c.Buffer == 0 {
		l.lines = make(chan Record, 1024)
	}
	if c.InsecureUnmasked {
		l.mask = nil
	}
	go l.write(w)
	return l, nil
}

// Lost is the number of decisions that were not written.
func (l *DecisionLog) Lost() uint64 { return l.lost.Load() }

// Close writes what waits and ends the log; it gives the first error of the
// writer. Decisions made later are dropped.
func (l *DecisionLog) Close() error {
	l.closed.Do(func() { close(l.stop) })
	<-l.done
	return l.err
}

// record keeps a decision, if it is one of those to keep.
func (l *DecisionLog) record(at time.Time, q *Question, d Decision) {
	n := l.seen.Add(1)
	if d.Allowed && n%l.every != 0 {
		return
	}
	select {
	case <-l.stop:
		l.lost.Add(1)
	case l.lines <- l.line(at, q, d):
	default:
		l.lost.Add(1)
	}
}

// line makes the record of a decision, masked. It copies what the caller may
// change later.
func (l *DecisionLog) line(at time.Time, q *Question, d Decision) Record {
	r := Record{
		Time: at.UTC(), Organization: q.Organization, Subject: q.Subject, Roles: append([]string(nil), q.Roles...),
		Boundary: append([]string(nil), q.Boundary...), Capped: q.Boundary != nil, Scopes: append([]string(nil), q.Scopes...),
		Object: q.Object, Action: q.Action, Allowed: d.Allowed, Reason: d.Reason, Revision: d.Revision, Masked: l.mask != nil,
	}
	if len(q.Attributes) > 0 {
		r.Attributes = make(map[string]any, len(q.Attributes))
		for k, v := range q.Attributes {
			r.Attributes[k] = l.attribute(k, v)
		}
	}
	if l.mask != nil {
		r.Subject, r.Object = l.hide(q.Subject), l.hide(q.Object)
		for i, p := range r.Boundary {
			if object, action, ok := cutLast(p); ok {
				r.Boundary[i] = l.hide(object) + ":" + action
			}
		}
	}
	return r
}

func cutLast(p string) (before, after string, ok bool) {
	i := strings.LastIndexByte(p, ':')
	if i < 0 {
		return p, "", false
	}
	return p[:i], p[i+1:], true
}

// hide replaces what follows the kind by a keyed hash.
func (l *DecisionLog) hide(value string) string {
	kind, id, ok := strings.Cut(value, ":")
	if !ok || id == "*" {
		return value
	}
	h := hmac.New(sha256.New, l.mask)
	h.Write([]byte(value))
	return kind + ":" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12])
}

// attribute makes an attribute fit for the log: texts, numbers and booleans of
// known meaning stay, addresses lose their last part, the rest is left out.
func (l *DecisionLog) attribute(name string, v any) any {
	if name == AttributeClient {
		addr, ok := v.(netip.Addr)
		if text, is := v.(string); is {
			var err error
			addr, err = netip.ParseAddr(text)
			ok = err == nil
		}
		if !ok {
			return nil
		}
		if l.mask == nil {
			return addr.String()
		}
		bits := 48
		if addr = addr.Unmap().WithZone(""); addr.Is4() {
			bits = 24
		}
		network, err := addr.Prefix(bits)
		if err != nil {
			return nil
		}
		return network.Addr().String()
	}
	switch v := v.(type) {
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case bool, int, int32, int64, uint64, json.Number:
		return v
	case float64:
		if amount, ok := amountOf(v); ok {
			f, _ := amount.Float64()
			return f
		}
	case string:
		if l.mask == nil || name == AttributeEnvironment {
			return v
		}
		if _, ok := parseAmount(v); ok {
			return v
		}
		h := hmac.New(sha256.New, l.mask)
		h.Write([]byte(v))
		return "~" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12])
	}
	return nil
}

// write is the one goroutine that writes.
func (l *DecisionLog) write(w io.Writer) {
	defer close(l.done)
	buffered := bufio.NewWriter(w)
	encoder := json.NewEncoder(buffered)
	put := func(r Record) {
		if l.err != nil {
			l.lost.Add(1)
			return
		}
		if err := encoder.Encode(r); err != nil {
			l.lost.Add(1)
			l.err = err
		}
	}
	flush := func() {
		if err := buffered.Flush(); err != nil && l.err == nil {
			l.lost.Add(1)
			l.err = err
		}
	}
	for {
		select {
		case r := <-l.lines:
			put(r)
			if len(l.lines) == 0 {
				flush()
			}
			continue
		case <-l.stop:
		}
		for {
			select {
			case r := <-l.lines:
				put(r)
				continue
			default:
			}
			break
		}
		flush()
		return
	}
}

// maxRecordBytes bounds a line of a decision log.
const maxRecordBytes = 1 << 20

// ReadRecords reads a decision log. Unknown members are an error, so that a log
// of another kind is not taken for one.
func ReadRecords(r io.Reader, each func(Record) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxRecordBytes)
	n := 1
	for ; lines.Scan(); n++ {
		if len(strings.TrimSpace(lines.Text())) == 0 {
			continue
		}
		d := json.NewDecoder(strings.NewReader(lines.Text()))
		d.DisallowUnknownFields()
		d.UseNumber()
		var record Record
		if err := d.Decode(&record); err != nil {
			return fmt.Errorf("policy: decision log, line %d: %w", n, err)
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return fmt.Errorf("policy: decision log, line %d: more than one record", n)
		}
		if err := each(record); err != nil {
			return err
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("policy: decision log, line %d: longer than 1 MiB, which no decision is; write one record a line", n)
	} else if err != nil {
		return fmt.Errorf("policy: decision log, line %d: %w", n, err)
	}
	return nil
}

// Question gives back what was asked.
func (r Record) Question() Question {
	q := Question{
		Organization: r.Organization, Subject: r.Subject, Roles: r.Roles, Boundary: r.Boundary,
		Scopes: r.Scopes, Object: r.Object, Action: r.Action, Attributes: map[string]any{},
	}
	if r.Capped && q.Boundary == nil {
		q.Boundary = []string{}
	}
	for k, v := range r.Attributes {
		if k == AttributeTime {
			if text, ok := v.(string); ok {
				if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
					q.Attributes[k] = t
				}
			}
			continue
		}
		q.Attributes[k] = v
	}
	if _, ok := q.Attributes[AttributeTime]; !ok && !r.Time.IsZero() {
		q.Attributes[AttributeTime] = r.Time
	}
	return q
}
