package browsertest

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const (
	username    = chromedp.CSS("#username")
	passwordBox = chromedp.CSS("#password")
	submit      = chromedp.CSS("form button.first")
	allow       = chromedp.CSS(`button[value="allow"]`)
	deny        = chromedp.CSS(`button[value="deny"]`)
	done        = chromedp.CSS("#done")
)

// shot keeps a picture of the page if a folder for them is named.
func (b *tab) shot(name string) {
	b.Helper()
	dir := os.Getenv("BROWSERTEST_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	must(b.T, err)
	must(b.T, os.WriteFile(dir+"/"+name+".png", png, 0o600))
}

// A person signs in for an application on another site, mistypes once, allows,
// and arrives at the application; with scripts and without.
func TestSignIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		prepare func(b *tab)
	}{
		{"with scripts", func(*tab) {}},
		{"without scripts", func(b *tab) {
			send(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		}},
		{"on a phone, in the dark", func(b *tab) {
			b.run(chromedp.EmulateViewport(360, 640, chromedp.EmulateMobile))
			send(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, b := newWorld(t), newTab(t)
			c.prepare(b)
			b.run(chromedp.Navigate(w.site + "/"))
			b.click("#login")
			b.waitFor(username)
			b.shot(c.name + " 1 login")
			b.fill(username, "ada@example.com")
			b.fill(passwordBox, "wrong")
			b.click(submit)
			b.waitFor(`[role="alert"]`)
			b.shot(c.name + " 2 failed")
			if got := b.text(`[role="alert"]`); got != "The name or the password is wrong." {
				t.Errorf("alert %q", got)
			}
			b.fill(passwordBox, password)
			b.click(submit)
			b.waitFor(allow)
			b.shot(c.name + " 3 consent")
			shown := b.text("main")
			for _, says := range []string{"Corner Shop <b>Till</b> asks for access", "Merchant Ltd", "See your transactions", "See your accounts and their balances", "Ada Lovelace"} {
				if !strings.Contains(shown, says) {
					t.Errorf("the consent page does not say %q: %s", says, shown)
				}
			}
			b.click(allow)
			b.waitFor(done)
			if err := w.redeem(b.text(done)); err != nil {
				t.Error(err)
			}

			b.run(chromedp.Navigate(w.web.URL + "/oauth2/session/"))
			b.waitFor(`button[name="withdraw"]`)
			b.shot(c.name + " 4 own")
			b.click(`button[name="withdraw"]`)
			b.waitFor(".done")
			b.click(`button[name="sign_out"]`)
			b.waitFor(`[role="status"]:not(.done)`)
			b.shot(c.name + " 5 out")
			b.run(chromedp.Navigate(w.authorize()))
			b.waitFor(username)
			b.quiet("400")
		})
	}
}

// Everything can be done from the keyboard, the cursor waiting where one types.
func TestKeyboardOnly(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), newTab(t)
	b.run(chromedp.Navigate(w.authorize()))
	b.waitFor(username + ":focus")
	b.run(chromedp.KeyEvent("ada@example.com"), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent("wrong"), chromedp.KeyEvent(kb.Enter))
	b.waitFor(`[role="alert"]`)
	b.waitFor(passwordBox + ":focus")
	b.run(chromedp.KeyEvent(password), chromedp.KeyEvent(kb.Enter))
	b.waitFor(allow)
	b.run(chromedp.KeyEvent(kb.Tab))
	b.waitFor(allow + ":focus-visible")
	b.run(chromedp.KeyEvent(kb.Tab))
	b.waitFor(deny + ":focus-visible")
	b.run(chromedp.KeyEvent(kb.Enter))
	b.waitFor(done)
	if got := b.text(done); !strings.Contains(got, "error=access_denied") {
		t.Errorf("the client is told %s", got)
	}
	b.run(chromedp.Navigate(w.authorize()))
	b.waitFor(allow)
	b.run(chromedp.KeyEvent(kb.Tab))
	b.waitFor(allow + ":focus-visible")
	b.run(chromedp.KeyEvent(kb.Enter))
	b.waitFor(done)
	if err := w.redeem(b.text(done)); err != nil {
		t.Error(err)
	}
	b.quiet("400")
}

// A reader of the screen is told what each field and button is.
func TestAccessibleNames(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), newTab(t)
	b.run(chromedp.Navigate(w.authorize()))
	b.waitFor(username)
	b.named("textbox", "Email or user name")
	b.named("textbox", "Password")
	b.named("button", "Sign in")
	b.named("main", "")
	b.named("heading", "Sign in")
	b.fill(username, "ada@example.com")
	b.fill(passwordBox, "wrong")
	b.click(submit)
	b.waitFor(`[role="alert"]`)
	b.named("alert", "")
	b.fill(passwordBox, password)
	b.click(submit)
	b.waitFor(allow)
	b.named("button", "Allow")
	b.named("button", "Deny")
	b.named("button", "Sign in as somebody else")
	b.named("list", "If you allow it, it may:")
	b.click(allow)
	b.waitFor(done)
	if err := w.redeem(b.text(done)); err != nil {
		t.Error(err)
	}
	b.run(chromedp.Navigate(w.web.URL + "/oauth2/session/"))
	b.waitFor(`button[name="withdraw"]`)
	b.named("button", "Withdraw the access of Corner Shop <b>Till</b>")
	b.named("button", "Sign out")
}

// named checks that the accessibility tree has a node of the role and name.
func (b *tab) named(role, name string) {
	b.Helper()
	for _, n := range send(b, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if !n.Ignored && n.Role != nil && n.Name != nil && unquoted(n.Role.Value) == role && (name == "" || unquoted(n.Name.Value) == name) {
			return
		}
	}
	b.Errorf("nothing has role %s and name %q", role, name)
}

// Forms and frames of other sites get nowhere.
func TestOtherSites(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), newTab(t)
	b.run(chromedp.Navigate(w.site + "/forge"))
	b.click("#send")
	b.waitFor("main")
	if got := b.text("main"); !strings.Contains(got, "This form was not sent by our own page.") {
		t.Errorf("a forged login: %s", got)
	}
	b.run(chromedp.Navigate(w.authorize()))
	b.waitFor(username) // nobody is signed in
	b.fill(username, "ada@example.com")
	b.fill(passwordBox, password)
	b.click(submit)
	b.waitFor(allow)
	for _, forgery := range []string{"/forge-decision", "/forge-sign-out"} {
		b.run(chromedp.Navigate(w.site + forgery))
		b.click("#send")
		b.waitFor("main")
		if got := b.text("main"); !strings.Contains(got, "This form was not sent by our own page.") {
			t.Errorf("%s: %s", forgery, got)
		}
	}
	b.run(chromedp.Navigate(w.authorize()))
	b.waitFor(allow) // still signed in

	// Framed from another origin of the same site, so that the session cookie is
	// sent and the frame lives in the same process.
	b.run(chromedp.Navigate(w.app.URL + "/frame"))
	b.waitFor("#framing")
	frames := send(b, page.GetFrameTree, cdp.Empty{}).FrameTree.ChildFrames
	if len(frames) != 1 {
		t.Fatalf("%d frames, want the one that was tried", len(frames))
	}
	if at := frames[0].Frame.URL; strings.HasPrefix(at, w.web.URL) {
		t.Errorf("the login page is framed: %s", at)
	}
}

func unquoted(value []byte) string {
	var s string
	if json.Unmarshal(value, &s) != nil {
		return string(value)
	}
	return s
}
