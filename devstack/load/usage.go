package main

const usage = `load plays a sale against a running order-service and measures what buyers would see.

Usage: load [options] SCENARIO

Scenarios:
  accept     buyers order one unit each of a product that does not sell out
  stampede   --buyers people press within --within for --units units
  poll       buyers look at their orders, GET /orders/{id}
  mixed      orders, looks at orders and looks at the product list, 1 : 4 : 2
  buyer      one buyer at a time presses Buy and waits for the payment link; wants
             a service with workers, and a --rate is not used

Requests come when buyers would (an open loop): at --rate a second, independently
of each other and of earlier answers. Latency is measured from the moment that a
request was due, so that a service that stalls cannot hide it.

  --url URL          of the service (default http://127.0.0.1:8080)
  --insecure         accept any TLS certificate
  --rate N           requests a second (default 1000)
  --duration D       how long requests are sent (default 30s)
  --patience D       how long the last answers are waited for (default 10s)
  --connections N    the most that are open at once, for each kind of request
                     (default: the rate, from 20 to 1000)
  --buyers N         different people (default 20000; stampede 100000)
  --units N          of the stampede's product (default 1000)
  --within D         in which the stampede's buyers press (default 1s)
  --waves N          how often those come back who were told "not now" or heard
                     nothing (default 10)
  --streams N        in the mixed and the accept scenario, buyers who watch their
                     orders live (default 0)
  --storms D         every D all of them lose their connection at once, as when a
                     proxy restarts, and come back within 1 to 4 seconds, as
                     browsers do (default: never)
  --keys             send an Idempotency-Key, as the shop's page does; a
                     stampede's buyers always do

  --closed N         instead, N connections that send again as soon as they are
                     answered (a closed loop): finds the capacity
  --overload         find the capacity by a short closed loop, then offer
                     --factor times that
  --factor F         (default 2)

  --verify=auto|intake|full|off
                     how to check that nothing was lost (default auto):
                     intake  every order that was answered 202 has its row, for
                             the right buyer, exactly once; nothing is oversold.
                             Needs DATABASE_URL
                     full    that, and once the workers are done order-service
                             --verify, with the environment of the service
                     auto    full when the workers are done within --settle, else
                             intake; off without DATABASE_URL
  --settle D         how long to wait for the workers (default 1m)
  --binary FILE      the order-service that verifies (default: beside load)
  --json             write one JSON object to standard output instead of tables
  --help             print this text and exit

Environment:
  JWT_SECRET         the service's: buyers' tokens are minted with it. Without it
                     the service's demo login is asked (DEV_LOGIN=true)
  JWT_ISSUER, JWT_AUDIENCE
                     the service's, where it has them
  DATABASE_URL       the service's database, for --verify

The product is put on sale through the admin API under an id that was never used,
and its sale is closed at the end. Ctrl-C ends a run early.

Exit status: 0, or 1 when the run failed or something was lost, 2 for wrong
options, 3 when the run is void: the tool itself was too slow to be believed.
`
