-- Restore the holds of PENDING orders, a part of a rebuild.
-- ARGV: token, then order id, user and units of each
-- Returns 1, or 0 when the rebuild was superseded or flushed.
if redis.call('HGET', product, 'build') ~= ARGV[1] then return 0 end
for i = 2, #ARGV, 3 do
  if redis.call('HEXISTS', holds, ARGV[i]) == 0 then
    take(ARGV[i], ARGV[i + 1], ARGV[i + 2])
  end
end
return 1
