// The script of dashboard.ts: prices as the broker tells them, and the rest again every ten seconds.

const AGAIN_MS = 10_000;

/** The last price of each symbol. */
const prices = new Map();

function show() {
  for (const cell of document.querySelectorAll("[data-symbol]")) {
    const price = prices.get(cell.dataset.symbol);
    if (price === undefined || price === cell.textContent) continue;
    const rise = Number(price) - Number(cell.textContent);
    cell.className = rise > 0 ? "up" : rise < 0 ? "down" : "";
    cell.textContent = price;
  }
}

/** @param {string} message */
function complain(message) {
  const alert = document.createElement("p");
  alert.role = "alert";
  alert.textContent = message;
  document.querySelector("main")?.prepend(alert);
}

const events = new EventSource("/prices");
events.addEventListener("price", ({ data }) => {
  for (const [symbol, price] of Object.entries(JSON.parse(data))) prices.set(symbol, price);
  show();
});
events.addEventListener("problem", ({ data }) => {
  events.close();
  complain(JSON.parse(data).message);
});

setInterval(async () => {
  const response = await fetch("/").catch(() => undefined);
  if (response === undefined) return; // the program has ended, or is started again
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of ["header", "main"]) {
    const now = page.querySelector(part);
    if (now) document.querySelector(part)?.replaceWith(now);
  }
  show();
}, AGAIN_MS);
