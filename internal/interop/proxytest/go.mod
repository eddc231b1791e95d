module github.com/gatewright/gatewright/internal/interop/proxytest

go 1.26.0

require github.com/gatewright/gatewright v0.0.0

require (
	github.com/gaissmai/bart v0.30.0 // indirect
	github.com/go-jose/go-jose/v4 v4.1.8 // indirect
)

replace github.com/gatewright/gatewright => ../../..
