package planted

// breakBugs are bugs of Break.
func breakBugs() []Bug {
	const input = "\tif !freeNow {\n\t\tw.values[\":oldest\"]"
	return []Bug{
		{
			"a break frees the name at once",
			[]Edit{{"dynamo/break.go", input, "\tif !freeNow {\n\t\tw.assign(\"expiresOn\", whole(0))\n\t\tw.values[\":oldest\"]"}},
			histories(),
		},
		{
			"a break shortens the TTL",
			[]Edit{{"dynamo/break.go", input, "\tif !freeNow {\n\t\tw.assign(\"ttl\", whole(1))\n\t\tw.values[\":oldest\"]"}},
			histories(),
		},
		{
			"a break drops the TTL",
			[]Edit{{"dynamo/break.go", input, "\tif !freeNow {\n\t\tw.drop(\"ttl\")\n\t\tw.values[\":oldest\"]"}},
			histories(),
		},
		{
			"whoever broke a lock takes it over",
			[]Edit{{"locker/break.go", "\tc.loseOwn(ctx, info)\n\treturn nil", "\tc.forgo(BrokenID(info.AcquisitionID))\n\tc.loseOwn(ctx, info)\n\treturn nil"}},
			histories(),
		},
		{
			"a break is not pinned to the acquisition",
			[]Edit{{"dynamo/expr.go", `whereBreakable = "(#guid = :id OR `, `whereBreakable = "(attribute_exists(#guid) OR #guid = :id OR `}},
			named("./dynamo", "TestBreakExpressions|TestBreakOther"),
		},
		{
			"a break is pinned to the revision",
			[]Edit{{"dynamo/break.go", "str(revision(id, firstSequence)), str(revision(id, deadSequence-1))", "str(info.Revision), str(info.Revision)"}},
			named("./dynamo", "TestBreakExpressions|TestBreakRenewed"),
		},
		{
			"a break restarts the wait of others when it is repeated",
			[]Edit{
				{"dynamo/break.go", "str(revision(id, firstSequence)), str(revision(id, deadSequence-1))", "str(revision(id, brokenSequence)), str(revision(id, deadSequence-1))"},
			},
			named("./dynamo", "TestBreakExpressions|TestBreakAgain"),
		},
	}
}
