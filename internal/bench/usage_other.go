//go:build !linux

package main

import "time"

// Elsewhere processors and memory are not measured.
func processorTime() time.Duration { return 0 }
func peakMemory() int64            { return 0 }
func timeOf(int) time.Duration     { return 0 }
