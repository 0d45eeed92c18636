// The stream of points. It tells apart what EventSource does not: a server that
// is away, one that refuses, and a connection that is open but silent.

const silence = 5_000; // ms without a point until the figures are called old
const giveUp = 15_000; // ms without a point until the connection is made anew

const between = (least, most) => least + Math.random() * (most - least);

// follow calls on.history(points), on.point(point), on.lost(why) and
// on.refused(status). After on.refused it rests until open() is called.
export function follow(url, on) {
  let source = null;
  let watchdog = 0;

  function open() {
    source?.close();
    source = new EventSource(url);
    source.addEventListener("history", (event) => on.history(JSON.parse(event.data)));
    source.addEventListener("board", (event) => {
      watch();
      on.point(JSON.parse(event.data));
    });
    source.addEventListener("error", (event) => fail(event.target));
    watch();
  }

  function watch() {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => {
      on.lost("The server has gone silent.");
      watchdog = setTimeout(open, giveUp - silence);
    }, silence);
  }

  function fail(failed) {
    if (failed !== source) return;
    if (source.readyState !== EventSource.CLOSED) {
      on.lost("");
      watch();
      return;
    }
    clearTimeout(watchdog);
    explain();
  }

  // explain asks once by fetch, which can see the status EventSource hides.
  async function explain() {
    const { status, why } = await probe(url);
    if (status === 401 || status === 403) {
      on.refused(status);
      return;
    }
    if (status !== 200) on.lost(why);
    watchdog = setTimeout(open, status === 200 ? 0 : between(1_000, 4_000));
  }

  open();
  return { open };
}

async function probe(url) {
  try {
    const response = await fetch(url, { headers: { Accept: "text/event-stream" } });
    if (response.ok) {
      await response.body.cancel();
      return { status: 200 };
    }
    const problem = await response.json().catch(() => ({}));
    return { status: response.status, why: problem.detail ?? `The server answered ${response.status}.` };
  } catch {
    return { status: 0, why: "" };
  }
}
