-- The ledger moved for an order, or the order ended: publish the ledger and
-- drop the hold that it now accounts for, in one step.
-- ARGV: order id, version, available, 1 if the product is limited, user, units
-- Returns the free units.
local id, version, available, limited, user, units = unpack(ARGV)

-- An absent product keeps its holds: a rebuild under way may be about to
-- publish a ledger that still lacks this order's units.
if absent() then return 0 end
advance(version, available)
if limited == '1' then own(user, units, version) end
release(id)
return free()
