/** The page /console/callbacks/:id/retries asks before it switches retries on or off. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { VNode } from "preact";
import type { Callback } from "../../../domain/callback.js";
import { spellDuration } from "../../../domain/duration.js";
import { isWhcbError, WhcbError } from "../../../domain/errors.js";
import { shownUrl } from "../../../domain/mask.js";
import type { RetryPolicy } from "../../../domain/retry-policy.js";
import type { CallCounts } from "../../../store/calls/call-counts.js";
import { authorOf } from "../../auth/author.js";
import { readParameter } from "../../routes/query-parameters.js";
import type { CallbackPath } from "../../routes/route-context.js";
import { updateCallback } from "../../use-cases/change-callbacks.js";
import { callbackPage } from "../components/callback-page.js";
import { Count, Facts } from "../components/data.js";
import { Button, ButtonLink, ButtonRow, Form } from "../components/forms.js";
import { Alert } from "../components/layout.js";
import { resentText } from "../components/next-attempt.js";
import { consolePath, pathInConsole } from "../console-path.js";
import { type ConsoleContext, formOf, redirectDone } from "../page.js";
import { formToken } from "../sessions.js";

interface Request {
  readonly isOn: boolean;
  /** The page that asked, which is shown again afterwards. */
  readonly to: string;
}

export function addRetriesSwitch(app: FastifyInstance, context: ConsoleContext): void {
  const { deps, lookup, sessions } = context;
  const { store, policy } = deps;

  app.get<CallbackPath>("/console/callbacks/:id/retries", async (request, reply) => {
    const { query } = request;
    const wanted = readRequest(readParameter(query, "switch"), readParameter(query, "to"));
    return ask(request, reply, await lookup.find(request.params.id), wanted);
  });

  app.post<CallbackPath>("/console/callbacks/:id/retries", switchRetries);

  async function switchRetries(request: FastifyRequest<CallbackPath>, reply: FastifyReply): Promise<FastifyReply> {
    const form = formOf(request);
    const wanted = readRequest(form.get("switch"), form.get("to"));
    const { isOn, to } = wanted;
    const stored = await lookup.find(request.params.id);
    const { name } = stored;
    if (stored.retriesEnabled === isOn) {
      return redirectDone(reply, to, `Retries of ${name} were already ${isOn ? "on" : "off"}: nothing was changed.`);
    }
    // What is switched may be sent to another URL by now.
    if (form.get("seen") !== sessions.targetMarkOf(stored, request)) return ask(request, reply, stored, wanted, true);
    try {
      const change = { author: authorOf(request, deps), expected: stored };
      await updateCallback(context, stored, { ...stored, retriesEnabled: isOn }, change);
    } catch (error) {
      // The callback has changed since it was read above.
      if (isWhcbError(error, "locked")) return switchRetries(request, reply);
      throw error;
    }
    return redirectDone(reply, to, `Retries of ${name} are ${isOn ? "on" : "off"}. ${effectOf(isOn, policy)}`);
  }

  async function ask(
    request: FastifyRequest,
    reply: FastifyReply,
    callback: Callback,
    { isOn, to }: Request,
    hasChanged = false,
  ): Promise<FastifyReply> {
    const [record] = await store.endpoints.listReports([callback.id]);
    const title = `Switch retries ${isOn ? "on" : "off"}`;
    const content = (
      <>
        {hasChanged && <Alert kind="problem">Another user has changed the callback. Nothing was switched: check it again.</Alert>}
        <RetriesSwitch
          callback={callback}
          isOn={isOn}
          to={to}
          counts={await store.calls.count(callback.id)}
          policy={policy}
          formToken={formToken(request)}
          seen={sessions.targetMarkOf(callback, request)}
        />
      </>
    );
    const status = hasChanged ? 409 : 200;
    return reply.showPage(callbackPage(callback, record, { title, trail: [], tab: "settings", content, status }));
  }
}

function readRequest(text: string | null | undefined, to: string | null | undefined): Request {
  if (text !== "on" && text !== "off") throw new WhcbError("invalid", "switch must be on or off");
  return { isOn: text === "on", to: pathInConsole(to ?? "/console") };
}

function effectOf(isOn: boolean, policy: RetryPolicy): string {
  return isOn ? resentText(policy).replace("the", "The") : "Retries that were due are cancelled.";
}

interface SwitchView extends Request {
  readonly callback: Callback;
  readonly counts: CallCounts;
  readonly policy: RetryPolicy;
  readonly formToken: string;
  readonly seen: string;
}

export function RetriesSwitch({ callback, isOn, to, counts, policy, formToken, seen }: SwitchView): VNode {
  const { id, name, retriesEnabled } = callback;
  if (retriesEnabled === isOn) {
    return (
      <Alert kind="info">
        Retries of {name} are {isOn ? "on" : "off"} already. <a href={to}>Back</a>
      </Alert>
    );
  }
  const { intervalMs, windowMs } = policy;
  return (
    <Form action={consolePath(id, "retries")} formToken={formToken} class="card readable">
      <input type="hidden" name="switch" value={isOn ? "on" : "off"} />
      <input type="hidden" name="to" value={to} />
      <input type="hidden" name="seen" value={seen} />
      <Facts
        facts={[
          ["Destination URL", <span class="monospaced">{shownUrl(callback)}</span>, "wide"],
          ["Failed calls", <Count value={counts.FAILED} />],
          ["Waiting calls", <Count value={counts.PENDING} />],
        ]}
      />
      <p>
        <strong>{effectOf(isOn, policy)}</strong>{" "}
        {isOn
          ? `From then on a failed call is sent again about every ${spellDuration(intervalMs)}, for ${spellDuration(windowMs)} from its first failure.`
          : "A failed call then stays failed until it is replayed or marked. New calls are still sent, once each."}
      </p>
      {isOn && counts.FAILED > 0 && (
        <p class="muted">
          Of the <Count value={counts.FAILED} /> failed, those that failed earlier or were marked failed aren't sent: replay them.
        </p>
      )}
      <ButtonRow>
        <Button kind="primary">{isOn ? "Switch retries on" : "Switch retries off"}</Button>
        <ButtonLink href={to}>Cancel</ButtonLink>
      </ButtonRow>
    </Form>
  );
}
