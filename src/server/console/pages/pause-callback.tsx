/** The page /console/callbacks/:id/pause pauses a callback, or resumes one that is paused. */
import type { FastifyInstance } from "fastify";
import type { VNode } from "preact";
import type { Callback, Pause } from "../../../domain/callback.js";
import { parsePositiveDuration, spellDuration } from "../../../domain/duration.js";
import { WhcbError } from "../../../domain/errors.js";
import { shownUrl } from "../../../domain/mask.js";
import type { CallCounts } from "../../../store/calls/call-counts.js";
import { authorOf } from "../../auth/author.js";
import type { CallbackPath } from "../../routes/route-context.js";
import { setPause } from "../../use-cases/change-callbacks.js";
import { callbackPage } from "../components/callback-page.js";
import { Count, Facts } from "../components/data.js";
import { PauseEnd } from "../components/endpoint-badge.js";
import { Button, ButtonLink, ButtonRow, Form, SelectField } from "../components/forms.js";
import { consolePath } from "../console-path.js";
import { type ConsoleContext, formOf, redirectDone } from "../page.js";
import { formToken } from "../sessions.js";

/** An empty one has no end. */
const LENGTHS = ["2h", "30m", "1h", "4h", "8h", "1d", ""];

export function addPause(app: FastifyInstance, context: ConsoleContext): void {
  const { deps, lookup } = context;
  const { store, clock } = deps;

  app.get<CallbackPath>("/console/callbacks/:id/pause", async (request, reply) => {
    const callback = await lookup.find(request.params.id);
    const [record] = await store.endpoints.listReports([callback.id]);
    const pause = record?.pause ?? null;
    const counts = await store.calls.count(callback.id);
    const content = <PauseForm callback={callback} pause={pause} counts={counts} formToken={formToken(request)} />;
    const title = pause === null ? "Pause the callback" : "Resume the callback";
    return reply.showPage(callbackPage(callback, record, { title, trail: [], tab: "settings", content }));
  });

  app.post<CallbackPath>("/console/callbacks/:id/pause", async (request, reply) => {
    const form = formOf(request);
    const callback = await lookup.find(request.params.id);
    const to = consolePath(callback.id);
    const author = authorOf(request, deps);
    if (form.get("action") === "resume") {
      await setPause(context, callback, null, author);
      return redirectDone(reply, to, `${callback.name} is resumed: what has waited is sent.`);
    }
    const length = form.get("for");
    if (length === null || !LENGTHS.includes(length)) throw new WhcbError("invalid", "The form is incomplete");
    const at = clock.now();
    const until = length === "" ? null : at + parsePositiveDuration(length);
    await setPause(context, callback, { at, until }, author);
    return redirectDone(reply, to, `${callback.name} is paused ${lengthText(length)}.`);
  });
}

function lengthText(length: string): string {
  return length === "" ? "until it is resumed" : `for ${spellDuration(parsePositiveDuration(length))}`;
}

interface PauseView {
  readonly callback: Callback;
  readonly pause: Pause | null;
  readonly counts: CallCounts;
  readonly formToken: string;
}

function PauseForm({ callback, pause, counts, formToken }: PauseView): VNode {
  const { id } = callback;
  return (
    <Form action={consolePath(id, "pause")} formToken={formToken} class="card readable">
      <input type="hidden" name="action" value={pause === null ? "pause" : "resume"} />
      <Facts
        facts={[
          ["Destination URL", <span class="monospaced">{shownUrl(callback)}</span>, "wide"],
          ["Waiting calls", <Count value={counts.PENDING} />],
          ...(pause === null ? [] : [["Pause", <PauseEnd pause={pause} />] as const]),
        ]}
      />
      {pause === null ? (
        <>
          <p>
            <strong>Nothing is sent in a pause.</strong> What is accepted waits, without an attempt, an outage or an e-mail.
            Retries and requested replays wait too, but the time in which a failed call is retried goes on.
          </p>
          <SelectField
            name="for"
            label="Pause it"
            value="2h"
            choices={LENGTHS.map((length) => ({ value: length, text: lengthText(length) }))}
          />
        </>
      ) : (
        <p>
          <strong>What has waited is sent,</strong> one call at a time at first.
        </p>
      )}
      <ButtonRow>
        <Button kind="primary">{pause === null ? "Pause" : "Resume"}</Button>
        <ButtonLink href={consolePath(id)}>Cancel</ButtonLink>
      </ButtonRow>
    </Form>
  );
}
