-- Hold units for an order that is about to be written.
-- KEYS[6]: the idempotency key, when the request has one
-- ARGV: order id, user, units, unit price or '', 1 for a retry under a known
--       id, body hash, the key's life in seconds
-- Returns {'held', price, currency}, {'seen', first id and hash} or
-- {code of the refusal, free units when sold out}.
local id, user, units, unitPrice, retry, hash, life = unpack(ARGV)
local key = KEYS[6]

-- First of all, so that the retry of an accepted order is never refused.
if key and retry ~= '1' then
  local first = redis.call('GET', key)
  if first and string.sub(first, 1, #id) ~= id then
    return {'seen', first}
  end
end

if absent() then return {'price-unavailable'} end
local p = redis.call('HMGET', product, 'price', 'currency', 'startsAt', 'endsAt', 'limit')
local price, currency, startsAt, endsAt, limit = p[1], p[2], tonumber(p[3]), tonumber(p[4]), tonumber(p[5])
if unitPrice ~= '' and unitPrice ~= price then return {'price-changed'} end

-- The same hold again changes nothing. Another quantity under a known id (the
-- first request was never written) is a new hold and passes every check.
local old = redis.call('HGET', holds, id)
if old ~= units .. '|' .. user then
  if old then release(id) end
  local at, wanted = now(), tonumber(units)
  if at < startsAt or (endsAt > 0 and at >= endsAt) then return {'sale-closed'} end
  if limit > 0 and owned(user) + tonumber(redis.call('HGET', inflight, user) or 0) + wanted > limit then
    return {'purchase-limit'}
  end
  if free() < wanted then return {'sold-out', free()} end
  take(id, user, units)
end

if key then redis.call('SET', key, id .. hash, 'EX', life) end
return {'held', price, currency}
