package planted

// handOverBugs are bugs of the hand-over of a lease without a request.
func handOverBugs() []Bug {
	const spare = "locker/spare.go"
	return []Bug{
		{
			"a lease that is handed over has the token of the one before",
			[]Edit{{"locker/hold.go", "\tacq.spent++\n", ""}},
			histories(),
		},
		{
			"a lease that is handed over counts from the hand-over",
			[]Edit{{"locker/hold.go", "\tacq.lease = h\n", "\tacq.lease = h\n\tif acq.spent > 1 {\n\t\tacq.from = acq.c.now()\n\t}\n"}},
			histories(),
		},
		{
			"handed over with less than half of the TTL",
			[]Edit{{"locker/hold.go", "acq.leftLocked(now) >= max(acq.ttl/2, o.MinHold)", "acq.leftLocked(now) >= o.MinHold"}},
			histories(),
		},
		{
			"handed over with less than the minimum hold",
			[]Edit{{"locker/hold.go", "acq.leftLocked(now) >= max(acq.ttl/2, o.MinHold)", "acq.leftLocked(now) >= acq.ttl/2"}},
			named("./internal/sim", "TestMinHoldHandedOver"),
		},
		{
			"handed over before the end of the minimum hold",
			[]Edit{{spare, " && h.minHold <= now.Mono-h.acquired &&", " &&"}},
			histories(),
		},
		{
			"more leases are handed over than there are tokens",
			[]Edit{
				{"locker/hold.go", "int(acq.spent) < min(acq.grant.Tokens, tokensAhead) && ", ""},
				{spare, "const tokensAhead = 1000", "const tokensAhead = 2"},
			},
			histories(),
		},
		{
			"the tokens of an acquisition reach into those of the next",
			[]Edit{{"dynamo/expr.go", `w.assign("token", whole(int64(b.last())))`, `w.assign("token", whole(int64(b.first)))`}, {"dynamo/acquire.go", "locker.Token(it.Token) != b.last()", "locker.Token(it.Token) != b.first"}, {"dynamo/renew.go", "(block{g.Token, max(1, g.Tokens)}).last()", "g.Token"}},
			histories(),
		},
		{
			"the condition on the token compares the last",
			[]Edit{{"dynamo/expr.go", `#token < :first)"`, `#token < :first OR #token < :token)"`}},
			histories(),
		},
	}
}

// sessionBugs are bugs of leases that share a heartbeat.
func sessionBugs() []Bug {
	const session = "dynamo/session.go"
	return []Bug{
		{
			"binding does not lower the deadline",
			[]Edit{{"locker/acquisition.go", "\tif acq.session != nil && !acq.beats {\n\t\tleft = min", "\tif acq.session != nil && !acq.beats && acq.bound {\n\t\tleft = min"}},
			named("./internal/sim", "TestBindLost"),
		},
		{
			"bound leases are not lost with their session",
			[]Edit{{"locker/session.go", "\t\tevents = append(events, acq.lose(reason, cause)...)\n", "\t\t_ = acq\n"}},
			named("./internal/sim", "TestBindLost"),
		},
		{
			"what is bound is believed in without its session",
			[]Edit{
				{"locker/acquisition.go", "\t\tleft = min(left, acq.session.left(now))\n", "\t\t_ = acq.session\n"},
				{"locker/session.go", "\t\tevents = append(events, acq.lose(reason, cause)...)\n", "\t\t_ = acq\n"},
			},
			histories(),
		},
		{
			"a lease that is renewed by itself again is believed in like a bound one",
			[]Edit{{"locker/acquisition.go", "acq.from, acq.span, acq.bound = sent, span, s != nil", "acq.from, acq.span, acq.bound = sent, span, acq.bound || s != nil"}, {"locker/acquisition.go", "acq.from, acq.span, acq.bound = sent, span, false", "acq.from, acq.span = sent, span"}, {"locker/renew.go", "acq.bound && acq.session.isClosed()", "acq.session != nil && acq.session.isClosed()"}},
			histories(),
		},
		{
			"a renewal that unbinds does not lower the deadline",
			[]Edit{{"locker/acquisition.go", "\tif acq.bound || span <", "\tif !acq.bound && span <"}},
			histories(),
		},
		{
			"a session that a stale read does not show is dead",
			[]Edit{
				{session, "s.readSession(ctx, a.TTL, it, true)", "s.readSession(ctx, a.TTL, it, false)"},
				{session, "\tstate, _, _ := it.state(times, known, s.o.ClockMargin)\n", "\tif it.heart.GUID == \"\" {\n\t\treturn true, nil\n\t}\n\tstate, _, _ := it.state(times, known, s.o.ClockMargin)\n"},
			},
			histories(),
		},
		{
			"rule A does not see the heartbeats of a session",
			[]Edit{{session, `if it.Session == "" || it.heart == nil {`, `if it.Session == "" || true {`}},
			histories(),
		},
		{
			"a bound name is taken over from a session that lives",
			[]Edit{{session, `a.Stale == "" || a.Stale != it.revision()`, `a.Stale == ""`}},
			histories(),
		},
		{
			"a late write that binds is not refused",
			[]Edit{{"dynamo/expr.go", "w.drop(\"purgeAt\")\n\treturn w.whereMine(s.table, g, n)", "w.drop(\"purgeAt\")\n\treturn w.whereMine(s.table, g, deadSequence+1)"}},
			histories(),
		},
		{
			"a renewal leaves the name bound",
			[]Edit{{"dynamo/expr.go", "\tw.drop(\"session\")\n\tif r.Data", "\tif r.Data"}, {"dynamo/renew.go", "it.Session != session", "(session != \"\" && it.Session != session)"}},
			histories(),
		},
		{
			"a lease that its own process took over stays with its session",
			[]Edit{{"locker/spare.go", "\t\tl.spare.leave()\n", ""}},
			named("./internal/sim", "TestSessionRetires"),
		},
		{
			"a session keeps a name taken that could not be released",
			[]Edit{{"locker/spare.go", "if !spare.leaveSession(false, nil) {", "if !spare.leaveSession(true, nil) {"}},
			named("./internal/sim", "TestDiscardUnconfirmed"),
		},
		{
			"Close forgets sessions that take no more members",
			[]Edit{{"locker/session.go", "\tif s.closed && last == 0 {\n\t\ts.c.background.spawn(s.release)\n\t}\n", ""}},
			named("./locker", "TestSessionGivenUpClose"),
		},
		{
			"a lease with a MaxHold is handed over bound",
			[]Edit{{"locker/hold.go", "o.MaxHold == 0 && o.MinHold == 0 || acq.session == nil", "o.MinHold == 0 || acq.session == nil"}},
			named("./locker", "TestSessionHandOver"),
		},
		{
			"a lease with a minimum hold is handed over bound",
			[]Edit{{"locker/hold.go", "o.MaxHold == 0 && o.MinHold == 0 || acq.session == nil", "o.MaxHold == 0 || acq.session == nil"}},
			named("./locker", "TestMinHoldMaybeBound"),
		},
		{
			"a renewal that waited for a session goes past a maximum hold",
			[]Edit{{"locker/renew.go", "case by == nil && acq.maxHoldReachedLocked(sent):", "case false:"}},
			named("./locker", "TestMaxHoldMeanwhile"),
		},
		{
			"what is bound while its session is given up stays with it",
			[]Edit{{"locker/renew.go", "acq.bound && acq.session.isClosed()", "false"}},
			named("./locker", "TestSessionGivenUpMeanwhile"),
		},
	}
}
