// Package failpoint is where tests make the service fail: named places in the
// code, between two effects, at which a process can be killed, given an error
// or held up. They exist only in a binary built with -tags failpoints; in every
// other build a hook is nothing at all, and a test proves it.
//
// The environment says what happens where, for the whole life of the process:
//
//	FAILPOINT=name=kill|error|delay[:duration][*count][,name=…]
//
//	kill    the process ends at once, as by kill -9
//	error   the step fails with an error that may pass with time
//	delay   the step waits, one second unless a duration is given
//
// A failpoint acts the first count times it is reached, once by default, and
// says so in a line on stderr. A name or an action that does not exist ends the
// start.
//
//	name                    folder  between                           and
//	intake.held             intake  a wave's stock is held            its orders are handed to the store
//	intake.commit.before    store   a batch was taken                 it is inserted
//	intake.commit.after     store   the batch is committed            anyone hears of it
//	relay.publish.before    bus     a batch is leased                 its events are sent
//	relay.publish.after     bus     the events are acknowledged       the relay knows
//	relay.delete.before     bus     batches are known as published    their outbox rows are deleted
//	consumer.start.before   bus     a reservation was read            its saga is started
//	consumer.start.after    bus     a saga is started                 the consumer knows
//	consumer.commit.before  bus     a poll's sagas are started        its offsets are committed
//	saga.<activity>.before  saga    Temporal gave out the activity    it does anything
//	saga.<activity>.after   saga    its effect is complete            Temporal learns of it
//	saga.<status>.moved     saga    the move to status is committed   it is published
//
// where activity is one of [Activities] and status one of [Moves].
package failpoint
