-- Give back the units held for an order that was not written.
-- ARGV: order id. Returns the free units.
release(ARGV[1])
return free()
