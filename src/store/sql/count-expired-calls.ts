/**
 * A step of both databases' migrations. Calls whose retries ended before it count, but are in no notice. Nodes of the version before would leave
 * the tables as they are.
 */
export function countExpiredCalls(integer: "INTEGER" | "bigint"): string {
  return `
CREATE TABLE expired_calls (
  call_seq ${integer} PRIMARY KEY,
  callback_key ${integer} NOT NULL,
  notice ${integer} NOT NULL,
  first_failed_at ${integer} NOT NULL
);
CREATE INDEX expired_calls_by_notice ON expired_calls (callback_key, notice, first_failed_at);
CREATE TABLE expiries (
  callback_key ${integer} PRIMARY KEY REFERENCES callbacks (key),
  calls ${integer} NOT NULL DEFAULT 0,
  notice ${integer} NOT NULL,
  is_owed ${integer} NOT NULL,
  noticed_at ${integer}
);
CREATE INDEX expiries_owed ON expiries (callback_key) WHERE is_owed = 1;
INSERT INTO expired_calls (call_seq, callback_key, notice, first_failed_at)
  SELECT seq, callback_key, 0, first_failed_at FROM calls JOIN callbacks ON callbacks.key = callback_key
  WHERE retries_enabled = 1 AND status = 'FAILED' AND due_at IS NULL AND settled_by IS NULL AND first_failed_at IS NOT NULL;
INSERT INTO expiries (callback_key, calls, notice, is_owed)
  SELECT callback_key, count(*), 1, 0 FROM expired_calls GROUP BY callback_key;
`;
}
