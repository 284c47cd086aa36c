package locktest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// broken is a Locker that breaks a rule, and the cases that have to find it. An
// entry of the list names a bug that a library in use had.
type broken struct {
	name  string
	flaws flaws
	make  maker // nil: an honest Client
	fails string
}

// brokenLockers returns all of them.
func brokenLockers() []broken {
	return []broken{
		// Stores that break the protocol.
		{"names are cut", flaws{namesCut: true}, nil, "NamesApart"},
		{"names are folded", flaws{namesFolded: true}, nil, "NamesApart"},
		{"look and write in two steps", flaws{asksTwice: true}, nil, "AtMostOne RawOneOfMany"},
		{"an ID is not known again", flaws{notSameID: true}, nil, "RawIdempotent AcquireAnswerLost"},
		{"each send has a token", flaws{newTokenEach: true}, nil, "RawIdempotent"},
		{"holders are not named", flaws{anonymous: true}, nil, "Refused Defaults RawRefused"},
		{"data is forgotten", flaws{forgetsData: true}, nil, "InfoHeld"},
		{"data is kept for the next", flaws{forgetsNothing: true}, nil, "NoDataLeft"},
		{"a free name is an error", flaws{freeIsError: true}, nil, "InfoFree"},
		{"the whole TTL remains for good", flaws{remainsForGood: true}, nil, "InfoEnded"},
		{"a renewal changes nothing that a take-over depends on", flaws{frozenRevision: true}, nil, "WaiterAfterRenewals InfoRenewed RawPinned RawRenewRevision"},
		{"each look shows another revision", flaws{revisionOfLook: true}, nil, "RawRefused RawTakeOver"},
		{"one token for all", flaws{oneToken: true}, nil, "TokensRise TokensRiseByTakeOver Fence"},
		{"tokens restart", flaws{tokensRestart: true}, nil, "TokensRise"},
		{"a take-over keeps the token", flaws{takeOverNoToken: true}, nil, "TokensRiseByTakeOver Fence RawTakeOver"},
		{"a renewal changes the token", flaws{tokenPerRenewal: true}, nil, "TokenStays RawRenew"},
		{"leases end early", flaws{endsEarly: true}, nil, "TakeOverByWaiter CrashedHolder"},
		{"leases never end", flaws{neverEnds: true}, nil, "TakeOverByWaiter TakeOverByNewcomer AcquireLate CrashedHolder RawReleaseUnlanded"},
		{"a free name depends on Stale", flaws{refusesFree: true}, nil, "RawStaleFree"},
		{"a take-over is not pinned", flaws{unpinned: true}, nil, "RawPinned"},
		{"no take-over", flaws{noStale: true}, nil, "RawTakeOver"},
		{"release does nothing", flaws{keepsReleased: true}, nil, "Released WaiterAfterRelease WaitGrants WaiterLeavesNothing QueuedWaiterLeaves RenewAfterRelease DoPanic DoGoexit RawReleaseByID AcquireCancelledInFlight SemaphoreWaits Elector"},
		{"release is an unconditional delete", flaws{releasesAnyone: true}, nil, "ReleaseFindsLoss RawReleaseOther RawReleaseUnlanded"},
		{"release needs the revision", flaws{needsRevision: true}, nil, "RawReleaseByID"},
		{"a second release is a loss", flaws{secondIsLost: true}, nil, "RawReleaseTwice"},
		{"a release of nothing fails", flaws{unlandedFails: true}, nil, "RawReleaseUnlanded"},
		{"no minimum hold", flaws{ignoresHold: true}, nil, "MinHold RawHold LimitsAllowed"},
		{"a minimum hold of a TTL", flaws{holdsTTL: true}, nil, "MinHoldEnds RawHold"},
		{"a minimum hold for all", flaws{holdsWithoutHold: true}, nil, "Released MinHoldOver"},
		{"stale data is written over newer data", flaws{renewsAnyone: true}, nil, "TakenByAnother TakenRenew TakenContext StaleData RawRenewTaken"},
		{"renewals do nothing", flaws{renewsNothing: true}, nil, "WaiterAfterRenewals RenewedByDefault Renew Ensure EnsureLonger TakenByAnother RawRenew RawRenewTTL RawRenewReleased"},
		{"renewals revive what was released", flaws{renewsReleased: true}, nil, "RenewLate RawRenewReleased RawRenewHeldOver"},
		{"renewals in any order", flaws{renewsAnyOrder: true}, nil, "RenewCopy RawLateRenewal"},
		{"renewals for the old TTL", flaws{renewsOldTTL: true}, nil, "EnsureLonger RawRenewTTL SetData"},
		{"a full-item put erases others' attributes", flaws{renewsAll: true}, nil, "InfoRenewed SetData RawRenewData"},
		{"renewals create", flaws{creates: true}, nil, "RawRenewNothing"},
		{"no data is none", flaws{dropsData: true}, nil, "InfoRenewed RawRenewData"},
		{"data that is empty is not stored", flaws{keepsData: true}, nil, "SetData RawRenewData"},
		{"the Grant beside an error is of no use", flaws{badGrant: true}, nil, "RawRenewNext"},

		{"a list of everything", flaws{listsAll: true}, nil, "List"},
		{"a list of one's own", flaws{listsOwn: true}, nil, "List"},
		{"a list without end", flaws{listsOn: true}, nil, "ListStops"},
		{"a break does nothing", flaws{breaksNothing: true}, nil, "Break BreakRenewed BreakLate BreakAgain BreakFreeNow"},
		{"a break of whoever is there", flaws{breaksAnyone: true}, nil, "BreakOther"},
		{"a break of one revision", flaws{breaksOnlySeen: true}, nil, "BreakRenewed"},
		{"a break frees at once", flaws{breaksAtOnce: true}, nil, "BreakKeeps BreakMinHold"},
		{"a break is for ever", flaws{breaksForGood: true}, nil, "BreakEnds"},
		{"a second break is an error", flaws{breaksOnce: true}, nil, "BreakAgain"},
		{"a break of a free name is an error", flaws{breaksFree: true}, nil, "BreakAgain"},
		{"a break forgets the token", flaws{breaksToken: true}, nil, "BreakTokens"},
		{"no break at once", flaws{breaksLater: true}, nil, "BreakFreeNow"},
		{"renewals in spite of a break", flaws{renewsAnyone: true}, nil, "Break BreakRenewed BreakLate"},

		// Clients that misunderstand the store.
		{"every failure to renew is a loss", flaws{}, sends(OpRenew, loses), "RenewAnswerLost RenewFinal OutageOfHalfATTL"},
		{"a renewal does not end with its ctx", flaws{}, sends(OpRenew, outlasts), "RenewHangs"},
		{"failures to renew are swallowed", flaws{}, sends(OpRenew, swallows), "OutageLoses TakenByAnother CrashedHolder ElectorLost"},
		{"failures to release are swallowed", flaws{}, sends(OpRelease, swallows), "ReleaseFails OutageOfRelease ReleaseRequestLost"},
		{"every failure may pass", flaws{}, sendsAll(hopes), "AcquireFinal"},
		{"no failure may pass", flaws{}, sendsAll(despairs), "AcquireAnswerLost AcquireRequestLost ReleaseAnswerLost ReleaseRequestLost OutageOfWaiter"},
		{"one request after the other", flaws{}, sendsAll(queues), "ReleaseBesideRenewal"},
		{"silence is consent", flaws{}, presumes, "AcquireTooSlow OutageOfAcquire"},
		{"the ctx of Acquire is needed to release", flaws{}, releasesByCtx, "ReleaseDoneCtx DoDoneCtx"},
		{"releasing a stale handle stops the new lease's renewal", flaws{}, sweeps, "StaleHandle StaleLostHandle"},
		{"renewal without end", flaws{}, renewsForever, "RenewalEndsWithLease"},

		// Lockers that make something else of what they are asked for.
		{"renamed", flaws{}, renames, "AcquireFree NamesApart"},
		{"re-entrant", flaws{}, remembers(false), "NotReentrant"},
		{"one lease for all names", flaws{}, remembers(true), "NamesApart FromContext Semaphore"},
		{"the ctx of Acquire owns the lease", flaws{}, acquires(bindsToCtx), "CtxBoundsTheCall"},
		{"ctx is ignored", flaws{}, acquires(ignoresCtx), "DoneCtx CancelledWait WaiterLeavesNothing AcquireCancelledInFlight"},
		{"a cancelled call goes on", flaws{}, acquires(leavesZombies), "CancelledWait WaiterLeavesNothing OutageCancelled"},
		{"a cancelled wait tells nothing of the holder", flaws{}, acquires(hidesHolders), "CancelledWait"},
		{"the line waits for those who have left", flaws{}, acquires(drawsTickets), "QueuedWaiterLeaves"},
		{"last come, first served", flaws{}, acquires(polls), "FIFO"},
		{"the wait has no limit", flaws{}, resolves(func(o *locker.Options) { o.Wait = locker.Forever }), "WaitLimit NoWait Refused DoRefused"},
		{"the wait is half as long", flaws{}, resolves(func(o *locker.Options) { o.Wait /= 2 }), "WaitLimit"},
		{"nobody waits", flaws{}, resolves(func(o *locker.Options) { o.Wait = 0 }), "WaiterAfterRelease WaitGrants WaitLimit FIFO SemaphoreWaits"},
		{"everybody waits a little", flaws{}, resolves(func(o *locker.Options) { o.Wait = max(o.Wait, 5*time.Second) }), "NoWait"},
		{"the lease is handed out late", flaws{}, acquires(warmsUp), "HalfTTL"},
		{"the lease is released too early", flaws{}, acquires(defersRelease), earlyRelease},
		{"limits are what the value is cut to", flaws{}, resolves(clamps), "LimitsRefused"},
		{"tighter limits", flaws{}, acquires(refusesLongNames), "LimitsAllowed NamesApart"},
		{"fencing without tokens", flaws{}, resolves(func(o *locker.Options) { o.RequireFencing = false }), "NoFencing"},
		{"no fencing with tokens", flaws{}, acquires(noFences), "Fencing"},
		{"always renewed", flaws{}, resolves(func(o *locker.Options) { o.NoRenewal = false }), noLoss},
		{"never renewed", flaws{}, resolves(func(o *locker.Options) { o.NoRenewal = true }), "CtxBoundsTheCall RenewedByDefault DroppedHandle RenewalEndsWithLease StaleHandle TokenStays"},
		{"no maximum hold", flaws{}, resolves(func(o *locker.Options) { o.MaxHold = 0 }), "MaxHold"},
		{"no owner", flaws{}, resolves(func(o *locker.Options) { o.Owner = "" }), "Refused InfoHeld"},
		{"no data", flaws{}, resolves(func(o *locker.Options) { o.Data = nil }), "InfoHeld"},
		{"a shorter TTL", flaws{}, resolves(func(o *locker.Options) { o.TTL /= 4 }), "AcquireFree EnsureEnough WithoutRenewal Defaults"},
		{"never gives up", flaws{}, acquires(insists), "OutageOfAcquire AcquireTooSlow"},

		{"Close does nothing", flaws{}, closes(func(context.Context, *locker.Client) error { return nil }), "Close CloseWaiters CloseDoneCtx"},
		{"Close only says what its ctx says", flaws{}, closes(func(ctx context.Context, c *locker.Client) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return c.Close(ctx)
		}), "CloseDoneCtx"},
		{"Close stops at the first error", flaws{}, closesEarly, "CloseJoins"},
		{"closing again is an error", flaws{}, closesOnce, "CloseTwice"},
		{"Close during a waiting Acquire blocks the renewals", flaws{}, closesLast, "CloseWaiters CloseRenews"},
		{"Close ends the renewals first", flaws{}, closesInTurn, "CloseRenews"},
	}
}

// What every rule about a lease that is held, or that is lost, depends on.
const (
	earlyRelease = "AcquireFree Refused ReleaseEnds ReleaseEndsAtOnce ReleaseTwice ContextReleased ContextParent AfterFunc AfterFuncStop EnsureEnough EnsureLimits Do CloseRenews"
	noLoss       = "WithoutRenewal Expired LossStays ReleaseAfterLoss ContextLost ContextOver AfterFuncOver DoLost DoLostBeside DoContext TakeOverByWaiter"
)

// store makes a broken Locker's store for a case.
func (b broken) store(tb testing.TB) Store {
	s := newNaiveStore(b.flaws)
	return Store{
		Connect: func() locker.Backend { return s },
		Client:  func(o *locker.ClientOptions) { o.Fencing = true },
		New: func(backend locker.Backend, optFns ...func(*locker.ClientOptions)) locker.Locker {
			open := func(backend locker.Backend) *locker.Client {
				c := locker.New(backend, optFns...)
				tb.Cleanup(func() { c.Close(context.Background()) })
				return c
			}
			if b.make == nil {
				return open(backend)
			}
			return b.make(tb, backend, open)
		},
	}
}

// check runs a case on the broken Locker in a bubble, and returns what it found.
func (b broken) check(t *testing.T, c testCase) []string {
	var found []string
	backend := Backend{Open: b.store, Around: synctest.Test}
	backend.defaults()
	backend.Around(t, func(t *testing.T) {
		found = c.run(t, backend).errors()
		ended(nil, 2*locker.MaxTTL) // for what a broken Locker has left running
	})
	return found
}

// TestHonest makes sure that what the broken Lockers are made from is not.
func TestHonest(t *testing.T) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, text := range (broken{}).check(t, c) {
				t.Error(text)
			}
		})
	}
}

// TestBroken checks that the suite finds what is broken, and that each of its
// cases finds something.
func TestBroken(t *testing.T) {
	all := cases()
	found := make(map[string]bool)
	for _, b := range slices.Concat(brokenLockers(), brokenQueues(), brokenGroups()) {
		t.Run(b.name, func(t *testing.T) {
			for name := range strings.FieldsSeq(b.fails) {
				i := slices.IndexFunc(all, func(c testCase) bool { return c.name == name })
				if i < 0 {
					t.Errorf("there is no case %s", name)
					continue
				}
				texts := b.check(t, all[i])
				if len(texts) == 0 {
					t.Errorf("case %s has not found it", name)
					continue
				}
				found[name] = true
				first, _, _ := strings.Cut(texts[0], "\n")
				t.Logf("%s: %s", name, first)
			}
		})
	}
	for _, c := range all {
		if !found[c.name] {
			t.Errorf("no broken Locker makes case %s fail", c.name)
		}
	}
}
