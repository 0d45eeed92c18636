// Package measure is what the benchmarks share: the frame of such a program,
// the CPU time of processes, children that are measured, turns, spreads, and
// tables.
package measure
