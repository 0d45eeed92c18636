-- Begin a full publication under a token; a later one takes over from it.
-- ARGV: token. Returns 1 when the product is absent, so that its holds have to
-- be restored: what an eviction or an abandoned rebuild left is cleared first.
local gone = absent()
if gone then redis.call('UNLINK', product, holds, ages, users, inflight) end
redis.call('HSET', product, 'build', ARGV[1])
return gone and 1 or 0
