/**
 * `deno task model [processes] [crashes] [stops] [lost answers]`: plays everything that can happen. Three
 * processes with a crash and a stop take some minutes.
 *
 * @module
 */

import { explore } from "./model.ts";

const [processes = 3, crashes = 1, stops = 1, lostAnswers = 0] = Deno.args.map(Number);
const findings = await explore({ processes, crashes, stops, lostAnswers });
console.log(JSON.stringify(findings, undefined, 2));
if (findings.violations.length > 0) Deno.exitCode = 1;
