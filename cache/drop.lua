-- Give back the units held for an order that was not written.
-- ARGV: order id, the time at which they were taken; 0: whenever that was
-- Returns the free units.

-- Held again since, they are the hold of whoever did that.
local id, taken = ARGV[1], tonumber(ARGV[2])
if taken == 0 or taken == tonumber(redis.call('ZSCORE', ages, id) or 0) then release(id) end
return free()
