package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	saslplain "github.com/twmb/franz-go/pkg/sasl/plain"

	"order-service/devstack/kafka"
	"order-service/order"
)

// The password is replaced at the broker and in its file; whoever logs in after
// that, here after the broker was started anew, needs the new one.
func TestSaleGoesOnOverKafkaWithScramAndAReplacedPassword(t *testing.T) {
	t.Parallel()
	p := newPasswords(t)
	for name, mechanism := range map[string]kadm.ScramMechanism{"SCRAM-SHA-256": kadm.ScramSha256, "SCRAM-SHA-512": kadm.ScramSha512} {
		p.scram(mechanism, name+"-user", "first")
		file := filepath.Join(t.TempDir(), "password")
		write(t, file, []byte("first\n"))
		s := p.shop(name, name+"-user", "KAFKA_PASSWORD_FILE", file)
		s.start("all")
		s.saleThrough(func(string) {
			write(t, file, []byte("second\n"))
			p.scram(mechanism, name+"-user", "second")
			p.broker.stop()
			p.broker.start()
		})
	}
}

func TestAPurchaseOverKafkaWithAPlainPassword(t *testing.T) {
	t.Parallel()
	p := newPasswords(t)
	s := p.shop("PLAIN", "root", "KAFKA_PASSWORD", rootPassword)
	s.start("all")
	b := s.anyone()
	b.await(b.buy(s.product(1), 1), order.PaymentPending)
}

// rootPassword is of the user root of passwords.
const rootPassword = "r00t"

// passwords is a broker that wants one of everybody.
type passwords struct {
	t      *testing.T
	broker *broker
}

func newPasswords(t *testing.T) *passwords {
	t.Helper()
	port := freePort(t)
	if os.Getenv("KAFKA_KIND") != "apache" {
		root := kafka.User{Mechanism: "PLAIN", Name: "root", Password: rootPassword}
		return &passwords{t, startBroker(t, port, runKfake(kafka.Config{Port: port, Dir: t.TempDir(), User: root}))}
	}
	cfg := apacheConfig(t, port)
	cfg.Client = asRoot()
	cfg.Settings = fmt.Sprintf(`
listener.security.protocol.map=BROKER:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.broker.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="root" password="%[1]s" user_root="%[1]s";
listener.name.broker.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.broker.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
`, rootPassword)
	return &passwords{t, startBroker(t, port, runApache(t, cfg))}
}

// shop is one whose services log in as user; the test does so as root.
func (p *passwords) shop(mechanism, user string, password ...string) *shop {
	p.t.Helper()
	s := newShop(p.t, append(password, "KAFKA_BOOTSTRAP", p.broker.address, "KAFKA_SASL_MECHANISM", mechanism, "KAFKA_USERNAME", user)...)
	s.login = []kgo.Opt{asRoot()}
	return s
}

// scram gives the user a password, in place of the one before.
func (p *passwords) scram(mechanism kadm.ScramMechanism, user, password string) {
	p.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(p.broker.address), asRoot())
	if err != nil {
		p.t.Fatal(err)
	}
	defer client.Close()
	altered, err := kadm.NewClient(client).AlterUserSCRAMs(p.t.Context(), nil, []kadm.UpsertSCRAM{
		{User: user, Mechanism: mechanism, Iterations: 4096, Password: password},
	})
	if err == nil {
		err = altered.Error()
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// asRoot is how a client of the test logs in.
func asRoot() kgo.Opt {
	return kgo.SASL(saslplain.Auth{User: "root", Pass: rootPassword}.AsMechanism())
}
