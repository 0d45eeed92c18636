package engine

import "time"

// closed has every connection send as soon as it was answered.
func (l *loop) closed() {
	for _, c := range l.conns {
		l.all.Go(func() { l.repeat(c) })
	}
	l.all.Wait()
	l.offered = min(l.run.now(), l.run.cfg.Duration)
}

func (l *loop) repeat(c *conn) {
	defer func() { c.net.Close() }()
	time.Sleep(-l.run.now())
	for l.run.more(l.ctx) {
		n := l.taken.Add(1) - 1
		if l.run.cfg.Requests > 0 && n >= l.run.cfg.Requests {
			return
		}
		to := c.take(arrival{n, l.run.now()})
		c.out = l.run.send(to, n, c.out)
		a, err := c.receive()
		if err != nil {
			c.countBroken(err)
		} else {
			c.count(a)
		}
		if (err != nil || a.close) && !l.redial(c) {
			return
		}
	}
}
