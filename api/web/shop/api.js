// One call of the service over HTTP.

const timeout = 15_000; // milliseconds; the service gives up a request after 10 s
const longest = 60; // seconds that are waited because an answer asks for it

// passing are the problems that waiting solves.
const passing = new Set(["overloaded", "unavailable", "outcome-unknown", "rate-limited", "request-timeout", "network"]);

// Problem is any answer that is not a success (RFC 9457), or none at all. It is
// the service's own where that gave the details, rather than a proxy before it.
export class Problem extends Error {
  constructor({ status = 0, code = "network", title = "", detail = "", errors = [] }, { own = false, retryAfter = 0 } = {}) {
    const fields = errors.map((e) => `${e.field} ${e.message}`).join("; ");
    super(fields || detail || title || "The service did not answer.");
    Object.assign(this, { status, code, own, retryAfter });
  }

  get passing() {
    return passing.has(this.code);
  }

  // settled means that the request was certainly not carried out, and neither
  // were those before it with the same key: a proxy does not know of them.
  get settled() {
    return this.own && !this.passing && this.status !== 401 && this.status < 500;
  }
}

// request returns the answer's JSON or throws a Problem. It rethrows the
// AbortError of a caller who gave up through signal.
export async function request(method, path, { body, headers = {}, token, signal } = {}) {
  const sent = { ...headers };
  if (token) sent.Authorization = `Bearer ${token}`;
  if (body) sent["Content-Type"] = "application/json";
  const limit = AbortSignal.timeout(timeout);
  try {
    const response = await fetch(path, {
      method, headers: sent, body: body && JSON.stringify(body), cache: "no-store",
      signal: signal ? either(signal, limit) : limit,
    });
    if (!response.ok) throw await problemOf(response);
    return await response.json();
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw error instanceof Problem ? error : new Problem({});
  }
}

// either aborts with the first of two signals: browsers of 2023 have no
// AbortSignal.any, and somebody wants to buy with one.
function either(one, other) {
  const first = new AbortController();
  for (const signal of [one, other]) {
    if (signal.aborted) first.abort(signal.reason);
    signal.addEventListener("abort", () => first.abort(signal.reason), { once: true });
  }
  return first.signal;
}

// Codes for the answers of proxies that speak for a service they cannot reach,
// or that have too much to do. Those from 520 are Cloudflare's.
const proxies = {
  408: "request-timeout", 425: "unavailable", 429: "overloaded", 502: "unavailable", 503: "unavailable", 504: "unavailable",
  520: "unavailable", 521: "unavailable", 522: "unavailable", 523: "unavailable", 524: "unavailable",
};

// problemOf is what an answer that is no success says.
export async function problemOf(response) {
  const { status, headers } = response;
  const retryAfter = secondsOf(headers.get("Retry-After"));
  const details = await response.json().catch(() => null);
  const own = Boolean(details?.code) && details.type === `/problems/${details.code}`;
  if (own) return new Problem({ ...details, status }, { own, retryAfter });
  return new Problem({ status, code: proxies[status] ?? "internal", title: `The service answered ${status}.` }, { retryAfter });
}

// secondsOf reads Retry-After (RFC 9110, section 10.2.3), which is a number or a
// time; 0 where it asks for nothing that can be done. Who would be told to come
// back in an hour comes earlier: nobody looks at a page for that long.
function secondsOf(retryAfter) {
  const seconds = /^\d+$/.test(retryAfter) ? Number(retryAfter) : (Date.parse(retryAfter) - Date.now()) / 1000;
  return seconds > 0 ? Math.min(seconds, longest) : 0;
}

// pause waits some milliseconds, less when the connection comes back
// meanwhile. It throws when signal aborts.
export async function pause(milliseconds, signal) {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const done = new AbortController();
    const end = (settle) => (event) => {
      clearTimeout(timer);
      done.abort();
      settle(event);
    };
    const timer = setTimeout(end(resolve), milliseconds);
    addEventListener("online", end(resolve), { signal: done.signal });
    signal?.addEventListener("abort", end(() => reject(signal.reason)), { signal: done.signal });
  });
}

// patience is the wait before trying again for the nth time, in milliseconds:
// what the service asks for, else longer each time, never quite the same. Of a
// time that all were told, nobody is early.
export function patience(problem, n) {
  if (problem?.retryAfter) return problem.retryAfter * 1000 * (1 + Math.random() / 4);
  return Math.min(10_000, 1000 * 2 ** Math.min(n, 6)) * (0.75 + Math.random() / 2);
}
