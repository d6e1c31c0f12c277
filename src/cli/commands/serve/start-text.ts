/** `serve` says this of itself before it takes requests. */
import { isDeepStrictEqual } from "node:util";
import { count } from "../../../domain/count.js";
import { formatDuration, spellDuration } from "../../../domain/duration.js";
import { DEFAULT_SEND_LIMITS, PLANS, type PlanName } from "../../../domain/service-settings.js";
import { DEFAULT_AUTH_PARAMETER, DEFAULT_BODY_NAMES, type DeliverySettings } from "../../../wire/delivery-settings.js";
import { formatSize } from "../../args/flag-values.js";
import type { NoticeOptions, ServeOptions, StartReport } from "../../cli-deps.js";
import { databaseName } from "../../settings/database-path.js";

const LABEL_WIDTH = 10;
const PUBLIC_ONLY = "in public networks only, though other nodes may send to more: --allow-network opens them";

/** Returns lines without secrets. This machine reaches the service at `url`. */
export function describeStart(
  service: StartReport,
  options: Pick<
    ServeOptions,
    "database" | "smtp" | "notices" | "limits" | "dispatch" | "plan" | "egressProxy" | "allowNetworks" | keyof DeliverySettings
  >,
  url: string,
): readonly string[] {
  const { settings, waiting, metricsUrl, users } = service;
  const { limits, notices, dispatch, plan, egressProxy, allowNetworks } = options;
  const keeps = [settings.retainSuccessMs, settings.retainFailedMs, settings.retainMailMs].map(formatDuration);
  const lines: readonly (readonly [label: string, text: string | null])[] = [
    ["database", databaseName(options.database)],
    ["retries", `about every ${spellDuration(settings.intervalMs)} for ${spellDuration(settings.windowMs)}`],
    ["keeps", `SUCCESS calls ${keeps[0]}, FAILED calls ${keeps[1]}, e-mails ${keeps[2]}`],
    [
      "waiting",
      `${count(waiting.pending, "call")} to send; ${count(waiting.failed, "failed call")}, ${waiting.retried} of callbacks with retries on`,
    ],
    ["plan", plan && describePlan(plan)],
    ["sending", dispatch ? describeLimits(limits) : "off (--no-dispatch): no calls, e-mails or notices"],
    ["calls", describeCalls(options)],
    ["endpoints", users === null && allowNetworks.length === 0 ? PUBLIC_ONLY : null],
    ["proxy", egressProxy && `endpoints and notices through ${egressProxy.place}, but for this machine and NO_PROXY`],
    ["e-mails", dispatch ? describeMails(service.mailDirectory, options.smtp) : null],
    ["notices", dispatch ? describeNotices(notices) : null],
    ["console", users === null ? null : `${url}/console`],
    ["metrics", metricsUrl === null ? null : `${metricsUrl}, without credentials`],
  ];
  return [
    ...lines.flatMap(([label, text]) => (text === null ? [] : [label.padEnd(LABEL_WIDTH) + text])),
    ...warnOfOtherCalls(service.sentBefore, options),
    ...(dispatch ? warnOfCopy(service) : []),
  ];
}

/** A restored backup is a copy, too. */
function warnOfCopy({ sentBefore: { databaseId: before = null }, databaseId }: StartReport): readonly string[] {
  if (before === null || databaseId === null || before === databaseId) return [];
  return [
    "warning: this database is a copy of the one that was served before: while that is served too, both send the same calls. --no-dispatch sends none",
  ];
}

function describeCalls({ authParameter, bodyNames }: DeliverySettings): string | null {
  if (authParameter === DEFAULT_AUTH_PARAMETER && bodyNames === DEFAULT_BODY_NAMES) return null;
  return `keys of queryparam auth in ?${authParameter}=, bodies with ${bodyNames}`;
}

/** An endpoint may answer 200 to a key or a body that it doesn't find. */
function warnOfOtherCalls(before: Partial<DeliverySettings>, now: DeliverySettings): readonly string[] {
  const flags = [
    ["--auth-parameter", before.authParameter ?? now.authParameter, now.authParameter],
    ["--body-names", before.bodyNames ?? now.bodyNames, now.bodyNames],
  ] as const;
  const others = flags.filter(([, then, at]) => then !== at);
  if (others.length === 0) return [];
  const spell = (at: 1 | 2): string => others.map((flag) => `${flag[0]} ${flag[at]}`).join(" ");
  return [`warning: calls are sent with ${spell(2)} now; the last serve of this database sent them with ${spell(1)}`];
}

function describePlan(plan: PlanName): string {
  const { perSecond, perDay } = PLANS[plan];
  return `${plan}: ${count(perSecond, "request")} a second and ${perDay} a day for each API key, at most 20 rows a page`;
}

function describeLimits(limits: ServeOptions["limits"]): string | null {
  if (isDeepStrictEqual(limits, DEFAULT_SEND_LIMITS)) return null;
  return `at most ${count(limits.inFlightInAll, "request")} in flight, with ${formatSize(limits.bodyBytes)} of bodies`;
}

function describeMails(mailDirectory: string, smtp: string | null): string {
  return smtp === null ? `not sent, but written to ${mailDirectory}` : `sent by ${new URL(smtp).host}`;
}

function describeNotices({ webhooks, secret, recoveryMails }: NoticeOptions): string | null {
  const parts = webhooks.map(
    ({ url, format }) => `${new URL(url).host}${format === "json" && secret === "" ? " (not signed)" : ""}`,
  );
  if (recoveryMails) parts.push("an e-mail at the end of an outage");
  return parts.length === 0 ? null : parts.join(", ");
}
