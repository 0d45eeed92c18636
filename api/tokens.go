package api

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2/utils"
)

// Bounds of the memory: 64k tokens in each of two generations, some 35 MB. With
// shards, cores do not wait for each other, and nobody for a new generation.
const (
	tokenShards   = 16
	shardedTokens = 4096 // of one shard and generation
)

// tokens remembers whom verified tokens speak for: a buyer sends the same one
// with every request, and to verify it costs more than the rest of a request.
// What was not believed is not remembered.
//
// A token is known by the SHA-256 of all its text. Two with the same digest
// cannot be made, or signatures could be forged, which are over such digests
// themselves. So an entry has one size, however long its token, a dump of the
// memory holds nobody's token, and the time a look-up takes tells nothing of
// those that are remembered.
//
// It forgets by generations, as limiter does: what nobody showed during the
// last one makes room.
type tokens struct {
	epoch  atomic.Uint64 // counts the key sets that tokens were verified with
	shards [tokenShards]tokenShard
}

type tokenShard struct {
	mu         sync.Mutex
	young, old map[digest]verified
}

// digest is the SHA-256 of a token.
type digest [sha256.Size]byte

// verified is whom a token speaks for, as the keys of one epoch had it.
type verified struct {
	caller
	epoch uint64
}

func newTokens() *tokens {
	t := new(tokens)
	for i := range t.shards {
		t.shards[i].young = map[digest]verified{}
	}
	return t
}

func digestOf(token string) digest { return sha256.Sum256(utils.UnsafeBytes(token)) }

// find returns whom the token speaks for, if it is remembered, its keys are
// those of today, and it has not expired.
func (t *tokens) find(d digest, now time.Time) (caller, bool) {
	v, known := t.shard(d).find(d)
	return v.caller, known && v.epoch == t.epoch.Load() && now.Before(v.expires)
}

// remember notes a token that was verified during epoch, which its caller read
// before the key: a key that was replaced meanwhile makes the entry void.
func (t *tokens) remember(d digest, who caller, epoch uint64) {
	s := t.shard(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(d, verified{who, epoch})
}

// forget makes every entry void, because the keys are others now.
func (t *tokens) forget() { t.epoch.Add(1) }

func (t *tokens) shard(d digest) *tokenShard { return &t.shards[d[0]%tokenShards] }

func (s *tokenShard) find(d digest) (verified, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, known := s.young[d]; known {
		return v, true
	}
	v, known := s.old[d]
	if known {
		s.add(d, v)
	}
	return v, known
}

// add needs the lock.
func (s *tokenShard) add(d digest, v verified) {
	if len(s.young) >= shardedTokens {
		s.young, s.old = make(map[digest]verified, shardedTokens), s.young
	}
	s.young[d] = v
}
