// One product on the shelf: its price, how many are left, and Buy.

import { drawing } from "./art.js";
import { until } from "./clock.js";
import { focusIn, part, setHidden, setOff, setText, setTone, stamp } from "./dom.js";
import { count, countdown, moment } from "./format.js";
import { money } from "../money.js";
import { attempt, place } from "./purchase.js";
import { browsing, buyer } from "./session.js";
import { refused, waiting } from "./words.js";

const few = 10; // units that are worth a warning
const soon = 30 * 86_400_000; // milliseconds before the end from which a sale counts down
const afterglow = 1500; // milliseconds that Buy stays shut after an order: a double click is one

const badges = {
  open: ["On sale", "good"], upcoming: ["Soon", "busy"], "sold-out": ["Sold out", "bad"], closed: ["Ended", "off"],
};

export class ProductCard {
  #product;
  #sending = null; // AbortController of the order that is on its way
  #resting = false;

  // ordered(accepted, body, product, here) is called with each order that was
  // taken, and whether its buyer is still at this card; refresh() to read the
  // products anew; it returns a promise.
  constructor(product, { ordered, refresh }) {
    this.element = stamp("product-template");
    this.ordered = ordered;
    this.refresh = refresh;
    this.form = this.part("form");
    this.part("visual").prepend(drawing(product.productId));
    this.#listen();
    this.update(product);
  }

  part(name) {
    return part(this.element, name);
  }

  get product() {
    return this.#product;
  }

  get quantity() {
    return this.form.quantity.valueAsNumber || 1;
  }

  #listen() {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#buyable) this.buy();
    });
    this.form.addEventListener("input", () => this.render());
    this.part("less").addEventListener("click", () => this.#step(-1));
    this.part("more").addEventListener("click", () => this.#step(1));
    this.part("close").addEventListener("click", () => this.#dismiss());
  }

  #step(by) {
    if (!this.#offered) return;
    this.form.quantity.value = Math.min(1000, Math.max(1, this.quantity + by));
    this.render();
  }

  update(product) {
    this.#product = product;
    this.render();
  }

  // state is the product's at this very second: a sale opens and ends by the
  // clock, without asking the service.
  get state() {
    const { state, startsAt, endsAt, available } = this.#product;
    if (state === "closed" || (endsAt && until(endsAt) <= 0)) return "closed";
    if (state === "upcoming" && until(startsAt) <= 0) return available > 0 ? "open" : "sold-out";
    return state;
  }

  get #offered() {
    return this.state === "open" && Boolean(buyer());
  }

  get #buyable() {
    return this.#offered && !this.#sending && !this.#resting;
  }

  render() {
    const p = this.#product;
    const state = this.state;
    const [badge, tone] = badges[state];
    this.element.dataset.state = state;
    setText(this.part("name"), p.name);
    setText(this.part("badge"), badge);
    setTone(this.part("badge"), tone);
    setText(this.part("price"), money(p.unitPrice, p.currency));
    this.#renderStock(state);
    setText(this.part("buy"), this.#label(state));
    setOff(this.part("buy"), !this.#buyable);
    this.part("quantity-group").setAttribute("aria-label", `Quantity of ${p.name}`);
    for (const control of [this.part("less"), this.part("more"), this.form.quantity]) setOff(control, !this.#offered);
    this.form.quantity.readOnly = !this.#offered;
  }

  #renderStock(state) {
    const { available, startsAt, endsAt } = this.#product;
    const left = available <= few ? `Only ${count(available)} left` : `${count(available)} left`;
    const lines = {
      open: endsAt && until(endsAt) < soon ? `${left} · ends in ${countdown(until(endsAt))}` : left,
      upcoming: startsAt && `Opens ${moment(startsAt)}`,
      "sold-out": "None left right now",
      closed: endsAt && `Ended ${moment(endsAt)}`,
    };
    setText(this.part("stock"), lines[state] || "");
    setTone(this.part("stock"), state === "open" && available <= few ? "warn" : "");
  }

  #label(state) {
    if (this.#resting) return "Ordered ✓";
    if (this.#sending) return "Ordering…";
    const { unitPrice, currency, startsAt } = this.#product;
    const labels = {
      open: browsing() ? "Sign in to buy" : `Buy for ${money(unitPrice * this.quantity, currency)}`,
      upcoming: startsAt && `Opens in ${countdown(until(startsAt))}`,
      "sold-out": "Sold out",
      closed: "Sale ended",
    };
    return labels[state] || "";
  }

  buy() {
    const { productId, unitPrice } = this.#product;
    return this.send(attempt({ productId, quantity: this.quantity, unitPrice }));
  }

  // send sees an attempt through; it is also called for one that a reload
  // interrupted.
  async send(made) {
    this.#sending = new AbortController();
    this.#dismiss();
    this.render();
    try {
      const accepted = await place(made, (problem, seconds) => this.#wait(problem, seconds), this.#sending.signal);
      const here = focusIn(this.element) || document.activeElement === document.body;
      this.#dismiss();
      this.#rest();
      this.form.reset();
      this.ordered(accepted, made.body, this.#product, here);
    } catch (problem) {
      if (this.#sending.signal.aborted) this.#note("Stopped", "Should the order have got through, it is among your orders.");
      else await this.#refuse(problem, made.body);
    } finally {
      this.#sending = null;
      this.render();
    }
  }

  #rest() {
    this.#resting = true;
    setTimeout(() => {
      this.#resting = false;
      this.render();
    }, afterglow);
  }

  #wait(problem, seconds) {
    const [title, text, when] = waiting(problem, seconds);
    this.#note(title, text, "Stop trying", () => this.#sending?.abort());
    setText(this.part("note-when"), when);
  }

  async #refuse(problem, body) {
    await this.refresh();
    const { quantity, unitPrice } = body;
    const [title, text] = refused(problem, this.#product, body);
    const { productId, unitPrice: price, currency } = this.#product;
    if (problem.code !== "price-changed" || price === unitPrice) return this.#note(title, text);
    // What is agreed to is what the button says, also once it is another price.
    this.#note(title, text, `Buy for ${money(price * quantity, currency)}`, () => this.send(attempt({ productId, quantity, unitPrice: price })));
  }

  // note lies over the picture, so that nothing moves when it appears.
  #note(title, text, label, act) {
    setText(this.part("note-title"), title);
    setText(this.part("note-text"), text);
    setText(this.part("note-when"), "");
    setHidden(this.part("close"), label === "Stop trying");
    setHidden(this.part("note"), false);
    const action = this.part("note-action");
    if (!label && focusIn(action)) this.part("close").focus();
    setText(action, label || "");
    setHidden(action, !label);
    action.onclick = act || null;
  }

  #dismiss() {
    if (focusIn(this.part("note"))) this.part("buy").focus();
    setHidden(this.part("note"), true);
  }
}
