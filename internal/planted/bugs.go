package planted

// histories runs the simulator until the first violation. The rarest of the bugs shows
// itself once in some 2,700 histories: that none of so many has it is not to be expected.
func histories() []string {
	return []string{"./internal/sim", "-run", "^TestHistories$", "-histories", "40000", "-timelines=false", "-v"}
}

// named runs tests by name.
func named(pkg, run string) []string { return []string{pkg, "-run", "^(" + run + ")$"} }

// bugs are the changes; the first nine are rows of the table of timing rules that
// were tried before this package was written.
func bugs() []Bug {
	return []Bug{
		{
			"the holder of an acquisition counts from the answer",
			[]Edit{{"locker/hold.go", "grant: g, from: first, span:", "grant: g, from: c.now(), span:"}},
			histories(),
		},
		{
			"the holder of a renewal counts from the answer",
			[]Edit{{"locker/renew.go", "acq.confirmedLocked(sent, span, s)", "acq.confirmedLocked(now, span, s)"}},
			histories(),
		},
		{
			"the contender counts from before its read",
			[]Edit{{
				"locker/wait.go", "next, err := a.c.poller.Poll(ctx, a.name)\n",
				"before := a.c.now()\n\t\t\tnext, err := a.c.poller.Poll(ctx, a.name)\n\t\t\tif err == nil {\n\t\t\t\tearly := next\n\t\t\t\tearly.Name = a.name\n\t\t\t\ta.c.mu.Lock()\n\t\t\t\ta.c.seen.note(early, before)\n\t\t\t\ta.c.mu.Unlock()\n\t\t\t}\n",
			}},
			histories(),
		},
		{
			"recovery counts from the last attempt",
			[]Edit{{"locker/try.go", "\t\td := limit - spent\n", "\t\tfirst, spent = a.c.now(), 0\n\t\td := limit - spent\n"}},
			histories(),
		},
		{
			"the holder trusts a timer",
			[]Edit{{"locker/hold.go", "\tif err != nil || left > 0 {\n\t\treturn err", "\tif _ = left; true {\n\t\treturn err"}},
			histories(),
		},
		{
			"the holder's monotonic clock alone",
			[]Edit{{"internal/moment/moment.go", "return max(to.Boot-from.Boot, to.Mono-from.Mono, to.Wall.Sub(from.Wall))", "return to.Mono - from.Mono"}},
			histories(),
		},
		{
			"a take-over is not pinned to the revision seen",
			[]Edit{{"dynamo/expr.go", `whereSeen = "#guid = :seen"`, `whereSeen = "(#guid = :seen OR attribute_exists(#guid))"`}},
			histories(),
		},
		{
			"a late renewal is not refused",
			[]Edit{{"dynamo/expr.go", "str(revision(g.ID, 0)), str(revision(g.ID, n-1))", "str(revision(g.ID, 0)), str(revision(g.ID, deadSequence))"}},
			histories(),
		},
		{
			"an ID is used again after the count restarted",
			[]Edit{
				{"locker/acquire.go", "\ttries    int           // acquisition IDs spent\n", "\tid       string\n\ttries    int           // acquisition IDs spent\n"},
				{"locker/try.go", "\tat := Attempt{Name: a.name, ID: a.c.newID(),", "\tif a.id == \"\" {\n\t\ta.id = a.c.newID()\n\t}\n\tat := Attempt{Name: a.name, ID: a.id,"},
			},
			histories(),
		},
		{
			"no condition on the token",
			[]Edit{{"dynamo/expr.go", `whereTokenRises = " AND (attribute_not_exists(#token) OR #token < :first)"`, `whereTokenRises = " AND (attribute_not_exists(#token) OR #token <> :first)"`}},
			histories(),
		},
		{
			"release without the condition on the identity",
			[]Edit{{"dynamo/release.go", "\tattrs, err := s.update(ctx, g.TTL, s.releaseInput(g, hold, st))", "\tin := s.releaseInput(g, hold, st)\n\t*in.ConditionExpression = \"(#guid BETWEEN :oldest AND :newest OR attribute_exists(#guid))\"\n\tattrs, err := s.update(ctx, g.TTL, in)"}},
			histories(),
		},
		{
			"rule A counts on the wall clock",
			[]Edit{{"internal/moment/moment.go", "func Mono(from, to Reading) time.Duration { return to.Mono - from.Mono }", "func Mono(from, to Reading) time.Duration { return to.Wall.Sub(from.Wall) }"}},
			histories(),
		},
		{
			"the holder knows nothing of suspensions",
			[]Edit{{"internal/moment/moment.go", "max(to.Boot-from.Boot, to.Mono-from.Mono, ", "max(to.Mono-from.Mono, "}},
			histories(),
		},
		{
			"rule B without a margin, by the upper bound",
			[]Edit{{"dynamo/item.go", "case end.Add(margin).Before(times.lo):", "case end.Before(times.hi):"}},
			histories(),
		},
		{
			"a shorter renewal does not lower the deadline before the send",
			[]Edit{{"locker/renew.go", "\t\tacq.lowerLocked(sent, span)\n", ""}},
			histories(),
		},
		{
			"an answer after half of the TTL is a lease",
			[]Edit{{"locker/try.go", "case err == nil && spent <= limit:", "case err == nil && spent < a.o.TTL*1000:"}},
			histories(),
		},
		{
			"a renewal creates the item again",
			[]Edit{{"dynamo/expr.go", `whereMineAndOlder = "#guid BETWEEN :oldest AND :newest"`, `whereMineAndOlder = "(attribute_not_exists(#guid) OR #guid BETWEEN :oldest AND :newest)"`}},
			named("./dynamo", "TestExpressions"),
		},
		{
			"the dead sequence counts as mine",
			[]Edit{{"dynamo/item.go", "n < deadSequence", "n <= deadSequence"}},
			named("./dynamo", "TestRevision"),
		},
		{
			"no slack",
			[]Edit{{"locker/acquisition.go", "\treturn max(ttl/100, 20*time.Millisecond)", "\treturn 0"}},
			named("./locker", "TestDeadline.*"),
		},
		{
			"a loss is forgotten when the clock steps back",
			[]Edit{{"locker/hold.go", "\tif err != nil || left > 0 {\n\t\treturn err\n\t}", "\tif left > 0 {\n\t\treturn nil\n\t}\n\tif err != nil {\n\t\treturn err\n\t}"}},
			named("./locker", "TestDeadline.*"),
		},
		{
			"a loss that a release finds is swallowed",
			[]Edit{{"locker/release.go", "\t\t\treturn false, &LostError{Name: acq.name, Token: h.token, Reason: lost.Reason, Cause: lost.Cause}", "\t\t\treturn false, nil"}},
			named("./locker", "TestRelease.*|TestDo.*"),
		},
		{
			"a done ctx keeps Release from releasing",
			[]Edit{{"locker/release.go", "h.sendRelease(context.WithoutCancel(ctx), left)", "h.sendRelease(ctx, left)"}},
			named("./locktest", "TestMemory.*"),
		},
	}
}
