// Package cache is the stock gate: a copy of the ledger in Redis, with the
// units held for orders in flight, that admits or refuses an order in one
// script. The ledger in Postgres decides; the gate only admits.
//
// # Keys
//
// A product's keys share the hash tag {productId}, so its scripts run on Redis
// Cluster: a hash with the ledger and the terms of sale, its holds (hash and
// zset), the units of each buyer in the ledger and in holds, and one string
// per idempotency key. common.lua describes them. Redis should run with
// maxmemory-policy noeviction; what an eviction takes is found and rebuilt.
//
// # Who writes what
//
// Gate: Hold, Drop and Settle, one script each. Sync: publishes products,
// rebuilds absent ones, reaps old holds. Every script is idempotent, and none
// lets free units exceed what the ledger and the holds in flight allow:
//
//   - available is stamped with the ledger's version and never goes back, so
//     late, repeated and reordered settles are harmless;
//   - a hold goes in the same step that publishes the ledger which accounts for
//     its order, so its units may be counted twice for a while, never not at all;
//   - an absent product refuses holds and ignores settles until its rebuild has
//     published a snapshot, with the holds of PENDING orders before the product;
//   - rebuilds carry a token: the last one begun publishes, others notice;
//   - a lost settle leaves a hold behind (reap asks the ledger about it), an old
//     number of free units (sync, a second later), or a buyer's old units (the
//     full publication that follows any change of a limited product).
//
// Versions belong to one database: after restoring an older one, flush Redis.
package cache
