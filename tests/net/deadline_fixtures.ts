export const TIMED_OUT: Error = new Error("timed out");

export const ABORTED: Error = new Error("aborted");
