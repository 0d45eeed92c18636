package saga

import (
	"reflect"
	"slices"
	"testing"

	"order-service/failpoint"
	"order-service/order"
)

func TestEveryActivityAndEveryMoveHasItsFailpoints(t *testing.T) {
	var exported []string
	for method := range reflect.TypeFor[*activities]().Methods() {
		if method.IsExported() && method.Name != "Reserve" { // only histories of old run it
			exported = append(exported, method.Name)
		}
	}
	if known := slices.Sorted(slices.Values(failpoint.Activities())); !slices.Equal(known, exported) {
		t.Errorf("the activities are %v; failpoint knows %v", exported, known)
	}
	var moves []string
	for _, status := range order.Statuses() {
		if len(status.Previous()) > 0 {
			moves = append(moves, string(status))
		}
	}
	if known := failpoint.Moves(); !slices.Equal(known, moves) {
		t.Errorf("orders move to %v; failpoint knows %v", moves, known)
	}
}
