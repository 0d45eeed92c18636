package kafka

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Login plays the broker's side of a mechanism of one message. Only who names
// a mechanism is asked: kfake serves the others as if it knew no login.
type Login struct {
	Mechanism string
	Lifetime  time.Duration // of a session, after which a client must log in anew
	// Judge answers what a client says. An error refuses the client. It is
	// called for one client at a time.
	Judge func(said []byte) (answer []byte, err error)
}

func (l *Login) attend(cluster *kfake.Cluster) {
	cluster.ControlKey(int16(kmsg.SASLHandshake), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		resp := req.ResponseKind().(*kmsg.SASLHandshakeResponse)
		resp.SupportedMechanisms = []string{l.Mechanism}
		if req.(*kmsg.SASLHandshakeRequest).Mechanism != l.Mechanism {
			resp.ErrorCode = kerr.UnsupportedSaslMechanism.Code
		}
		return resp, nil, true
	})
	cluster.ControlKey(int16(kmsg.SASLAuthenticate), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		resp := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		answer, err := l.Judge(req.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes)
		if err != nil {
			resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
		}
		resp.SASLAuthBytes, resp.SessionLifetimeMillis = answer, l.Lifetime.Milliseconds()
		return resp, nil, true
	})
}
