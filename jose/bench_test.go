package jose

import "testing"

// Against the cryptography alone and against other libraries:
// internal/interop/josetest.

var benchSizes = []struct {
	name string
	n    int
}{{"1KiB", 1 << 10}, {"64KiB", 64 << 10}, {"1MiB", 1 << 20}}

func BenchmarkSeal(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(size.name, func(b *testing.B) {
			payload := samplePayload(size.n)
			from, to := clientKey(), bankDecryption().Public()
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Seal(nil, payload, from, to, SealOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(size.name, func(b *testing.B) {
			payload := samplePayload(size.n)
			sealed, err := Seal(nil, payload, clientKey(), bankDecryption().Public(), SealOptions{})
			if err != nil {
				b.Fatal(err)
			}
			with, from := []*PrivateKey{bankDecryption()}, []*PublicKey{clientKey().Public()}
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Open(sealed, with, from, OpenOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkScan is the envelope alone, without any cryptography.
func BenchmarkScan(b *testing.B) {
	sealed, err := Seal(nil, samplePayload(1<<20), clientKey(), bankDecryption().Public(), SealOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(sealed)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseJWE(sealed, false); err != nil {
			b.Fatal(err)
		}
	}
}
