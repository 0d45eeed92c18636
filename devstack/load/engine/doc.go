// Package engine sends HTTP requests at a service and measures the answers. It
// shares the machine with what it measures, so a request costs it one write,
// one read and no allocation: requests are put together from prepared bytes,
// answers are taken apart only as far as they are counted.
//
// A closed loop ([Config.Arrivals] nil) has every connection send its next
// request as soon as the last one is answered: it finds the capacity. An open
// loop sends when buyers would, whether or not earlier requests were answered,
// and measures from that moment on, so that a service that stalls cannot hide
// it by holding up the load (coordinated omission).
//
// Non-obvious:
//
//   - In an open loop the goroutine that keeps the time writes the request
//     itself; the connection's own goroutine is parked in a read by then. A
//     request wakes nobody until it is answered.
//   - The clock of an open loop is a timerfd where there is one: the runtime's
//     timers are rounded up to a millisecond, a fifth of the latency measured.
//   - Connections take turns: a server that ends those it has not heard of for
//     a while would end, and see opened anew, most of them in the same moment.
//   - A run begins a moment after its connections are open: a thousand of them
//     shake both sides, and one request in a hundred would show nothing else.
//   - Lag is how late the tool itself looked at an arrival. A run whose lag is
//     high measured this machine and not the service, and says so.
package engine
