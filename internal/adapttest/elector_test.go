package adapttest

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/go-co-op/gocron/v2"
	"github.com/google/uuid"

	"example.com/holdfast/locker"
)

var _ gocron.Elector = (*locker.Elector)(nil)

// skips is a gocron.Monitor that tells of the ticks that a scheduler leaves out.
type skips chan<- struct{}

func (s skips) IncrementJob(_ uuid.UUID, _ string, _ []string, status gocron.JobStatus) {
	if status == gocron.Skip {
		s <- struct{}{}
	}
}

func (skips) RecordJobTiming(_, _ time.Time, _ uuid.UUID, _ string, _ []string) {}

// Of three schedulers the leader runs each tick, and another when it has resigned.
func TestGocronElector(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() process) {
		const schedulers = 3
		skipped := make(chan struct{}, schedulers)
		electors := make([]*locker.Elector, schedulers)
		p := open()
		c := newCluster(t, schedulers, func(i int) []gocron.SchedulerOption {
			electors[i] = locker.NewElector(open(), lockName(t))
			return []gocron.SchedulerOption{gocron.WithDistributedElector(electors[i]), gocron.WithMonitor(skips(skipped))}
		})
		c.end()

		resign := make([]context.CancelFunc, schedulers)
		over := make(chan error, schedulers)
		for i, e := range electors {
			var ctx context.Context
			ctx, resign[i] = context.WithCancel(t.Context())
			defer resign[i]()
			go func() {
				over <- e.Run(ctx, func(ctx context.Context, _ *locker.Lease) error {
					<-ctx.Done()
					return nil
				})
			}()
		}
		last := -1
		for range schedulers {
			leader := -1
			await(t, "a leader", func() bool {
				for i, e := range electors {
					if e.IsLeader(t.Context()) == nil {
						leader = i
					}
				}
				return leader >= 0
			})
			if leader == last {
				t.Fatalf("scheduler %d leads after it has resigned", leader)
			}
			for i := range schedulers {
				c.tick(i)
			}
			if who, err := c.outcome(); err != nil || who != strconv.Itoa(leader) {
				t.Errorf("scheduler %q runs the job, error %v; want the leader, %d", who, err, leader)
			}
			for range schedulers - 1 {
				<-skipped
			}
			resign[leader]()
			if err := <-over; err != nil {
				t.Errorf("Run = %v, want nil", err)
			}
			last = leader
		}
		if len(c.ran) > 0 || len(skipped) > 0 {
			t.Errorf("%d more runs, %d more skips; want none", len(c.ran), len(skipped))
		}
		c.shutdown()
		wantFree(t, p, lockName(t))
		for _, e := range electors {
			if err := e.IsLeader(t.Context()); !errors.As(err, new(*locker.NotLeaderError)) {
				t.Errorf("IsLeader after the end = %v, want a *locker.NotLeaderError", err)
			}
		}
	})
}
