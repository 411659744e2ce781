package main

import (
	"encoding/binary"
	"sync/atomic"
	"time"
)

// What the tasks of DESIGN.md section 7 do; bench/pool/work.hpp has the same for C++.

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func filled(size int, id uint64) []byte {
	buffer := make([]byte, size)
	x := id
	for i := 0; i < size; i += 8 {
		x = x*6364136223846793005 + 1442695040888963407
		binary.LittleEndian.PutUint64(buffer[i:], x)
	}
	return buffer
}

func hashWords(buffer []byte) uint64 {
	h := uint64(fnvOffset)
	for i := 0; i < len(buffer); i += 8 {
		h = (h ^ binary.LittleEndian.Uint64(buffer[i:])) * fnvPrime
	}
	return h
}

func cpuTask(id uint64) uint64 {
	h := uint64(fnvOffset)
	for _, b := range filled(4096, id) {
		h = (h ^ uint64(b)) * fnvPrime
	}
	return h
}

func ioAnswer(id uint64) uint64 { return hashWords(filled(8192, id)) }

func ioTask(id uint64) uint64 {
	buffer := filled(8192, id)
	time.Sleep(time.Millisecond)
	return hashWords(buffer)
}

var permits = make(chan struct{}, 128)

func permitTask(id uint64) uint64 {
	buffer := filled(8192, id)
	permits <- struct{}{}
	time.Sleep(time.Millisecond)
	<-permits
	return hashWords(buffer)
}

func spinFor(d time.Duration) {
	for until := time.Now().Add(d); time.Now().Before(until); {
	}
}

func serialSum(tasks uint64, f func(uint64) uint64) uint64 {
	sum := uint64(0)
	for id := uint64(0); id < tasks; id++ {
		sum += f(id)
	}
	return sum
}

// A counter for each of a few tasks' turns: one shared word would cost more than a goroutine does.
type spreadCounter struct {
	cells [64]struct {
		n uint64
		_ [56]byte
	}
}

func (c *spreadCounter) add(turn uint64) { atomic.AddUint64(&c.cells[turn%64].n, 1) }

func (c *spreadCounter) total() uint64 {
	sum := uint64(0)
	for i := range c.cells {
		sum += atomic.LoadUint64(&c.cells[i].n)
	}
	return sum
}
