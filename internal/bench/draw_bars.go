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
		bars = append(bars, bar{nameOf(name), values[i], number(values[i]), colorOf(name)})
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
	p := newPlot("Acquire and release, over a network with some delay, median", "milliseconds", "")
	var bars []bar
	for i, name := range of {
		text := number(values[i]) + " ms"
		if cpu, ok := s.find(name, pairCPU); ok {
			text += fmt.Sprintf(", CPU %s ms", number(cpu))
		}
		bars = append(bars, bar{nameOf(name), values[i], text, colorOf(name)})
	}
	if err := addBars(p, bars); err != nil {
		return nil, err
	}
	p.X.Max *= 1.15
	return p, nil
}

func drawCrowd(r *results) (*plot.Plot, error) {
	own, others := r.Sections["crowd"], r.Sections["peers"]
	var bars []bar
	add := func(s *section, of, what, name string) {
		grants, ok := s.find(of, what+": grants a second")
		fair, _ := s.find(of, what+": fairness (Jain)")
		requests, _ := s.find(of, what+": requests a grant")
		if ok {
			text := fmt.Sprintf("%s, fairness %.2f, %s requests a grant", number(grants), fair, number(requests))
			bars = append(bars, bar{name, grants, text, colorOf(of)})
		}
	}
	add(own, "", oneProcess, "Holdfast, one process")
	add(own, "", severalProcesses, "Holdfast, several processes")
	of, _ := measured(others, oneProcess+": grants a second")
	for _, name := range of {
		if name != "" {
			add(others, name, oneProcess, nameOf(name)+", one process")
		}
	}
	if len(bars) == 0 {
		return nil, nil
	}
	p := newPlot("Many goroutines compete for one name", "grants a second (fairness: Jain's index, 1 is even)", "")
	if err := addBars(p, bars); err != nil {
		return nil, err
	}
	p.X.Max *= 1.55
	return p, nil
}
