import { previewReplay } from "../../../runs/plan/preview-replay.js";
import type { ReplayPlan } from "../../../runs/plan/replay-plan.js";
import { toCurl } from "../../../runs/plan/to-curl.js";
import type { ReplayOptions } from "../../../runs/run-options.js";
import type { Invocation } from "../../invocation.js";
import { describePlan, planJson } from "../../output/run/plan-text.js";
import { safeJson } from "../../output/sanitize.js";

/** --dry-run: what would be sent. With curl commands their keys stand as "$WHCB_CALLBACK_KEY". */
export async function showPlan(
  { screen }: Invocation,
  plan: ReplayPlan,
  options: ReplayOptions,
  asCurl: boolean,
): Promise<number> {
  if (asCurl) {
    for await (const { request, secret } of previewReplay(plan, options)) await screen.out(`${toCurl(request, secret)}\n`);
    screen.info("a dry run: nothing was sent");
    return 0;
  }
  if (screen.format === "json" || screen.format === "ndjson") {
    await screen.out(`${safeJson({ dryRun: true, ...planJson(plan) }, screen.format === "json" ? 2 : undefined)}\n`);
    return 0;
  }
  await screen.out(`${describePlan(plan, options, screen.renderOptions).join("\n")}\n`);
  screen.info("a dry run: nothing was sent");
  return 0;
}
