// Package browsertest drives the sign-in pages in Chromium. It has tests only,
// and a module of its own so that nobody else needs chromedp.
//
// The tests are skipped, saying so, where chromium is not installed; with the
// environment variable CI set they fail instead.
package browsertest
