// The stock of each product: what is sold, what is reserved for a payment, what is left.

import { count } from "./format.js";
import { shortMoney } from "../money.js";
import { absence, keep, write } from "./rows.js";

const $ = (id) => document.getElementById(id);
const tones = { open: "good", "sold-out": "busy" };

export function showStock({ products, health }) {
  const none = products?.length === 0 ? "There are no products yet." : "";
  write($("stock-note"), products ? none : absence(health, "Postgres"));
  keep($("stock"), $("product-stock"), products ?? [], (product) => product.productId, fill);
}

function fill(row, product) {
  const part = (selector) => row.querySelector(selector);
  part(".name").title = product.name;
  write(part(".name"), product.name);
  write(part(".cost"), shortMoney(product.unitPrice, product.currency));
  write(part(".phase"), product.state.replace("-", " "));
  part(".phase").dataset.tone = tones[product.state] ?? "";
  share(row, "confirmed", product.confirmed, "sold");
  share(row, "reserved", product.reserved, "reserved");
  share(row, "left", product.available, "left");
  write(part(".of"), `of ${count(product.total)}`);
}

function share(row, name, units, label) {
  const bar = row.querySelector(`.stack .${name}`);
  bar.style.flexGrow = units;
  bar.hidden = units === 0;
  write(row.querySelector(`.units .${name}`), [count(units), label]);
}
