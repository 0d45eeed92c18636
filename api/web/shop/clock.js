// The server's clock. Sales open and payments end by it, whatever this
// device's clock says.

let offset = 0; // milliseconds that the server is ahead of Date.now()
let best = Infinity; // round trip of the sample that offset is from
let bestAt = 0;

const sampleLife = 60_000; // after this, a worse sample is better than an old one

// observe learns from an answer that carries the server's time: it was written
// about half a round trip ago, so the shortest round trip errs least. Where an
// answer says what cannot be, this device's clock was set meanwhile.
export function observe(serverTime, sentAt, receivedAt) {
  const roundTrip = receivedAt - sentAt;
  if (roundTrip < 0) return; // it was set while the answer was on its way
  const told = new Date(serverTime) - (sentAt + roundTrip / 2);
  const possible = Math.abs(told - offset) <= (roundTrip + best) / 2;
  if (possible && roundTrip > best && receivedAt - bestAt < sampleLife) return;
  offset = told;
  best = roundTrip;
  bestAt = receivedAt;
}

export const now = () => Date.now() + offset;

// until is how many milliseconds are left to a time of the server; negative
// when it has passed.
export const until = (time) => new Date(time) - now();

// everySecond calls back as the server's second turns, so that countdowns turn
// together and a sale opens on the dot.
export function everySecond(callback) {
  const turn = () => {
    callback();
    setTimeout(turn, 1000 - (now() % 1000) + 5);
  };
  turn();
}
