package policy

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// errWindow says how a time window is written.
var errWindow = errors.New(`write days, hours and a zone such as "mon-fri 08:00-18:00 Europe/Berlin", or two moments such as "2026-01-01T00:00:00Z/2026-07-01T00:00:00Z", ".." for no bound, or *`)

// dayWindow holds on some days of the week between two times of day. A window
// that ends before it begins goes past midnight and belongs to the day on which
// it begins.
type dayWindow struct {
	days       [7]bool
	begin, end int // minutes of the day
	zone       *time.Location
}

// momentWindow holds from one moment until another, the second excluded; a zero
// moment is no bound.
type momentWindow struct{ from, until time.Time }

func parseWindow(text string) (cell, error) {
	if from, until, ok := strings.Cut(text, "/"); ok && (strings.Contains(from, "T") || from == "..") {
		return parseMoments(from, until)
	}
	w := &dayWindow{zone: time.UTC}
	parts := strings.Fields(text)
	if len(parts) == 0 || len(parts) > 3 {
		return nil, errWindow
	}
	if strings.Contains(parts[0], ":") {
		for i := range w.days {
			w.days[i] = true
		}
	} else {
		if !w.parseDays(parts[0]) {
			return nil, fmt.Errorf("%q names no days; %w", parts[0], errWindow)
		}
		parts = parts[1:]
	}
	if len(parts) == 0 || len(parts) > 2 || !w.parseHours(parts[0]) {
		return nil, errWindow
	}
	if len(parts) == 2 {
		zone, err := time.LoadLocation(parts[1])
		if err != nil || parts[1] == "Local" {
			return nil, fmt.Errorf("time zone %q is not known; %w", parts[1], errWindow)
		}
		w.zone = zone
	}
	return w, nil
}

func parseMoments(from, until string) (cell, error) {
	var w momentWindow
	for _, side := range []struct {
		text string
		to   *time.Time
	}{{from, &w.from}, {until, &w.until}} {
		if side.text == ".." {
			continue
		}
		t, err := time.Parse(time.RFC3339, side.text)
		if err != nil {
			return nil, errWindow
		}
		*side.to = t
	}
	if w.from.IsZero() && w.until.IsZero() || !w.until.IsZero() && !w.until.After(w.from) {
		return nil, fmt.Errorf("the window is never or always open; %w", errWindow)
	}
	return w, nil
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// parseDays reads "mon-fri", "sat", "mon,wed".
func (w *dayWindow) parseDays(text string) bool {
	for _, item := range strings.Split(text, ",") {
		first, last, isRange := strings.Cut(item, "-")
		if !isRange {
			last = first
		}
		a, b := weekday(first), weekday(last)
		if a < 0 || b < 0 {
			return false
		}
		for d := a; ; d = (d + 1) % 7 {
			w.days[d] = true
			if d == b {
				break
			}
		}
	}
	return true
}

func weekday(name string) int {
	for i, d := range weekdays {
		if d == name {
			return i
		}
	}
	return -1
}

func (w *dayWindow) parseHours(text string) bool {
	begin, end, ok := strings.Cut(text, "-")
	var okBegin, okEnd bool
	w.begin, okBegin = minutes(begin)
	w.end, okEnd = minutes(end)
	return ok && okBegin && okEnd && w.begin != w.end && w.begin < 24*60
}

// minutes reads a time of day, 24:00 included, as minutes.
func minutes(text string) (int, bool) {
	if text == "24:00" {
		return 24 * 60, true
	}
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != 5 {
		return 0, false
	}
	return t.Hour()*60 + t.Minute(), true
}

// moment is the time a condition looks at.
func (f *facts) moment() (time.Time, bool) {
	v, given := f.attributes[AttributeTime]
	if !given {
		if f.now == nil {
			return time.Time{}, false
		}
		return f.now(), true
	}
	t, ok := v.(time.Time)
	return t, ok && !t.IsZero()
}

func (w *dayWindow) test(f *facts) truth {
	t, ok := f.moment()
	if !ok {
		return unknown
	}
	t = t.In(w.zone)
	today := int(t.Weekday())
	m := t.Hour()*60 + t.Minute()
	open := false
	if w.begin < w.end {
		open = w.days[today] && m >= w.begin && m < w.end
	} else {
		open = w.days[today] && m >= w.begin || w.days[(today+6)%7] && m < w.end
	}
	if open {
		return yes
	}
	return no
}

func (w momentWindow) test(f *facts) truth {
	t, ok := f.moment()
	if !ok {
		return unknown
	}
	if t.Before(w.from) || !w.until.IsZero() && !t.Before(w.until) {
		return no
	}
	return yes
}
