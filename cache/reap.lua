-- List holds that are old enough to ask the ledger about, oldest first. Each is
-- re-scored as it is listed: a PENDING order's hold needs nothing more, and a
-- second reaper or a failed pass meets it again only when it is old once more.
-- ARGV: age in ms, most holds to list
-- Returns {'sound', their new score, ids...}; {'absent'}; or {'broken'}.
if absent() then return {'absent'} end

-- Eviction takes whole keys. Where one of the four that describe the holds is
-- gone, the product is declared absent, to be rebuilt.
local n = redis.call('HLEN', holds)
local held = tonumber(redis.call('HGET', product, 'held') or 0)
if n ~= redis.call('ZCARD', ages) or (n == 0) ~= (held == 0) or (n == 0) ~= (redis.call('HLEN', inflight) == 0) then
  redis.call('HDEL', product, 'version')
  return {'broken'}
end

local at = now()
local old = redis.call('ZRANGEBYSCORE', ages, '-inf', string.format('%.0f', at - ARGV[1]), 'LIMIT', 0, ARGV[2])
local reply = {'sound', at}
for _, id in ipairs(old) do
  redis.call('ZADD', ages, string.format('%.0f', at), id)
  reply[#reply + 1] = id
end
return reply
