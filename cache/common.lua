-- Every script of the gate begins with this file: names for the keys and the
-- few moves they share. Counters change by HINCRBY with the strings they were
-- given, so no amount is ever formatted by Lua.
--
-- product   hash: the ledger at `version`, the terms of sale read at `terms`,
--           `held` (the sum of holds), `base` (version of the last full
--           publication of users), `build` (token of a rebuild under way)
-- holds     hash: order id -> units|user
-- ages      zset: order id -> Redis time of the hold, or when it was last seen
--           to be wanted, ms
-- users     hash: user -> units|version, reserved or confirmed in the ledger
-- inflight  hash: user -> units in holds
local product, holds, ages, users, inflight = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- A product without a version is absent: never published, flushed or half
-- rebuilt. Only a rebuild brings it back.
local function absent()
  return redis.call('HEXISTS', product, 'version') == 0
end

local function free()
  local p = redis.call('HMGET', product, 'available', 'held')
  return tonumber(p[1] or 0) - tonumber(p[2] or 0)
end

local function split(value)
  return string.match(value, '^(%d+)|(.*)$')
end

local function take(id, user, units)
  redis.call('HSET', holds, id, units .. '|' .. user)
  redis.call('ZADD', ages, string.format('%.0f', now()), id)
  redis.call('HINCRBY', product, 'held', units)
  redis.call('HINCRBY', inflight, user, units)
end

local function release(id)
  local value = redis.call('HGET', holds, id)
  if not value then return end
  local units, user = split(value)
  redis.call('HDEL', holds, id)
  redis.call('ZREM', ages, id)
  redis.call('HINCRBY', product, 'held', '-' .. units)
  if redis.call('HINCRBY', inflight, user, '-' .. units) <= 0 then
    redis.call('HDEL', inflight, user)
  end
end

-- Ledger units of a user and the version they were read at. A full publication
-- at `base` speaks for users it does not name: older entries count as zero.
local function owned(user)
  local base = tonumber(redis.call('HGET', product, 'base') or 0)
  local value = redis.call('HGET', users, user)
  if not value then return 0, base end
  local units, version = split(value)
  version = tonumber(version)
  if version < base then return 0, base end
  return tonumber(units), version
end

local function own(user, units, version)
  local _, known = owned(user)
  if tonumber(version) >= known then
    redis.call('HSET', users, user, units .. '|' .. version)
  end
end

local function advance(version, available)
  local known = redis.call('HGET', product, 'version')
  if not known or tonumber(version) > tonumber(known) then
    redis.call('HSET', product, 'version', version, 'available', available)
  end
end
