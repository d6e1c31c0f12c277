import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { VNode } from "preact";
import type { Verdict } from "../../auth/authenticator.js";
import { clientAddress } from "../../auth/request-origin.js";
import { redeemSignInCode } from "../../auth/sign-in-codes.js";
import type { Query } from "../../routes/query-parameters.js";
import { Button, ButtonRow, Form, TextField } from "../components/forms.js";
import { Alert } from "../components/layout.js";
import { pathInConsole, signInPath } from "../console-path.js";
import { isKeptForm } from "../kept-forms.js";
import { type ConsoleContext, formOf } from "../page.js";
import { formToken } from "../sessions.js";

interface SignInTry {
  /** The page at this path follows. */
  readonly to: string;
  readonly username: string;
  readonly way: "password" | "code";
}

/** A visitor who isn't signed in sends short forms only. */
const FORM_LIMIT = 8_192;
/** So much of a name is shown again. */
const LONGEST_NAME = 256;

export function addSignIn(app: FastifyInstance, { authenticator, deps, sessions }: ConsoleContext): void {
  const open = { config: { isOpen: true, takesNoReadSlot: true }, bodyLimit: FORM_LIMIT } as const;

  app.get<{ Querystring: Query }>("/console/sign-in", open, async (request, reply) => {
    const { to, ticket } = request.query;
    const target = pathInConsole(typeof to === "string" ? to : "");
    if (typeof ticket === "string" && (await sessions.redeemTicket(request, reply, ticket))) return reply.forward(target);
    if (request.visitor?.credential) return reply.seeOther(target);
    const origin = sessions.signInOrigin(request);
    if (origin !== null) return reply.forward(`${origin}${signInPath(target)}`);
    return showSignIn(request, reply, { to: target, username: "", way: "password" }, null);
  });

  app.post("/console/sign-in", open, async (request, reply) => {
    const form = formOf(request);
    const to = pathInConsole(form.get("to") ?? "");
    const address = clientAddress(request);
    const code = form.get("code");
    if (code !== null) {
      const verdict = await authenticator.signInByCode(address, () => redeemSignInCode(deps, code));
      return signIn(request, reply, verdict, { to, username: "", way: "code" });
    }
    const username = form.get("username") ?? "";
    const verdict = await authenticator.signIn(username, form.get("password") ?? "", address);
    return signIn(request, reply, verdict, { to, username, way: "password" });
  });

  app.post("/console/sign-out", open, async (request, reply) => {
    await sessions.endSession(request, reply);
    return reply.seeOther("/console/sign-in");
  });

  async function signIn(request: FastifyRequest, reply: FastifyReply, verdict: Verdict, tried: SignInTry): Promise<FastifyReply> {
    if (verdict.kind === "granted") {
      const entry = await sessions.beginSession(request, reply, verdict.credential);
      if (entry === null) return reply.seeOther(tried.to);
      const { origin, ticket } = entry;
      const query = new URLSearchParams({ ticket, to: tried.to });
      return reply.forward(`${origin}/console/sign-in?${query}`);
    }
    if (verdict.kind === "rejected") {
      const problem = tried.way === "password" ? verdict.reason : "The code is wrong, has been used or has expired";
      return showSignIn(request, reply, tried, problem, 422);
    }
    const seconds = Math.ceil(verdict.waitMs / 1000);
    reply.header("retry-after", String(seconds));
    return showSignIn(request, reply, tried, `Too many failed tries. Try again in ${seconds} s`, 429);
  }
}

function showSignIn(
  request: FastifyRequest,
  reply: FastifyReply,
  tried: SignInTry,
  problem: string | null,
  status = 200,
): FastifyReply {
  const content = <SignIn formToken={formToken(request)} problem={problem} {...tried} />;
  return reply.showPage({ title: "Sign in", isNarrow: true, content, status });
}

function SignIn({ formToken, problem, to, username, way }: SignInTry & { formToken: string; problem: string | null }): VNode {
  return (
    <>
      {problem !== null && <Alert kind="problem">{problem}.</Alert>}
      {isKeptForm(to) && (
        <Alert kind="info">Your session has ended, and nothing was done. What you typed is shown again after signing in.</Alert>
      )}
      <Form action="/console/sign-in" formToken={formToken} class="card">
        <input type="hidden" name="to" value={to} />
        <TextField
          name="username"
          label="User"
          value={username.slice(0, LONGEST_NAME)}
          autocomplete="username"
          isRequired
          hasFocus={way === "password" && username === ""}
        />
        <TextField
          name="password"
          label="Password"
          type="password"
          autocomplete="current-password"
          isRequired
          hasFocus={way === "password" && username !== ""}
        />
        <ButtonRow>
          <Button kind="primary">Sign in</Button>
        </ButtonRow>
      </Form>
      <Form action="/console/sign-in" formToken={formToken} class="card">
        <input type="hidden" name="to" value={to} />
        <TextField
          name="code"
          label="Or a code"
          hint={
            <>
              <code>whcb console</code> prints one. In the demo, type c and Enter where it runs.
            </>
          }
          autocomplete="one-time-code"
          placeholder="XXXX-XXXX-XXXX"
          maxLength={40}
          isMonospaced
          isRequired
          hasFocus={way === "code"}
        />
        <ButtonRow>
          <Button>Sign in with the code</Button>
        </ButtonRow>
      </Form>
    </>
  );
}
