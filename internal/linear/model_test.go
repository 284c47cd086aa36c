package linear

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"

	"example.com/holdfast/locker"
)

// kind is what an operation of a history is.
type kind int

const (
	acquire kind = iota // a call of Acquire
	end                 // a holder's belief ends
	stray               // an acquisition that may have taken effect and became nobody's lease
)

// result is how an acquire came out, and how an end did.
type result int

const (
	granted result = iota // acquire: token
	refused               // acquire: another had the name while the call lasted
	waited                // acquire: gave up, and says nothing about the name
	unclear               // acquire: the store did not answer
	freed                 // end: the store has confirmed the release
	left                  // end: the store may go on naming the holder
)

var resultNames = [...]string{"granted", "refused", "gave up waiting", "unclear", "freed", "left in the store"}

// input is the first half of an operation.
type input struct {
	kind  kind
	name  string
	token locker.Token // end: of the lease
	who   string
}

// output is the second half.
type output struct {
	result result
	token  locker.Token // granted
}

// state is a lock as the promise sees it.
//
// A holder is one who believes. The store may name somebody in whom nobody
// believes: a lease that was lost, a release that did not arrive, an attempt
// that its client gave up. Such a name is dead: it may be refused to others, or
// granted.
type state struct {
	holder  locker.Token // 0: nobody believes
	highest locker.Token // of all grants so far
	dead    bool
}

// step is the lock's specification: whether an operation may happen in a state,
// and the state after it.
func step(s state, in input, out output) (bool, state) {
	switch in.kind {
	case acquire:
		switch out.result {
		case granted:
			// The promise: nobody else believes any more, and the token rises.
			return s.holder == 0 && out.token > s.highest, state{holder: out.token, highest: out.token}
		case refused:
			return s.holder != 0 || s.dead, s
		}
	case end:
		ok := in.token != 0 && in.token == s.holder
		s.holder, s.dead = 0, out.result != freed
		return ok, s
	case stray:
		// Its end is open, so that it may come last: then it had no effect.
		if s.holder == 0 {
			s.dead = true
		}
	}
	return true, s
}

// model is the specification for porcupine. Names are independent locks.
func model() porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			byName := make(map[string][]porcupine.Operation)
			for _, op := range history {
				name := op.Input.(input).name
				byName[name] = append(byName[name], op)
			}
			var parts [][]porcupine.Operation
			for _, name := range slices.Sorted(maps.Keys(byName)) {
				parts = append(parts, byName[name])
			}
			return parts
		},
		Init: func() any { return state{} },
		Step: func(s, in, out any) (bool, any) {
			ok, next := step(s.(state), in.(input), out.(output))
			return ok, next
		},
		DescribeOperation: func(in, out any) string { return describe(in.(input), out.(output)) },
		DescribeState:     func(s any) string { return s.(state).String() },
	}
}

// String describes the state for the picture.
func (s state) String() string {
	var parts []string
	if s.holder != 0 {
		parts = append(parts, fmt.Sprintf("held with %v", s.holder))
	}
	if s.dead {
		parts = append(parts, "dead")
	}
	if len(parts) == 0 {
		parts = append(parts, "free")
	}
	return fmt.Sprintf("%s, highest token %v", strings.Join(parts, ", "), s.highest)
}

func describe(in input, out output) string {
	switch in.kind {
	case acquire:
		if out.result == granted {
			return fmt.Sprintf("%s acquire %s: token %v", in.who, in.name, out.token)
		}
		return fmt.Sprintf("%s acquire %s: %s", in.who, in.name, resultNames[out.result])
	case end:
		return fmt.Sprintf("%s end of %v on %s: %s", in.who, in.token, in.name, resultNames[out.result])
	}
	return fmt.Sprintf("%s an attempt on %s that became no lease", in.who, in.name)
}
