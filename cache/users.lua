-- Publish users' ledger units, a part of a full publication.
-- ARGV: token, version, then user and units of each
-- Returns 1, or 0 when the publication was superseded or flushed.
if redis.call('HGET', product, 'build') ~= ARGV[1] then return 0 end
for i = 3, #ARGV, 2 do
  own(ARGV[i], ARGV[i + 1], ARGV[2])
end
return 1
