package main

import (
	"fmt"

	"gonum.org/v1/plot"
)

func drawRequests(r *results) (*plot.Plot, error) {
	of, values := measured(r.Sections["peers"], requestsToAcquire)
	if len(of) == 0 {
		return nil, nil
	}
	p := newPlot("Requests to acquire a free lock", "requests to DynamoDB", "")
	bars := []bar{{name: bareSDK, value: 1, text: "1", color: grey}}
	for i, name := range of {
		bars = append(bars, bar{nameOf(name), values[i], number(values[i]), colorOf(name, i-1)})
	}
	p.X.Tick.Marker = plot.ConstantTicks{{Value: 0, Label: "0"}, {Value: 1, Label: "1"}, {Value: 2, Label: "2"}}
	return p, addBars(p, bars)
}

func drawPair(r *results) (*plot.Plot, error) {
	s := r.Sections["peers"]
	of, values := measured(s, pairNetwork)
	if len(of) == 0 {
		return nil, nil
	}
	p := newPlot("Acquire and release, 5 ms of network added to each request, median", "milliseconds", "")
	var bars []bar
	k := 0
	for i, name := range of {
		text := number(values[i]) + " ms"
		if cpu, ok := s.find(name, pairCPU); ok {
			text += fmt.Sprintf(", CPU %s ms", number(cpu))
		}
		bars = append(bars, bar{nameOf(name), values[i], text, colorOf(name, k)})
		if name != "" && name != bareSDK {
			k++
		}
	}
	if err := addBars(p, bars); err != nil {
		return nil, err
	}
	p.X.Max *= 1.15
	return p, nil
}

func drawCrowd(r *results) (*plot.Plot, error) {
	own, peers := r.Sections["crowd"], r.Sections["peers"]
	var bars []bar
	add := func(s *section, of, what, name string, i int) {
		grants, ok := s.find(of, what+": grants a second")
		fair, _ := s.find(of, what+": fairness (Jain)")
		requests, _ := s.find(of, what+": requests a grant")
		if ok {
			text := fmt.Sprintf("%s, fairness %.2f, %s requests a grant", number(grants), fair, number(requests))
			bars = append(bars, bar{name, grants, text, colorOf(of, i)})
		}
	}
	add(own, "", "one process", "Holdfast, one process", 0)
	add(own, "", "4 processes", "Holdfast, 4 processes", 0)
	of, _ := measured(peers, "one process: grants a second")
	for i, name := range of {
		if name != "" {
			add(peers, name, "one process", nameOf(name)+", one process", i-1)
		}
	}
	if len(bars) == 0 {
		return nil, nil
	}
	p := newPlot("32 goroutines on one name, each holding it for 1 ms", "grants a second (fairness: Jain's index, 1 is even)", "")
	if err := addBars(p, bars); err != nil {
		return nil, err
	}
	p.X.Max *= 1.55
	return p, nil
}
