// Who is buying. The demo login believes whoever asks and also sets the
// HttpOnly cookie that streams need, because EventSource sends no headers.
//
// The token stays in this page's memory. The buyer's name is kept for all tabs:
// they share the cookie, so they have to be the same person.

import { Problem, request } from "./api.js";
import { ofAllTabs } from "./storage.js";

const nameKey = "shop.buyer"; // of all tabs

let current = null; // {accessToken, userId}
let closed = false; // there is no demo login here

export const buyer = () => current?.userId;
export const browsing = () => closed;

// signIn gets a new token and cookie. It returns the buyer's name, or null
// where there is no demo login.
export async function signIn() {
  const name = buyer() || ofAllTabs.get(nameKey);
  try {
    current = await request("POST", "/dev/login", { body: name ? { userId: name } : {} });
  } catch (problem) {
    closed = problem.status === 404;
    if (closed) return null;
    throw problem;
  }
  ofAllTabs.set(nameKey, current.userId);
  return current.userId;
}

// call is a request in the buyer's name; a token that has ended is replaced.
export async function call(method, path, options = {}) {
  if (!current) throw new Problem({ status: 401, code: "unauthenticated" });
  try {
    return await request(method, path, { ...options, token: current.accessToken });
  } catch (problem) {
    if (problem.status !== 401 || !(await signIn())) throw problem;
    return request(method, path, { ...options, token: current.accessToken });
  }
}

// becomeSomeoneElse starts again as a new guest; other tabs follow.
export function becomeSomeoneElse() {
  ofAllTabs.remove(nameKey);
  location.assign("/");
}

// followOtherTabs starts again when another tab has become someone else.
export function followOtherTabs() {
  addEventListener("storage", ({ key, newValue }) => {
    if (key === nameKey && newValue && newValue !== buyer()) location.reload();
  });
}
