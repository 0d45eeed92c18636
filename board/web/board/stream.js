// The stream of points. It tells apart a server that is away, one that refuses,
// and a connection that is open but silent.

import { listen } from "../shop/source.js";

const silence = 5_000; // ms without a point until the figures are called old
const giveUp = 15_000; // ms without a point until the connection is made anew
const longest = 30_000; // ms between two tries, however often they failed
const again = 30_000; // ms until one that was refused looks whether somebody has signed in

const between = (least, most) => least + Math.random() * (most - least);

// follow calls on.history(points), on.point(point), on.lost(why) and
// on.refused(status). It tries again by itself, and at once when open() is called.
export function follow(url, on) {
  let connection = null; // AbortController of the one there is
  let failures = 0; // since the last point
  let timer = 0; // of the silence, or of the next try
  let refused = 0; // the status that was told

  function open() {
    connection?.abort();
    const mine = connection = new AbortController();
    const own = (call) => (...all) => mine === connection && call(...all);
    watch();
    listen(url, { signal: mine.signal, heard: own(heard) }).then(own(() => fail("")), own(answered));
  }

  function heard(type, data) {
    if (type === "history") on.history(JSON.parse(data));
    if (type !== "board") return;
    failures = refused = 0;
    watch();
    on.point(JSON.parse(data));
  }

  // watch is for a server that says nothing, or no more.
  function watch() {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (!refused) on.lost("The server has gone silent.");
      timer = setTimeout(retry, between(giveUp - silence, giveUp));
    }, silence);
  }

  function retry() {
    failures++;
    open();
  }

  function answered(problem) {
    if (problem.status === 401 || problem.status === 403) refuse(problem.status);
    else fail(problem.status ? problem.message : "", problem.retryAfter);
  }

  // fail tries again after a while, longer each time: all the boards of a server
  // that went away would come back at once.
  function fail(why, retryAfter = 0) {
    refused = 0;
    on.lost(why);
    rest(between(1_000, Math.min(longest, 4_000 * 2 ** failures)) + 1_000 * retryAfter);
  }

  // refuse says so once: the announcement is for those who listen to the page.
  function refuse(status) {
    if (refused !== status) on.refused(status);
    refused = status;
    rest(between(again, 2 * again));
  }

  function rest(milliseconds) {
    connection?.abort();
    connection = null;
    clearTimeout(timer);
    timer = setTimeout(retry, milliseconds);
  }

  // Who signs in elsewhere comes back to the board.
  function seen() {
    if (!document.hidden && !connection) open();
  }

  document.addEventListener("visibilitychange", seen);
  addEventListener("focus", seen);
  addEventListener("online", seen);
  addEventListener("pagehide", () => rest(longest)); // the Back button may bring it back
  addEventListener("pageshow", ({ persisted }) => persisted && open());
  open();
  return { open: () => { refused = 0; open(); } };
}
