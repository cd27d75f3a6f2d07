/** Orders as tastytrade takes them. */

type Order = {
  "time-in-force": string;
  "order-type": string;
  "price"?: string;
  "price-effect"?: string;
  "legs": Record<string, unknown>[];
};

export const MARKET_ORDER: Order = {
  "time-in-force": "Day",
  "order-type": "Market",
  "legs": [
    { "instrument-type": "Equity", "symbol": "AAPL", "quantity": 1, "action": "Buy to Open" },
  ],
};

export const LIMIT_ORDER: Order = {
  ...MARKET_ORDER,
  "order-type": "Limit",
  "price": "1.00",
  "price-effect": "Debit",
};
