package linear

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"example.com/holdfast/locker"
)

// line is an operation of a history written by hand.
type line struct {
	call, ret int64
	kind      kind
	result    result
	token     locker.Token
}

// TestModel shows what the checker accepts and what it rejects: a check is worth
// what it can refuse.
func TestModel(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		lines []line
		want  porcupine.CheckResult
	}{
		{"one after the other", []line{
			{0, 10, acquire, granted, 5},
			{20, 30, end, freed, 5},
			{40, 50, acquire, granted, 6},
		}, porcupine.Ok},
		{"planted double grant", []line{
			{0, 10, acquire, granted, 5},
			{5, 20, acquire, granted, 6},
			{30, 40, end, freed, 5},
			{30, 40, end, freed, 6},
		}, porcupine.Illegal},
		{"planted grant before the end of belief", []line{
			{0, 10, acquire, granted, 5},
			{15, 29, acquire, granted, 6},
			{30, 40, end, left, 5},
		}, porcupine.Illegal},
		{"grant whose call began before the end of belief", []line{
			{0, 10, acquire, granted, 5},
			{15, 35, acquire, granted, 6},
			{30, 40, end, left, 5},
		}, porcupine.Ok},
		{"planted token regression", []line{
			{0, 10, acquire, granted, 6},
			{20, 30, end, freed, 6},
			{40, 50, acquire, granted, 5},
		}, porcupine.Illegal},
		{"planted equal tokens", []line{
			{0, 10, acquire, granted, 6},
			{20, 30, end, freed, 6},
			{40, 50, acquire, granted, 6},
		}, porcupine.Illegal},
		{"planted grant after a holder that never ended", []line{
			{0, 10, acquire, granted, 5},
			{40, 50, acquire, granted, 6},
		}, porcupine.Illegal},
		{"take-over of a lost lease", []line{
			{0, 10, acquire, granted, 5},
			{20, 25, end, left, 5},
			{26, 28, acquire, refused, 0},
			{30, 40, acquire, granted, 6},
		}, porcupine.Ok},
		{"planted refusal of a name that nobody ever had", []line{
			{0, 10, acquire, refused, 0},
		}, porcupine.Illegal},
		{"planted refusal of a released name", []line{
			{0, 10, acquire, granted, 5},
			{20, 30, end, freed, 5},
			{31, 40, acquire, refused, 0},
		}, porcupine.Illegal},
		{"refusal while the release is under way", []line{
			{0, 10, acquire, granted, 5},
			{20, 30, end, freed, 5},
			{25, 40, acquire, refused, 0},
		}, porcupine.Ok},
		{"gave up waiting: says nothing", []line{
			{0, 10, acquire, waited, 0},
			{0, 10, acquire, unclear, 0},
		}, porcupine.Ok},
		{"an attempt without an answer takes effect late", []line{
			{0, open, stray, granted, 0},
			{20, 30, acquire, granted, 5},
			{40, 50, end, freed, 5},
			{60, 70, acquire, refused, 0},
		}, porcupine.Ok},
		{"an attempt without an answer never takes effect", []line{
			{0, open, stray, granted, 0},
			{20, 30, acquire, granted, 5},
			{40, 50, end, freed, 5},
			{60, 70, acquire, granted, 6},
			{80, 90, end, freed, 6},
		}, porcupine.Ok},
		{"planted effect before its call", []line{
			{20, 30, acquire, refused, 0},
			{40, open, stray, granted, 0},
		}, porcupine.Illegal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var ops []porcupine.Operation
			for i, l := range tt.lines {
				op := porcupine.Operation{ClientId: i, Call: l.call, Return: l.ret}
				op.Input, op.Output = input{kind: l.kind, name: "lock", who: "hand"}, output{result: l.result, token: l.token}
				if l.kind == end {
					op.Input, op.Output = input{kind: end, name: "lock", token: l.token}, output{result: l.result}
				}
				ops = append(ops, op)
			}
			if got := porcupine.CheckOperationsTimeout(model(), ops, 10*time.Second); got != tt.want {
				t.Errorf("the checker says %v, want %v", got, tt.want)
			}
		})
	}
}

// TestModelNames shows that names are independent locks.
func TestModelNames(t *testing.T) {
	t.Parallel()
	h := newHistory(2)
	for lane, name := range []string{"a", "b"} {
		h.add(lane, input{kind: acquire, name: name}, output{result: granted, token: 5}, 0, 10)
	}
	if got := porcupine.CheckOperationsTimeout(model(), h.operations(), 10*time.Second); got != porcupine.Ok {
		t.Errorf("the checker says %v of two names held at once, want Ok", got)
	}
}

// TestVerify shows that a failure is reported with a picture, and that a checker
// which does not come to an end is a failure.
func TestVerify(t *testing.T) {
	t.Parallel()
	h := newHistory(2)
	h.add(0, input{kind: acquire, name: "a"}, output{result: granted, token: 5}, 0, 10)
	h.add(1, input{kind: acquire, name: "a"}, output{result: granted, token: 6}, 20, 30)
	f := verify(h.operations(), checkTimeout)
	if f == nil || f.result != porcupine.Illegal {
		t.Fatalf("verify of a double grant = %v, want Illegal", f)
	}
	if size, err := f.draw(t.TempDir() + "/history.html"); err != nil || size == 0 {
		t.Errorf("draw = %d bytes, %v", size, err)
	}

	// Attempts that exclude each other in no order: the search has no end in sight.
	hard := newHistory(40)
	for i := range 40 {
		hard.add(i, input{kind: acquire, name: "a"}, output{result: granted, token: locker.Token(i + 1)}, 0, 100)
		hard.add(i, input{kind: end, name: "a", token: locker.Token(i + 1)}, output{result: left}, 0, 100)
		hard.mayHold(string(rune('a'+i)), sent{name: "a"})
	}
	hard.add(0, input{kind: acquire, name: "a"}, output{result: granted, token: 1}, 200, 201)
	if f := verify(hard.operations(), time.Millisecond); f == nil || f.result != porcupine.Unknown {
		t.Errorf("verify that runs out of time = %v, want Unknown", f)
	}
}
