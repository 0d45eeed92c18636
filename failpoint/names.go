package failpoint

// The names, in the order in which an order meets them. The package comment
// says where each is.
const (
	IntakeHeld         = "intake.held"
	IntakeCommitBefore = "intake.commit.before"
	IntakeCommitAfter  = "intake.commit.after"

	RelayPublishBefore = "relay.publish.before"
	RelayPublishAfter  = "relay.publish.after"
	RelayDeleteBefore  = "relay.delete.before"

	ConsumerStartBefore  = "consumer.start.before"
	ConsumerStartAfter   = "consumer.start.after"
	ConsumerCommitBefore = "consumer.commit.before"
)

// ActivityBefore is the point before the effect of an activity of that type.
func ActivityBefore(activity string) string { return "saga." + activity + ".before" }

// ActivityAfter is the point after the effect, before Temporal learns of it.
func ActivityAfter(activity string) string { return "saga." + activity + ".after" }

// Moved is the point between a move to status and its publication.
func Moved(status string) string { return "saga." + status + ".moved" }

// Activities are the activity types that a saga of today runs.
func Activities() []string {
	return []string{
		"ReadOrder", "TryPayment", "InitiatePayment", "RequestPayment", "Confirm", "Finish",
		"ClaimRefund", "RefundPayment", "CloseRefund",
	}
}

// Moves are the statuses that an order moves to.
func Moves() []string {
	return []string{"INVENTORY_RESERVED", "PAYMENT_PENDING", "CONFIRMED", "FAILED", "CANCELLED"}
}

// Names returns the name of every failpoint.
func Names() []string {
	names := fixed()
	for _, activity := range Activities() {
		names = append(names, ActivityBefore(activity), ActivityAfter(activity))
	}
	for _, status := range Moves() {
		names = append(names, Moved(status))
	}
	return names
}

// fixed are the names that are not made of an activity's or a status's.
func fixed() []string {
	return []string{
		IntakeHeld, IntakeCommitBefore, IntakeCommitAfter,
		RelayPublishBefore, RelayPublishAfter, RelayDeleteBefore,
		ConsumerStartBefore, ConsumerStartAfter, ConsumerCommitBefore,
	}
}
