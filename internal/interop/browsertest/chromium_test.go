package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is a tab in a fresh Chromium with a profile of its own.
type tab struct {
	*testing.T
	ctx context.Context

	mu   sync.Mutex
	said []string // what the console says
}

func newTab(t *testing.T) *tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is not installed, and CI is set")
		}
		t.Skip("chromium is not installed")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("ignore-certificate-errors", true)) // the listeners of httptest sign for themselves
	t.Cleanup(cancel)
	b := &tab{T: t}
	b.ctx, cancel = chromedp.NewContext(ctx, chromedp.WithListener(b.listen))
	t.Cleanup(func() {
		// Waits for the browser to end, so that its profile can be removed.
		if err := chromedp.Cancel(b.ctx); err != nil {
			t.Logf("closing chromium: %v", err)
		}
		cancel()
	})
	if _, err := chromedp.Call(b.ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatalf("starting chromium: %v", err)
	}
	// Without a window, nothing has the focus unless asked for.
	send(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	return b
}

func (b *tab) listen(event any) {
	var text string
	switch e := event.(type) {
	case *log.EventEntryAdded:
		text = fmt.Sprintf("%s %s: %s", e.Entry.Level, e.Entry.Source, e.Entry.Text)
	case *runtime.EventConsoleAPICalled:
		text = "console." + string(e.Type)
	case *runtime.EventExceptionThrown:
		text = "exception: " + e.ExceptionDetails.Text
	default:
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said = append(b.said, text)
}

// quiet checks that the console has said nothing but that documents had one of
// the expected statuses.
func (b *tab) quiet(expected ...string) {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
lines:
	for _, line := range b.said {
		for _, status := range expected {
			if strings.Contains(line, "responded with a status of "+status) {
				continue lines
			}
		}
		b.Errorf("the console says: %s", line)
	}
}

func (b *tab) run(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatalf("chromium: %v; the page is %s", err, b.page())
	}
}

// send has the tab carry out a command of the protocol.
func send[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.Helper()
	r, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.Fatalf("chromium: %s: %v", command.Method, err)
	}
	return r
}

// page describes where the tab is, for failures.
func (b *tab) page() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	at, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		return "unreadable: " + err.Error()
	}
	text, err := chromedp.Run(ctx, chromedp.OuterHTML(chromedp.CSS("body")))
	if err != nil {
		return at + ", unreadable: " + err.Error()
	}
	return at + "\n" + text
}

// waitFor waits until a selector matches something that can be seen.
func (b *tab) waitFor(selector chromedp.CSS) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.WaitVisible(selector)); err != nil {
		b.Fatalf("waiting for %s: %v; the page is %s", selector, err, b.page())
	}
}

func (b *tab) text(selector chromedp.CSS) string {
	b.Helper()
	s, err := chromedp.Run(b.ctx, chromedp.Text(selector))
	if err != nil {
		b.Fatalf("reading %s: %v", selector, err)
	}
	return s
}

func (b *tab) click(selector chromedp.CSS) {
	b.Helper()
	b.waitFor(selector)
	b.run(chromedp.Click(selector))
}

// fill types into a field that is empty.
func (b *tab) fill(selector chromedp.CSS, text string) {
	b.Helper()
	b.waitFor(selector)
	b.run(chromedp.SendKeys(selector, text))
}
