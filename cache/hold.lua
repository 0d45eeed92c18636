-- Hold units for orders of one product that are about to be written, in the
-- order given. One read of the product, one of the clock and one write for
-- each structure serve them all.
-- KEYS[6...]: the idempotency keys of the holds that have one, in their order
-- ARGV: the keys' life in seconds; then of each hold: order id, user, units,
--       unit price or '', and without a key '', else '1' for a retry under a
--       known id or '0', followed by the body's hash
-- Returns {price, currency, free units, answers...}. An answer is 1 for held,
-- the code of a refusal, or {first id and hash} of a key that was seen.
local width, life = 5, ARGV[1]
local p = redis.call('HMGET', product, 'version', 'price', 'currency', 'available', 'held', 'startsAt', 'endsAt', 'limit')
local price, left, limit = p[2], tonumber(p[4] or 0) - tonumber(p[5] or 0), tonumber(p[8] or 0)
local at, startsAt, endsAt = now(), tonumber(p[6] or 0), tonumber(p[7] or 0)
local closed = at < startsAt or (endsAt > 0 and at >= endsAt)

local ids = {}
for i = 2, #ARGV, width do ids[#ids + 1] = ARGV[i] end
local known = redis.call('HMGET', holds, unpack(ids)) -- what each id holds already

-- Holds that are taken and not yet written.
local values, ages_, total = {}, {}, 0
local score = string.format('%.0f', at)

local function write()
  if #values == 0 then return end
  redis.call('HSET', holds, unpack(values))
  redis.call('ZADD', ages, unpack(ages_))
  redis.call('HINCRBY', product, 'held', string.format('%.0f', total))
  values, ages_, total = {}, {}, 0
end

local taken = {} -- id -> value, of this call
local function hold(n, id, user, units, unitPrice)
  if not p[1] then return 'price-unavailable' end
  if unitPrice ~= '' and unitPrice ~= price then return 'price-changed' end

  -- The same hold again changes nothing. Another quantity under a known id (the
  -- first request was never written) is a new hold and passes every check.
  local value, old, wanted = units .. '|' .. user, taken[id] or known[n], tonumber(units)
  if old == value then return 1 end
  if old then
    write()
    release(id)
    left, taken[id], known[n] = left + tonumber((split(old))), nil, false
  end
  if closed then return 'sale-closed' end
  if limit > 0 and owned(user) + tonumber(redis.call('HGET', inflight, user) or 0) + wanted > limit then
    return 'purchase-limit'
  end
  if left < wanted then return 'sold-out' end

  left, total, taken[id] = left - wanted, total + wanted, value
  values[#values + 1], values[#values + 2] = id, value
  ages_[#ages_ + 1], ages_[#ages_ + 2] = score, id
  redis.call('HINCRBY', inflight, user, units) -- also without a limit: one that is set later counts them
  return 1
end

local reply, nextKey = {price or '', p[3] or '', 0}, 6
for n, id in ipairs(ids) do
  local i = 2 + (n - 1) * width
  local user, units, unitPrice, key = ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local name, first
  if key ~= '' then
    name, nextKey = KEYS[nextKey], nextKey + 1
    -- First of all, so that the retry of an accepted order is never refused.
    if string.sub(key, 1, 1) == '0' then first = redis.call('GET', name) end
  end
  if first and string.sub(first, 1, #id) ~= id then
    reply[n + 3] = {first}
  else
    local answer = hold(n, id, user, units, unitPrice)
    if answer == 1 and name then redis.call('SET', name, id .. string.sub(key, 2), 'EX', life) end
    reply[n + 3] = answer
  end
end
write()
reply[3] = left
return reply
