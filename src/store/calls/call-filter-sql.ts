/** domain/selection.ts in SQL: what a filter means must be the same on both sides of the wire. The status is the caller's. */
import { type RawBuilder, type SqlBool, sql } from "kysely";
import type { CallFilter, StatusCodePattern } from "../../domain/call-filter.js";
import { CONTENT_PLACE, SENDER_PLACES } from "./response-codec.js";

/** Everything but the status, each condition with an AND before it. A call that nothing has happened to (NEVER) is in no period. */
export function conditionsOf(filter: CallFilter): RawBuilder<unknown> {
  const { since, until, statusCodes, channel, messageId, from, text } = filter;
  const conditions: RawBuilder<SqlBool>[] = [];
  if (since !== undefined) conditions.push(sql`attempted_at >= ${Math.max(since, 0)}`);
  if (until !== undefined) conditions.push(sql`attempted_at >= 0 AND attempted_at < ${until}`);
  if (statusCodes !== undefined) conditions.push(codeCondition(statusCodes));
  if (channel !== undefined) conditions.push(sql`channel = ${channel}`);
  if (messageId !== undefined) conditions.push(sql`upper_case(message_id) = ${messageId.toUpperCase()}`);
  if (from !== undefined) conditions.push(sql`${from} IN (${sql.join(SENDER_PLACES.map(responsePart))})`);
  if (text !== undefined) conditions.push(sql`instr(lower_case(${responsePart(CONTENT_PLACE)}), ${text.toLowerCase()}) > 0`);
  return sql.join(
    conditions.map((condition) => sql`AND ${condition}`),
    sql` `,
  );
}

function codeCondition(patterns: readonly StatusCodePattern[]): RawBuilder<SqlBool> {
  if (patterns.length === 0) return sql`false`;
  const alternatives = patterns.map((pattern) => {
    if ("none" in pattern) return sql`status_code IS NULL`;
    if ("code" in pattern) return sql`status_code = ${pattern.code}`;
    return sql`(status_code >= ${pattern.class * 100} AND status_code < ${pattern.class * 100 + 100})`;
  });
  return sql`(${sql.join(alternatives, sql` OR `)})`;
}

function responsePart(place: number): RawBuilder<unknown> {
  return sql`(response ->> ${sql.lit(place)})`;
}
