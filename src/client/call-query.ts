/** A filter as the query of the calls list. */
import type { CallFilter, StatusCodePattern } from "../domain/call-filter.js";
import type { ListCallsQuery } from "./client.js";

/** Above a service's largest it is taken as the largest. */
export const LARGEST_PAGE = 500;
const PLATFORM_PAGE = 20;

export function callQueryParameters({ filter, limit, oldestFirst }: ListCallsQuery): URLSearchParams {
  const query = statusParameter(filter);
  query.set("limit", String(Math.max(1, Math.min(limit ?? LARGEST_PAGE, LARGEST_PAGE))));
  if (oldestFirst) {
    query.set("sortFields", "attemptedDate");
    query.set("sortOrder", "asc");
  }
  if (filter.since !== undefined) query.set("since", new Date(filter.since).toISOString());
  if (filter.until !== undefined) query.set("until", new Date(filter.until).toISOString());
  if (filter.statusCodes?.length) query.set("statusCode", filter.statusCodes.map(patternText).join(","));
  if (filter.channel !== undefined) query.set("channel", filter.channel);
  if (filter.messageId !== undefined) query.set("messageId", filter.messageId);
  if (filter.from !== undefined) query.set("from", filter.from);
  if (filter.text !== undefined) query.set("q", filter.text);
  return query;
}

/** What every service knows, for one that refuses the rest. */
export function plainCallQueryParameters({ filter }: ListCallsQuery): URLSearchParams {
  const query = statusParameter(filter);
  query.set("limit", String(PLATFORM_PAGE));
  return query;
}

function statusParameter({ status }: CallFilter): URLSearchParams {
  return new URLSearchParams(status === undefined ? {} : { status });
}

function patternText(pattern: StatusCodePattern): string {
  if ("none" in pattern) return "none";
  return "code" in pattern ? String(pattern.code) : `${pattern.class}xx`;
}
