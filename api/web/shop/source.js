// Server-sent events read by fetch. EventSource keeps to itself what it was
// answered, so that nobody could wait as long as the service asks for; it sends
// no token, and it is silent about comments, which tell that a connection lives.

import { problemOf, Problem } from "./api.js";

// listen reads the stream at path until it ends, or until signal aborts. It
// calls alive() whenever something comes, be it a comment, and heard(type, data)
// with each event. It throws a Problem where there is no stream.
export async function listen(path, { token, signal, alive = () => {}, heard }) {
  const headers = { Accept: "text/event-stream" };
  if (token) headers.Authorization = `Bearer ${token}`;
  try {
    const response = await fetch(path, { headers, signal, cache: "no-store" });
    if (!response.ok) throw await problemOf(response);
    if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
      await response.body?.cancel();
      throw new Problem({ status: response.status, code: "unavailable", title: "Something else than the service answered." });
    }
    await read(response.body.getReader(), alive, new Events(heard));
  } catch (error) {
    throw error instanceof Problem ? error : new Problem({});
  }
}

async function read(reader, alive, events) {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    alive();
    events.take(value);
  }
}

// Events interprets the bytes of a stream, however they are cut (WHATWG HTML,
// section 9.2.6). Ids and retry: are of no use to those who start with a
// snapshot and take pauses of their own.
export class Events {
  #decoder = new TextDecoder(); // takes the byte order mark away, and waits for the rest of a character
  #rest = ""; // of a line that has not ended yet
  #returned = false; // whether the last text ended with CR: an LF after it is the same end
  #type = "";
  #data = [];

  constructor(heard) {
    this.heard = heard;
  }

  take(bytes) {
    let text = this.#decoder.decode(bytes, { stream: true });
    if (!text) return;
    if (this.#returned && text.startsWith("\n")) text = text.slice(1);
    this.#returned = text.endsWith("\r");
    const lines = (this.#rest + text).split(/\r\n|\r|\n/);
    this.#rest = lines.pop();
    for (const line of lines) this.#line(line);
  }

  #line(line) {
    if (line === "") return this.#dispatch();
    const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line);
    if (field === "event") this.#type = value;
    if (field === "data") this.#data.push(value);
  }

  #dispatch() {
    const [type, data] = [this.#type, this.#data];
    [this.#type, this.#data] = ["", []];
    if (!data.length) return;
    try {
      this.heard(type || "message", data.join("\n"));
    } catch (error) {
      reportError(error); // one event that nobody thought of does not end those after it
    }
  }
}
