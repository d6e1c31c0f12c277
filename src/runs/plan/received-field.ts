/** A list of failed calls, or a log of rejected requests, isn't a list of what was received (docs/cli.md, Reconcile). */
import { readDate } from "../../wire/dates.js";

const STATUS_NAME = /(?:status|statuscode|state)$/;
/** An `acknowledged` alone is a reply's date. */
const YES_NO_NAME =
  /^(?!acknowledged$)(?:is|was|has)?(?:success|successful|succeeded|accepted|acknowledged|delivered|received|ok)(?:at)?$/;

/** The name is a column's (`columnName`). */
export function saysWhetherReceived(name: string): boolean {
  return STATUS_NAME.test(name) || YES_NO_NAME.test(name);
}

const RECEIVED =
  /^(?:(?:HTTP\S* )?2\d\d(?: [a-z -]+)?|ok|success|successful|succeeded|received|accepted|acknowledged|delivered|processed|completed?|done|stored|true)$/i;
const YES = /^(?:t|yes|y|1)$/i;
const EPOCH = /^\d{9,13}(?:\.\d+)?$/;

/** Any other value, and an empty one, may say that the line wasn't received. */
export function meansReceived(name: string, value: string): boolean {
  const text = value.trim();
  if (RECEIVED.test(text)) return true;
  return !STATUS_NAME.test(name) && (YES.test(text) || EPOCH.test(text) || readDate(text) !== null);
}
