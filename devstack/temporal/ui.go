package temporal

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/server_options"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// webUI is the server's web UI and the goroutine that serves it.
type webUI struct {
	server *uiserver.Server
	done   chan struct{}
}

func startUI(ctx context.Context, port int, frontend string) (*webUI, error) {
	ui := &webUI{done: make(chan struct{}), server: uiserver.NewServer(server_options.WithConfigProvider(&uiconfig.Config{
		Host: Loopback, Port: port,
		TemporalGRPCAddress: frontend,
		EnableUI:            true,
		CORS:                uiconfig.CORS{CookieInsecure: true}, // plain HTTP on loopback
		HideLogs:            true,
		DisableNewsFetch:    true,
	}))}
	go func() {
		defer close(ui.done)
		// It returns nil when stopped and ends the process by itself otherwise.
		_ = ui.server.Start()
	}()
	err := retry(ctx, func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(Loopback, strconv.Itoa(port)))
		if err != nil {
			return err
		}
		return conn.Close()
	})
	if err != nil {
		ui.stop()
		return nil, fmt.Errorf("the Temporal web UI does not answer: %w", err)
	}
	return ui, nil
}

func (ui *webUI) stop() {
	ui.server.Stop()
	<-ui.done
}

// serves returns when the frontend at address answers for namespace.
func serves(ctx context.Context, address, namespace string) error {
	c, err := client.NewLazyClient(client.Options{HostPort: address, Namespace: namespace, Logger: quiet{}})
	if err != nil {
		return fmt.Errorf("the Temporal client: %w", err)
	}
	defer c.Close()
	err = retry(ctx, func(ctx context.Context) error {
		_, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
		return err
	})
	if err != nil {
		return fmt.Errorf("the Temporal frontend does not serve namespace %s: %w", namespace, err)
	}
	return nil
}

// retry repeats try every 20 ms until it succeeds, for up to 30 s.
func retry(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// quiet drops the SDK client's log: while the server starts it would report
// every attempt.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
