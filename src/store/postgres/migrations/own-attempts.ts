/** Reads JSON in a text column. A text of PostgreSQL can't contain U+0000. */
const part = (column: string, index: number): string => `(replace(${column}, '\\u0000', '\\ufffd')::json ->> ${index})`;
const blank = [1, 2, 3, 4, 5, 8].map((index) => part("response", index));

/** Does what SQLite's step does (sqlite/migration-steps.ts). */
export const OWN_ATTEMPTS = `
ALTER TABLE calls ADD COLUMN sent_at bigint;
UPDATE calls SET sent_at = least(attempted_at, coalesce(
    (SELECT max(${part("outcome", 0)}::bigint) FROM attempts WHERE call_seq = seq AND ${part("outcome", 2)} NOT LIKE 'replay %'), -1))
  WHERE seq IN (SELECT call_seq FROM attempts WHERE ${part("outcome", 2)} LIKE 'replay %');
DROP INDEX calls_held;
CREATE INDEX calls_held ON calls (callback_key, (seq + 0))
  WHERE status = 'FAILED' AND due_at IS NOT NULL AND (attempt_count = 0 OR sent_at = -1);
UPDATE calls SET status_code = NULL, error = NULL, status_message = 'Erased: the sender''s data was removed'
  WHERE status = 'SUCCESS' AND (status_message = 'Erased: the sender''s data was removed' OR sent_at IS NOT NULL)
    AND pg_catalog.concat(${blank.join(", ")}) = '';
`;
