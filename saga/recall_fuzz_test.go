package saga

import (
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"

	"order-service/order"
)

// FuzzHistory: anybody who may send signals writes into an order's history, which
// is read where Postgres has lost the order. Whatever stands there is understood
// or passed over.
func FuzzHistory(f *testing.F) {
	f.Add("json/plain", []byte(`{"ID":"p1","OrderID":"0197f7a8-0000-7000-8000-000000000000","Amount":1}`))
	f.Add("json/plain", []byte(`{"Paid":{"ID":"p1"},"Seq":-1}`))
	f.Add("json/plain", []byte(`{"Paid":null,"Status":7}`))
	f.Add("json/protobuf", []byte(`{}`))
	f.Add("binary/null", []byte(nil))
	f.Fuzz(func(_ *testing.T, encoding string, data []byte) {
		payloads := &commonpb.Payloads{Payloads: []*commonpb.Payload{{Metadata: map[string][]byte{"encoding": []byte(encoding)}, Data: data}}}
		for _, e := range []*historypb.HistoryEvent{
			{Attributes: &historypb.HistoryEvent_WorkflowExecutionSignaledEventAttributes{
				WorkflowExecutionSignaledEventAttributes: &historypb.WorkflowExecutionSignaledEventAttributes{SignalName: paymentReceivedSignal, Input: payloads},
			}},
			{Attributes: &historypb.HistoryEvent_MarkerRecordedEventAttributes{
				MarkerRecordedEventAttributes: &historypb.MarkerRecordedEventAttributes{Details: map[string]*commonpb.Payloads{"result": payloads}},
			}},
			{Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{
				WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{Input: payloads},
			}},
		} {
			var o order.Order
			_ = remember(&o, e)
			_ = paymentIn(e)
		}
	})
}
