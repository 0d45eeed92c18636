#!/usr/bin/env bash
# Runs load against an order-service --role=api of its own on the backends of
# the environment: devstack --data DIR -- devstack/load/bench.sh SCENARIO…
set -euo pipefail
cd "$(dirname "$0")/../.."

secret() { head -c 32 /dev/urandom | base64 -w 0; }
address=127.0.0.1:${BENCH_PORT:-18080}
export HTTP_ADDR=$address PUBLIC_URL=http://$address ADMIN_ADDR=off
export LOG_LEVEL=error LOG_FORMAT=console SHUTDOWN_DELAY=0s RATE_LIMIT_USER_RPS=0
export JWT_SECRET PAYMENT_SANDBOX=true PAYMENT_WEBHOOK_SECRET
JWT_SECRET=$(secret) PAYMENT_WEBHOOK_SECRET=whsec_$(secret)

setsid bin/order-service --role=api & # out of reach of the terminal's Ctrl-C
service=$!
trap 'kill "$service" 2>/dev/null; wait "$service" || true' EXIT
until bin/order-service --healthcheck 2>/dev/null; do
	kill -0 "$service" # it ended: so does this
	sleep 0.1
done
bin/load --url "http://$address" --verify=intake "$@"
