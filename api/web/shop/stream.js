// The live progress of all of the buyer's orders, over one server-sent event
// stream: a browser has only six connections to a server for all its tabs.
//
// Every connect begins with a snapshot, so there is nothing to remember over a
// loss. The stream reconnects by itself rather than by EventSource, which would
// come back with whatever cookie there is by then: the sale board's, say.

const path = "/orders/events";
const hiddenLife = 60_000; // milliseconds that a tab nobody looks at keeps its connection
const opening = 15_000; // milliseconds until a stream that does not open counts as lost

// follow opens the stream, for a buyer who has just signed in. It calls
//   progress(event)  for each event,
//   position(event)  when an order's place in the line is known,
//   changed(state)   with "connecting", "live", "lost", "offline" or "resting",
//   renew()          to sign in again before it reconnects; it returns a promise.
export function follow({ progress, position, changed, renew }) {
  let source = null;
  let signedIn = true;
  let failures = 0;
  let turn = 0; // which call of open is the latest
  let timer; // of the next try, or of the one under way
  let resting; // timer of a hidden tab
  let asleep = false; // the timer has run out
  let hiddenAt;

  async function open() {
    close();
    asleep = false;
    const mine = ++turn;
    if (!failures) changed("connecting");
    try {
      if (!signedIn) await renew();
    } catch {
      return mine === turn && lost();
    }
    if (mine === turn) connect();
  }

  function connect() {
    signedIn = false;
    source = new EventSource(path);
    timer = setTimeout(lost, opening); // a proxy may keep to itself what it is sent
    source.addEventListener("open", () => {
      clearTimeout(timer);
      failures = 0;
      changed("live");
    });
    source.addEventListener("progress", (message) => progress(JSON.parse(message.data)));
    source.addEventListener("position", (message) => position(JSON.parse(message.data)));
    source.addEventListener("reauth", open); // the token is about to end
    source.addEventListener("error", lost);
  }

  function close() {
    turn++;
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  // lost tries again after a while, spread so that the buyers of a server that
  // went away do not all come back at once.
  function lost() {
    close();
    changed(navigator.onLine ? "lost" : "offline");
    timer = setTimeout(open, 1000 + Math.random() * Math.min(3000 * ++failures, 14_000));
  }

  function rest() {
    close();
    asleep = true;
    changed("resting");
  }

  function seen() {
    clearTimeout(resting);
    if (document.hidden) {
      hiddenAt = Date.now();
      resting = setTimeout(rest, hiddenLife);
    } else if (Date.now() - hiddenAt > hiddenLife) open(); // a frozen page's timers stood still, and its connection may be dead
    else reopen();
  }

  // A tab that rests has nothing to do with the network.
  const changedNetwork = () => asleep || open();

  function reopen() {
    if (source?.readyState !== EventSource.OPEN) open();
  }

  document.addEventListener("visibilitychange", seen);
  addEventListener("offline", changedNetwork); // a service on this very machine is still there
  addEventListener("online", changedNetwork);
  addEventListener("pageshow", ({ persisted }) => persisted && open());
  addEventListener("pagehide", close);
  open();
  return { reopen };
}
