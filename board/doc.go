// Package board is the sale board: what operators see of a sale, second by
// second. Its figures, the rules by which they become a verdict, the stream
// that carries them, and the page that draws them belong here. Who may watch,
// and HTTP, do not: a handler hands it a net.Conn, as it does to sse.
//
// # What it costs
//
// Figures are gathered only while somebody watches, once a second for all who
// do, and encoded once. Nobody is waited for: a backend that does not answer
// within a second is missing from that point, a watcher who does not read is
// cut off, and a panic costs one point. Showing a sale must not slow it down.
//
// # Lock order
//
// There is one lock, Board.mu. Nothing is read, written or gathered under it.
package board
