package main

import "sync"

// A subject takes functions, and says when all of them have run.
type subject interface {
	post(f func())
	wait()
	// The sum of f(0) to f(tasks-1), through a channel of results.
	collect(tasks uint64, f func(uint64) uint64) uint64
}

// ---- a goroutine a task

type goroutines struct{ group sync.WaitGroup }

func (g *goroutines) post(f func()) {
	g.group.Add(1)
	go func() {
		f()
		g.group.Done()
	}()
}

func (g *goroutines) wait() { g.group.Wait() }

func (g *goroutines) collect(tasks uint64, f func(uint64) uint64) uint64 {
	results := make(chan uint64, 1024)
	go func() {
		for id := uint64(0); id < tasks; id++ {
			go func(id uint64) { results <- f(id) }(id)
		}
	}()
	sum := uint64(0)
	for i := uint64(0); i < tasks; i++ {
		sum += <-results
	}
	return sum
}

// ---- the article's pool: a channel of tasks, N workers that range over it, a channel of results

type workerPool struct {
	workers int
	tasks   chan func()
	group   sync.WaitGroup
}

func newWorkerPool(workers, capacity int) *workerPool {
	p := &workerPool{workers: workers, tasks: make(chan func(), capacity)}
	for i := 0; i < workers; i++ {
		go func() {
			for f := range p.tasks {
				f()
				p.group.Done()
			}
		}()
	}
	return p
}

func (p *workerPool) post(f func()) {
	p.group.Add(1)
	p.tasks <- f
}

func (p *workerPool) wait() { p.group.Wait() }

func (p *workerPool) collect(tasks uint64, f func(uint64) uint64) uint64 {
	ids := make(chan uint64, cap(p.tasks))
	results := make(chan uint64, cap(p.tasks))
	var workers sync.WaitGroup
	for i := 0; i < p.workers; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for id := range ids {
				results <- f(id)
			}
		}()
	}
	go func() {
		for id := uint64(0); id < tasks; id++ {
			ids <- id
		}
		close(ids)
		workers.Wait()
		close(results)
	}()
	sum := uint64(0)
	for r := range results {
		sum += r
	}
	return sum
}
