import type { ListedAttempt } from "../../../client/client.js";
import { formatDuration } from "../../../domain/duration.js";
import { senderAddress } from "../../../domain/message-response.js";
import { statusPaint } from "../../output/call-columns.js";
import type { Column } from "../../output/column.js";
import { renderFields } from "../../output/fields.js";
import type { RenderOptions } from "../../output/render-options.js";
import { sanitize } from "../../output/sanitize.js";
import { formatInstant } from "../../output/times.js";
import { type CallFacts, explainCall } from "./explain-call.js";

/** The head of `calls get`: what the call is, then why it is where it is. */
export function renderCallHead(facts: CallFacts, options: RenderOptions): string {
  const { call, callback } = facts;
  const { responseMessage, from, messageId, customParameters } = call.response;
  const code = call.statusCode === null ? "no answer" : String(call.statusCode);
  const fields = renderFields(
    [
      ["Call", call.id],
      ["Callback", `${callback.name} (${callback.id})`],
      ["Endpoint", callback.url],
      ["Status", call.status, statusPaint(call.status, options.palette)],
      [
        "Last attempt",
        call.attemptedAt === null
          ? null
          : `${formatInstant(call.attemptedAt, options.utc)}, ${code}: ${call.statusMessage ?? ""}`,
      ],
      ["Message", messageId],
      ["Response", `${responseMessage.kind} by ${responseMessage.channel}, ${responseMessage.date}`],
      ["From", [senderAddress(from), from.name].filter((text) => text !== "").join(", ")],
      ["Content", responseMessage.content],
      [
        "Parameters",
        Object.entries(customParameters)
          .map(([name, value]) => `${name}=${value}`)
          .join(", "),
      ],
    ],
    options.palette,
  );
  return `${fields}\n${explainCall(facts, options).map(sanitize).join("\n")}\n`;
}

export const ATTEMPT_COLUMNS: readonly Column<ListedAttempt>[] = [
  { key: "number", title: "#", value: ({ number }) => number, kind: "number" },
  { key: "attempted", title: "ATTEMPTED", value: ({ attemptedAt }) => attemptedAt, kind: "instant" },
  { key: "took", title: "TOOK", value: ({ durationMs }) => formatDuration(durationMs), dropRank: 2 },
  { key: "cause", title: "CAUSE", value: ({ cause }) => cause, dropRank: 3 },
  {
    key: "code",
    title: "CODE",
    value: ({ statusCode }) => statusCode,
    kind: "number",
    paint: ({ statusCode }, palette) => (statusCode === 200 ? palette.good : palette.bad),
  },
  { key: "reason", title: "REASON", value: ({ statusMessage, error }) => statusMessage || error, least: 8 },
  { key: "answer", title: "ANSWER", value: ({ body }) => body?.trim() ?? null, least: 8, dropRank: 4 },
];
