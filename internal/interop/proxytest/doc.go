// Package proxytest runs real proxies, nginx and HAProxy, in front of a real
// server that knows its clients by address and certificate, and checks that what
// is refused without a proxy is refused behind one. The same is checked with a
// whole bank, examples/partnerbank, running as a process. It has tests only.
//
// The programs are those of Debian (nginx-light, haproxy). A missing one skips
// its tests on a developer's machine and fails them where CI=true.
package proxytest
