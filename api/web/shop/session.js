// Who is buying. The demo login believes whoever asks. The token stays in this
// page's memory; the buyer's name is kept for all tabs, which are one person.

import { Problem, request } from "./api.js";
import { ofAllTabs } from "./storage.js";

const nameKey = "shop.buyer"; // of all tabs

let current = null; // {accessToken, userId}
let closed = false; // there is no demo login here

export const buyer = () => current?.userId;
export const token = () => current?.accessToken;
export const browsing = () => closed;

// signIn gets a new token. It returns the buyer's name, or null
// where there is no demo login.
export async function signIn() {
  if (succeeded()) return startAgain();
  const name = ofAllTabs.get(nameKey) || buyer();
  let granted;
  try {
    granted = await request("POST", "/dev/login", { body: name ? { userId: name } : {} });
  } catch (problem) {
    closed = problem.code === "not-found"; // so says the service, not a proxy
    if (closed) return null;
    throw problem;
  }
  if (succeeded(granted)) return startAgain();
  current = granted;
  ofAllTabs.set(nameKey, current.userId);
  return current.userId;
}

// call is a request in the buyer's name; a token that has ended is replaced.
export async function call(method, path, options = {}) {
  if (!current) throw new Problem({ status: 401, code: "unauthenticated" });
  if (succeeded()) return startAgain();
  try {
    return await request(method, path, { ...options, token: current.accessToken });
  } catch (problem) {
    if (problem.status !== 401 || !(await signIn())) throw problem;
    return request(method, path, { ...options, token: current.accessToken });
  }
}

// succeeded is whether all tabs have another buyer by now.
function succeeded(by = current) {
  const name = ofAllTabs.get(nameKey);
  return Boolean(by && name) && name !== by.userId;
}

// startAgain leaves what the page shows and was about to do with its buyer:
// nobody goes on from here in another's name.
function startAgain() {
  location.reload();
  return new Promise(() => {});
}

// becomeSomeoneElse starts again as a new guest, and so do the other tabs. There
// is no moment without a name, in which one of them could put the old one back.
export async function becomeSomeoneElse() {
  const { userId } = await request("POST", "/dev/login", { body: {} });
  ofAllTabs.set(nameKey, userId);
  location.assign("/");
}

// followOtherTabs starts again when another tab has become someone else, be it
// while this one was out of sight, for the Back button to bring back.
export function followOtherTabs() {
  const follow = () => succeeded() && startAgain();
  addEventListener("storage", ({ key }) => key === nameKey && follow());
  addEventListener("pageshow", ({ persisted }) => persisted && follow());
}
