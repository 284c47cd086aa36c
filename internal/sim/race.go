//go:build race

package sim

// raceDetector says that the program was built with the race detector.
const raceDetector = true
