package main

// overload is what more load than the service can bear has done to it.
type overload struct {
	Capacity    float64 `json:"capacity"`    // accepted a second, at most: by a closed loop
	Factor      float64 `json:"factor"`      // offered, times the capacity
	Share       float64 `json:"share"`       // accepted, times the capacity
	AcceptedP99 float64 `json:"acceptedP99"` // ms
	RefusedP99  float64 `json:"refusedP99"`  // ms
}

func overloaded(capacity, orders laneReport) *overload {
	most := max(capacity.Accepted, 1)
	return &overload{
		Capacity: capacity.Accepted, Factor: orders.Offered / most, Share: orders.Accepted / most,
		AcceptedP99: orders.Acceptances.P99, RefusedP99: orders.Refusals.P99,
	}
}
