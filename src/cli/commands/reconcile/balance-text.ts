import type { Balance } from "../../../runs/balance.js";

/** "balance: 10 failed = 4 seen + 5 accepted + 1 still failing". */
export function balanceText(balance: Balance): string {
  const { failed, seen, accepted, settledMeanwhile, stillFailing, missing } = balance;
  const settled = settledMeanwhile === 0 ? "" : ` + ${settledMeanwhile} settled meanwhile`;
  const off = missing === 0 ? "" : `, which is ${Math.abs(missing)} too ${missing > 0 ? "few" : "many"}`;
  return `balance: ${failed} failed = ${seen} seen + ${accepted} accepted${settled} + ${stillFailing} still failing${off}`;
}
