// Package timeline draws what happened to locks: who waited, who held, with which
// token, who took over from whom, and what was lost. The picture is one page of
// HTML with SVG in it, which needs nothing else, neither a script nor a network.
//
// Events come from a log of [locker.SlogObserver] ([Read]) or from an observer
// ([FromEvent]); [Draw] draws them. Times are those of the machines on which the
// events happened: where their clocks differ, so do the bars.
//
// Reading order: event.go, history.go, draw.go, page.go.
package timeline
