/** Returns the migration that makes the audit, for both databases. `seq` is a key that is never used again. */
export function auditTables({ seq, integer, text }: Readonly<Record<"seq" | "integer" | "text", string>>): string {
  return `
ALTER TABLE calls ADD COLUMN settled_by_user ${text};
CREATE TABLE audit (
  seq ${seq},
  at ${integer} NOT NULL,
  action ${text} NOT NULL,
  username ${text},
  via ${text} NOT NULL,
  address ${text},
  callback_id ${text},
  callback_name ${text},
  count ${integer},
  details ${text} NOT NULL,
  sign_in_key ${text}
);
CREATE INDEX audit_by_time ON audit (at, seq);
CREATE UNIQUE INDEX audit_failed_sign_ins ON audit (sign_in_key) WHERE sign_in_key IS NOT NULL;
`;
}
