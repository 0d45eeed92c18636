package cache

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed common.lua
	commonLua string
	//go:embed hold.lua
	holdLua string
	//go:embed drop.lua
	dropLua string
	//go:embed settle.lua
	settleLua string
	//go:embed sync.lua
	syncLua string
	//go:embed begin.lua
	beginLua string
	//go:embed users.lua
	usersLua string
	//go:embed restore.lua
	restoreLua string
	//go:embed reap.lua
	reapLua string
)

// scripts are the gate's programs, each with common.lua before it.
type scripts struct {
	hold, drop, settle, sync, begin, users, restore, reap *redis.Script
}

func newScripts() scripts {
	script := func(body string) *redis.Script { return redis.NewScript(commonLua + body) }
	return scripts{
		hold: script(holdLua), drop: script(dropLua), settle: script(settleLua), sync: script(syncLua),
		begin: script(beginLua), users: script(usersLua), restore: script(restoreLua), reap: script(reapLua),
	}
}
