// One call of the service over HTTP.

const timeout = 15_000; // milliseconds; the service gives up a request after 10 s

// passing are the problems that waiting solves.
const passing = new Set(["overloaded", "unavailable", "outcome-unknown", "rate-limited", "request-timeout", "network"]);

// Problem is any answer that is not a success (RFC 9457), or none at all.
export class Problem extends Error {
  constructor({ status = 0, code = "network", title = "", detail = "", errors = [] }, retryAfter = 0) {
    const fields = errors.map((e) => `${e.field} ${e.message}`).join("; ");
    super(fields || detail || title || "The service did not answer.");
    Object.assign(this, { status, code, retryAfter });
  }

  get passing() {
    return passing.has(this.code);
  }

  // settled means that the request was certainly not carried out.
  get settled() {
    return !this.passing && this.status !== 401 && this.status < 500;
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
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    if (!response.ok) throw await problemOf(response);
    return await response.json();
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw error instanceof Problem ? error : new Problem({});
  }
}

async function problemOf(response) {
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  const unavailable = [502, 503, 504].includes(response.status); // a proxy speaks for the service
  const details = await response.json().catch(() => ({
    status: response.status, code: unavailable ? "unavailable" : "internal", title: `The service answered ${response.status}.`,
  }));
  return new Problem(details, retryAfter);
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
// what the service asks for, else longer each time, never quite the same.
export function patience(problem, n) {
  if (problem?.retryAfter) return problem.retryAfter * 1000;
  return Math.min(10_000, 1000 * 2 ** Math.min(n, 6)) * (0.75 + Math.random() / 2);
}
