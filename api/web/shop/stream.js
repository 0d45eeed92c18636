// The live progress of all of the buyer's orders, over one server-sent event
// stream: a browser has only six connections to a server for all its tabs.
//
// Every connect begins with a snapshot, so there is nothing to remember over a
// loss. The stream is this buyer's by its token, whoever's the cookie is by now.

import { patience } from "./api.js";
import { listen } from "./source.js";

const path = "/orders/events";
const hiddenLife = 60_000; // milliseconds that a tab nobody looks at keeps its connection
const opening = 15_000; // milliseconds until a stream that does not open counts as lost
const silence = 45_000; // milliseconds until an open one does: the service sends a comment every 15 s

// follow opens the stream, for a buyer who has just signed in. It calls
//   progress(event)  for each event,
//   position(event)  when an order's place in the line is known,
//   changed(state)   with "connecting", "live", "lost", "offline" or "resting",
//   token()          for the buyer's token,
//   renew()          for a new one before it reconnects; it returns a promise.
export function follow({ progress, position, changed, token, renew }) {
  let connection = null; // AbortController of the one that is open, or about to be
  let live = 0; // when something came first
  let ended = false; // the token is, or nearly
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
      if (ended) await renew();
      ended = false;
      if (mine === turn) await connect(mine);
      if (mine === turn) lost();
    } catch (problem) {
      if (mine === turn) refused(problem);
    }
  }

  function connect(mine) {
    connection = new AbortController();
    timer = setTimeout(lost, opening); // a proxy may keep to itself what it is sent
    const alive = () => mine === turn && hearing();
    const heard = (type, data) => mine === turn && events[type]?.(data);
    return listen(path, { token: token(), signal: connection.signal, alive, heard });
  }

  const events = {
    progress: (data) => progress(JSON.parse(data)),
    position: (data) => position(JSON.parse(data)),
    reauth: () => { // the token is about to end
      ended = true;
      open();
    },
  };

  // hearing starts the clock of silence anew: nobody tells a page that its
  // connection has gone.
  function hearing() {
    clearTimeout(timer);
    timer = setTimeout(lost, silence);
    if (live) return;
    live = Date.now();
    changed("live");
  }

  function close() {
    turn++;
    clearTimeout(timer);
    connection?.abort();
    connection = null;
    live = 0;
  }

  function refused(problem) {
    ended ||= problem.status === 401;
    lost(problem);
  }

  // lost tries again after a while, spread so that the buyers of a server that
  // went away do not all come back at once, and no sooner than they are asked to.
  // One that ends as soon as it is open is none.
  function lost(problem) {
    if (live && Date.now() - live > opening) failures = 0;
    close();
    changed(navigator.onLine ? "lost" : "offline");
    const wait = 1000 + Math.random() * Math.min(3000 * ++failures, 14_000);
    timer = setTimeout(open, problem?.retryAfter ? Math.max(wait, patience(problem)) : wait);
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
    if (!live) open();
  }

  document.addEventListener("visibilitychange", seen);
  addEventListener("offline", changedNetwork); // a service on this very machine is still there
  addEventListener("online", changedNetwork);
  addEventListener("pageshow", ({ persisted }) => persisted && open());
  addEventListener("pagehide", close);
  open();
  return { reopen };
}
