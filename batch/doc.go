// Package batch lets concurrent callers share work that costs about as much for
// many as for one: a round trip, a transaction, a commit.
//
// It is clocked by the work itself and not by a timer. An idle batcher begins
// at once with what is there; while it works, the next batch gathers, so a busy
// one makes larger batches. A further server is brought in only when as much
// waits as the last batch took: with two idle servers, one wave of callers
// would otherwise become three small batches that cost as much as three large
// ones. Or when a batch takes longer than usual: for that, and for nothing else,
// one timer watches over what waits while a server rests.
//
// Where every batch costs as much as many calls and callers do not mind some
// milliseconds, Config.Gather has batches wait for more, but only while calls come
// so often that more will come: who comes alone never waits.
//
// # A call's life
//
//	Do ──► queue ──► taken by a server, with others ──► answered ──► Do returns
//	         │                                            ▲
//	         └── withdrawn: ctx ended first               └── each by itself, as soon as it can be
//
// Exactly one of a caller, withdrawing, and a server, taking, wins; so a call
// that was withdrawn has certainly done nothing, and one that was taken is
// always answered, within two Deadlines of Do.
package batch
