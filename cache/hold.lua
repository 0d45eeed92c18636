-- Hold units for orders of one product that are about to be written, in the
-- order given. One read of the product, one of the clock and one write for
-- each structure serve them all.
-- KEYS[6...]: the idempotency keys of the holds that have one, in their order
-- ARGV: the keys' life in seconds; then of each hold: order id, user, units,
--       unit price or '', and without a key '', else '1' for a retry under a
--       known id or '0', followed by the body's hash
-- Returns {price, currency, free units, the time, answers...}. An answer is, for
-- held, 1 where the units were taken now, 0 where they were held already, or
-- the time that counts as that of their taking; the code of a refusal; or
-- {first id and hash} of a key that was seen.
local call, args, width, life = redis.call, ARGV, 5, ARGV[1]
local p = call('HMGET', product, 'version', 'price', 'currency', 'available', 'held', 'startsAt', 'endsAt', 'limit')
local there, price, left, limit = p[1], p[2], tonumber(p[4] or 0) - tonumber(p[5] or 0), tonumber(p[8] or 0)
local at, startsAt, endsAt = now(), tonumber(p[6] or 0), tonumber(p[7] or 0)
local closed = at < startsAt or (endsAt > 0 and at >= endsAt)

-- Holds that are taken and not yet written.
local values, scores, size, total = {}, {}, 0, 0
local score = string.format('%.0f', at)

-- An id that is new to the caller must be new here. Were one not, its units
-- would count twice: the product is declared absent, to be rebuilt.
local function write()
  if size == 0 then return end
  if 2 * call('HSET', holds, unpack(values)) < size then call('HDEL', product, 'version') end
  call('ZADD', ages, unpack(scores))
  call('HINCRBY', product, 'held', string.format('%.0f', total))
  values, scores, size, total = {}, {}, 0, 0
end

local function admit(id, user, units, wanted, taken)
  left, total = left - wanted, total + wanted
  values[size + 1], values[size + 2] = id, units .. '|' .. user
  scores[size + 1], scores[size + 2] = taken, id
  size = size + 2
  call('HINCRBY', inflight, user, units) -- also without a limit: one that is set later counts them
end

-- First of all, so that the retry of an accepted order is never refused.
local function seen(name, id, key)
  local first = string.sub(key, 1, 1) == '0' and call('GET', name)
  if first and string.sub(first, 1, #id) ~= id then return {first} end
end

-- Only an id that a key stands for can come again. Its hold is made younger, by
-- a millisecond at least: whoever goes by its age (reap, which has listed it; the
-- request that took it, and failed) no longer drops it. Another quantity (the
-- first request was never written) is a new hold and passes every check.
local function again(id, value)
  write()
  local old = call('HGET', holds, id)
  if not old then return nil, score end
  local younger = math.max(at, tonumber(call('ZSCORE', ages, id) or 0) + 1)
  local taken = string.format('%.0f', younger)
  if old == value then
    call('ZADD', ages, taken, id)
    return 0
  end
  release(id)
  left = left + tonumber((split(old)))
  return nil, taken
end

local function unpriced(unitPrice)
  if not there then return 'price-unavailable' end
  if unitPrice ~= '' and unitPrice ~= price then return 'price-changed' end
end

-- A refusal is final, and whoever is told lets go of the key. What has a hold may be
-- in its commit, at the price of then.
local function undecided(id)
  write()
  return call('HEXISTS', holds, id) == 1
end

local function unavailable(user, wanted)
  if closed then return 'sale-closed' end
  if limit > 0 and owned(user) + tonumber(call('HGET', inflight, user) or 0) + wanted > limit then
    return 'purchase-limit'
  end
  if left < wanted then return 'sold-out' end
end

local reply, nextKey, n = {price or '', p[3] or '', 0, at}, 6, 4
for i = 2, #args, width do
  local id, user, units, unitPrice, key = args[i], args[i + 1], args[i + 2], args[i + 3], args[i + 4]
  local wanted, keyed, name, answer = tonumber(units), key ~= '', nil, nil
  if keyed then
    name, nextKey = KEYS[nextKey], nextKey + 1
    answer = seen(name, id, key)
  end
  if not answer then
    local taken = score
    answer = unpriced(unitPrice)
    if keyed and not answer then
      answer, taken = again(id, units .. '|' .. user)
    elseif keyed and undecided(id) then
      answer = 'outcome-unknown'
    end
    answer = answer or unavailable(user, wanted)
    if not answer then
      admit(id, user, units, wanted, taken)
      answer = taken == score and 1 or tonumber(taken)
    end
    if keyed and type(answer) == 'number' then call('SET', name, id .. string.sub(key, 2), 'EX', life) end
  end
  n = n + 1
  reply[n] = answer
end
write()
reply[3] = left
return reply
