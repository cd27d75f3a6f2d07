import { MARKET_ORDER } from "../support/orders.ts";

export const FUNDED = "5WT00000";

export const EMPTY = "5WT00001";

/** The page of nginx as the documentation prints it. */
export const HTML_401 = `<html>
<head><title>401 Authorization Required</title></head>
<body>
<center><h1>401 Authorization Required</h1></center>
<hr><center>nginx</center>
</body>
</html>
`;

/** The request that the recorded dry run answers. */
export const RECORDED_DRY_RUN: Readonly<Record<string, unknown>> = {
  ...MARKET_ORDER,
  "rules": { "conditions": [] },
};

/** Lets the wall clock show another time until disposed. */
export function atTime(ms: number): Disposable {
  const { now } = Date;
  Date.now = () => ms;
  return { [Symbol.dispose]: () => void (Date.now = now) };
}

export function without(name: string, object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));
}
