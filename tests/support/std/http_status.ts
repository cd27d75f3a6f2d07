/**
 * A stand-in for `@std/http/status`, for machines that cannot reach JSR: with the types of the real one,
 * and of its codes those that are in use here.
 *
 * @module
 */

/** Codes by name. */
export const STATUS_CODE = {
  OK: 200,
  NotFound: 404,
  MisdirectedRequest: 421,
  BadGateway: 502,
} as const;

/** An HTTP status code. */
export type StatusCode = typeof STATUS_CODE[keyof typeof STATUS_CODE];

/** Their words. */
export const STATUS_TEXT = {
  200: "OK",
  404: "Not Found",
  421: "Misdirected Request",
  502: "Bad Gateway",
} as const;

/** An HTTP status text. */
export type StatusText = typeof STATUS_TEXT[keyof typeof STATUS_TEXT];
