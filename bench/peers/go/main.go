// The Go rivals: go <goroutines|pool> <case> <tasks>. Speaks as bench/pool/subject_main.hpp does.
package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const noEquivalent = 3

var (
	kind  string
	tasks uint64
	ran   spreadCounter
)

func check(what string, found, expected uint64) {
	if found != expected {
		fmt.Fprintf(os.Stderr, "go %s: %s: %d instead of %d\n", kind, what, found, expected)
		os.Exit(1)
	}
}

func made(workers, capacity int) subject {
	if kind == "pool" {
		return newWorkerPool(workers, capacity)
	}
	return &goroutines{}
}

func usage() (cpu time.Duration, switches int64) {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), int64(u.Nvcsw) + int64(u.Nivcsw)
}

// The most memory that this program has held.
func printPeak() {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmHWM:" {
			fmt.Printf("peak_rss_kib=%s\n", fields[1])
		}
	}
}

// Prints what `count` tasks cost.
func timed(count uint64, body func()) {
	cpu, _ := usage()
	begun := time.Now()
	body()
	wall := time.Since(begun)
	after, _ := usage()
	fmt.Printf("tasks=%d\nns_per_task=%g\nwall_ms=%g\ncpu_percent=%g\n", count,
		float64(wall)/float64(count), float64(wall)/1e6, 100*float64(after-cpu)/float64(wall))
}

func count(s subject, turn uint64) { s.post(func() { ran.add(turn) }) }

func postAll(capacity int, producers uint64, extra func()) {
	s := made(2, capacity)
	each := tasks / producers
	timed(each*producers, func() {
		var group sync.WaitGroup
		for p := uint64(0); p < producers; p++ {
			group.Add(1)
			go func() {
				defer group.Done()
				for i := uint64(0); i < each; i++ {
					turn := i
					s.post(func() {
						if extra != nil {
							extra()
						}
						ran.add(turn)
					})
				}
			}()
		}
		group.Wait()
		s.wait()
	})
	check("tasks that ran", ran.total(), each*producers)
}

func windows(size uint64) {
	s := made(2, 1024)
	rounds := (tasks + size - 1) / size
	sum := uint64(0)
	futures := make([]chan uint64, size)
	timed(rounds*size, func() {
		for r := uint64(0); r < rounds; r++ {
			for i := range futures {
				future := make(chan uint64, 1)
				futures[i] = future
				s.post(func() { future <- 1 })
			}
			for _, future := range futures {
				sum += <-future
			}
		}
	})
	check("sum of the results", sum, rounds*size)
}

func grow(s subject, depth, turn uint64) {
	ran.add(turn)
	for i := uint64(0); depth > 0 && i < 4; i++ {
		turn := turn + i
		s.post(func() { grow(s, depth-1, turn) })
	}
}

func tree() {
	depth, nodes, level := uint64(0), uint64(1), uint64(1)
	for nodes+level*4 <= tasks {
		level *= 4
		nodes += level
		depth++
	}
	s := made(2, 1024)
	timed(nodes, func() {
		s.post(func() { grow(s, depth, 0) })
		s.wait()
	})
	check("tasks that ran", ran.total(), nodes)
}

func forkFib(n uint64) uint64 {
	if n < 2 {
		return n
	}
	var x uint64
	var forked sync.WaitGroup
	forked.Add(1)
	go func() {
		x = forkFib(n - 1)
		forked.Done()
	}()
	y := forkFib(n - 2)
	forked.Wait()
	return x + y
}

func fib() {
	n, value, next := uint64(1), uint64(1), uint64(1)
	for value+next-1 <= tasks {
		n, value, next = n+1, next, value+next
	}
	var found uint64
	timed(next-1, func() { found = forkFib(n) })
	check("fib(n)", found, value)
}

func percentiles(waits []time.Duration) {
	sort.Slice(waits, func(i, j int) bool { return waits[i] < waits[j] })
	at := func(share float64) float64 {
		rank := int(share * float64(len(waits)))
		if rank >= len(waits) {
			rank = len(waits) - 1
		}
		return float64(waits[rank])
	}
	fmt.Printf("ns_per_task=%g\np50_us=%g\np99_us=%g\np999_us=%g\n", at(0.5), at(0.5)/1e3, at(0.99)/1e3, at(0.999)/1e3)
}

// splitmix64, so that the gaps are those of the C++ subjects.
type splitmix struct{ state uint64 }

func (r *splitmix) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

func wakeUps() {
	s := made(2, 1024)
	waits := make([]time.Duration, tasks)
	random := splitmix{42}
	timed(tasks, func() {
		for i := range waits {
			time.Sleep(time.Duration(1000+random.next()%1000) * time.Microsecond)
			wait, posted := &waits[i], time.Now()
			s.post(func() { *wait = time.Since(posted) })
		}
		s.wait()
	})
	percentiles(waits)
}

func openLoop(perSecond float64) {
	s := made(2, 1024)
	waits := make([]time.Duration, tasks)
	random := splitmix{42}
	timed(tasks, func() {
		begun, due := time.Now(), 1e6
		for i := range waits {
			unit := (float64(random.next()>>11) + 1) / (1 << 53)
			due -= math.Log(unit) * 1e9 / perSecond
			wait, at := &waits[i], begun.Add(time.Duration(due))
			for time.Now().Before(at) {
			}
			s.post(func() {
				*wait = time.Since(at)
				spinFor(2 * time.Microsecond)
			})
		}
		s.wait()
	})
	percentiles(waits)
}

func idle() {
	s := made(4, 1024)
	for i := uint64(0); i < 1000; i++ {
		count(s, i)
	}
	s.wait()
	time.Sleep(50 * time.Millisecond)
	cpu, switches := usage()
	begun := time.Now()
	time.Sleep(time.Duration(tasks) * time.Millisecond)
	seconds := time.Since(begun).Seconds()
	cpuAfter, switchesAfter := usage()
	fmt.Printf("tasks=%d\nidle_us_per_s=%g\nswitches=%d\ncpu_percent=%g\n", tasks,
		float64(cpuAfter-cpu)/1e3/seconds, switchesAfter-switches, float64(cpuAfter-cpu)/1e7/seconds)
}

func sum(workers int, fullTasks, fullTotal uint64, f, answer func(uint64) uint64) {
	s := made(workers, 1024)
	var found uint64
	timed(tasks, func() { found = s.collect(tasks, f) })
	expected := fullTotal
	if tasks != fullTasks {
		expected = serialSum(tasks, answer)
	}
	check("sum of the results", found, expected)
}

func main() {
	if len(os.Args) > 2 && os.Args[2] == "about" {
		names := map[string]string{"goroutines": "a goroutine a task", "pool": "the article's pool"}
		fmt.Printf("Go, %s, %s\n", names[os.Args[1]], runtime.Version())
		return
	}
	if len(os.Args) < 4 {
		os.Exit(2)
	}
	kind = os.Args[1]
	tasks, _ = strconv.ParseUint(os.Args[3], 10, 64)
	if tasks == 0 {
		os.Exit(2)
	}
	self := func(id uint64) uint64 { return id }
	const io, cpu = uint64(0x5a738e6ac2675d20), uint64(0x4f43e8ef31e74cd1)
	pool := kind == "pool"
	switch name := os.Args[2]; {
	case name == "A":
		postAll(1024, 1, nil)
	case name == "B":
		postAll(1024, 4, nil)
	case name == "C":
		windows(512)
	case name == "C1":
		windows(1)
	case name == "D" && !pool: // a worker that posts to its own full channel waits for ever
		tree()
	case name == "F" && !pool:
		fib()
	case name == "G":
		wakeUps()
	case name == "H50":
		openLoop(50e3)
	case name == "H200":
		openLoop(200e3)
	case name == "I":
		idle()
	case name == "J3" && pool:
		postAll(3, 1, nil)
	case name == "J1024" && pool:
		postAll(1024, 1, nil)
	case name == "K":
		postAll(1024, 1, func() { spinFor(time.Microsecond) })
	case name == "W0r":
		sum(2, 2000000, 0x1d1a93addc0, self, self)
	case name == "W1":
		sum(2, 100000, cpu, cpuTask, cpuTask)
	case name == "W2":
		sum(256, 100000, io, ioTask, ioAnswer)
	case name == "W3":
		sum(136, 100000, io, permitTask, ioAnswer)
	default:
		os.Exit(noEquivalent)
	}
	printPeak()
}
