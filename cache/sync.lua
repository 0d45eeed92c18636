-- Publish a product: what is newer wins. Terms have a version of their own,
-- because settle moves the ledger's on without bringing a changed price.
-- ARGV: version, price, currency, available, startsAt and endsAt in ms (0:
--       none), limit (0: none), token of the rebuild that ends here or ''
-- Returns 'published'; 'absent': rebuild first; 'users': there is a limit but
-- no full publication of users; 'superseded': another rebuild took over.
local version, price, currency, available, startsAt, endsAt, limit, token = unpack(ARGV)

if token ~= '' then
  if redis.call('HGET', product, 'build') ~= token then return 'superseded' end
  redis.call('HDEL', product, 'build')
elseif absent() then
  return 'absent'
end

advance(version, available)
redis.call('HINCRBY', product, 'held', 0)
if tonumber(version) > tonumber(redis.call('HGET', product, 'terms') or -1) then
  redis.call('HSET', product, 'terms', version, 'price', price, 'currency', currency,
    'startsAt', startsAt, 'endsAt', endsAt, 'limit', limit)
end

-- Without a limit, users are not kept up to date: a limit set later starts
-- from a full publication.
if redis.call('HGET', product, 'limit') == '0' then
  redis.call('HDEL', product, 'base')
  return 'published'
end
local base = redis.call('HGET', product, 'base')
if token ~= '' and tonumber(version) > tonumber(base or -1) then
  redis.call('HSET', product, 'base', version)
  return 'published'
end
return base and 'published' or 'users'
