package worker

import (
	"context"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// CPU returns the CPU time that this process has used.
func CPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (w *server) pairs(ctx context.Context, name string, n int) error {
	took := make([]int64, n)
	cpu := CPU()
	for i := range took {
		start := time.Now()
		lease, err := w.c.Acquire(ctx, name)
		if err != nil {
			return err
		}
		if err := lease.Release(ctx); err != nil {
			return err
		}
		took[i] = int64(time.Since(start))
	}
	cpu = CPU() - cpu
	w.say("pairs", name, int64(cpu), list(took))
	return nil
}

// crowd counts the grants that each of g callers gets.
func (w *server) crowd(ctx context.Context, name string, g int, work, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	counts := make([]int64, g)
	var wg sync.WaitGroup
	for i := range counts {
		wg.Go(func() {
			for ctx.Err() == nil {
				lease, err := w.c.Acquire(ctx, name)
				if err != nil {
					continue
				}
				time.Sleep(work)
				if lease.Err() == nil {
					counts[i]++
				}
				lease.Release(context.WithoutCancel(ctx)) // the next grant tells
			}
		})
	}
	wg.Wait()
	w.say("counts", name, list(counts))
	return nil
}

// callers acquire leases at once; the connections that they need are there
// before the first measurement.
const callers = 16

// leases acquires and keeps many leases, and says what they weigh.
func (w *server) leases(ctx context.Context, prefix string, from, n, rate int) error {
	if err := w.each(ctx, prefix+"/warm", 0, 8*callers, 0, func(lease Lease) {
		lease.Release(ctx) // nobody else wants it
	}); err != nil {
		return err
	}
	leases := make([]Lease, 0, n)
	var mu sync.Mutex
	heap, goroutines := footprint()
	for i, next := range []int{n / 10, n / 4, n / 2, n} {
		if i > 0 && next <= len(leases) {
			continue
		}
		err := w.each(ctx, prefix, from+len(leases), next-len(leases), rate, func(lease Lease) {
			mu.Lock()
			defer mu.Unlock()
			leases = append(leases, lease)
		})
		if err != nil {
			return err
		}
		h, g := footprint()
		w.say("heap", prefix, len(leases), int64(h)-int64(heap), g-goroutines)
	}
	w.mu.Lock()
	w.kept[prefix] = append(w.kept[prefix], leases...)
	w.mu.Unlock()
	w.stamp("leased", prefix)
	return nil
}

// each acquires n names, rate a second (0: as fast as it goes), and hands each
// lease to f.
func (w *server) each(ctx context.Context, prefix string, from, n, rate int, f func(Lease)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := range next {
				lease, err := w.c.Acquire(ctx, prefix+"/"+strconv.Itoa(i))
				if err != nil {
					cancel(err)
					return
				}
				f(lease)
			}
		})
	}
	start := time.Now()
	for i := range n {
		if rate > 0 {
			time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		}
		select {
		case next <- from + i:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

// footprint returns the heap in use after a collection, and the goroutines.
func footprint() (heap uint64, goroutines int) {
	runtime.GC()
	runtime.GC() // a second one frees what finalizers and pools of the first held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, runtime.NumGoroutine()
}

func (w *server) check(prefix string) {
	w.mu.Lock()
	kept := w.kept[prefix]
	w.mu.Unlock()
	lost := 0
	for _, lease := range kept {
		if lease.Err() != nil {
			lost++
		}
	}
	w.say("checked", prefix, lost)
}

// list joins numbers with commas.
func list(n []int64) string {
	text := make([]string, len(n))
	for i, v := range n {
		text[i] = strconv.FormatInt(v, 10)
	}
	return strings.Join(text, ",")
}
