/** /console/sign-in and /console/sign-out. */
import type { VNode } from "preact";
import type { Verdict } from "../../auth/authenticator.js";
import { clientAddress } from "../../auth/request-origin.js";
import { redeemSignInCode } from "../../auth/sign-in-codes.js";
import { Button, ButtonRow, Form, TextField } from "../components/forms.js";
import { Alert } from "../components/layout.js";
import { pathInConsole } from "../console-path.js";
import { type Page, type PageAnswer, redirect, type Visit } from "../page.js";
import type { Pages } from "../pages.js";

export interface SignInView {
  readonly formToken: string;
  /** Where to go then: a path of the console. */
  readonly to: string;
  readonly username: string;
  readonly problem: string | null;
  /** What was tried. */
  readonly way: "password" | "code";
}

export function addSignIn(pages: Pages): void {
  const { authenticator, deps } = pages.context;
  const open = { isOpen: true };

  pages.get(
    "/console/sign-in",
    async (visit) => {
      const { query, request, reply } = visit;
      const { to, ticket } = query;
      const target = pathInConsole(typeof to === "string" ? to : "");
      if (typeof ticket === "string" && (await pages.sessions.enter(request, reply, ticket))) {
        return { kind: "forward", url: target };
      }
      if (visit.username !== null) return redirect(target);
      const origin = pages.sessions.signInOrigin(request);
      if (origin !== null) return { kind: "forward", url: `${origin}/console/sign-in?to=${encodeURIComponent(target)}` };
      return signInPage(visit, { to: target, username: "", way: "password", problem: null });
    },
    open,
  );

  pages.post(
    "/console/sign-in",
    async (visit) => {
      const { form, request } = visit;
      const to = pathInConsole(form.get("to") ?? "");
      const address = clientAddress(request);
      const code = form.get("code");
      if (code !== null) {
        const verdict = await authenticator.signInByCode(address, () => redeemSignInCode(deps, code));
        return signIn(visit, verdict, { to, username: "", way: "code" });
      }
      const username = form.get("username") ?? "";
      const verdict = await authenticator.signIn(username, form.get("password") ?? "", address);
      return signIn(visit, verdict, { to, username, way: "password" });
    },
    open,
  );

  pages.post(
    "/console/sign-out",
    async ({ request, reply }) => {
      await pages.sessions.end(request, reply);
      return redirect("/console/sign-in");
    },
    open,
  );

  async function signIn(visit: Visit, verdict: Verdict, view: Pick<SignInView, "to" | "username" | "way">): Promise<PageAnswer> {
    const { request, reply } = visit;
    if (verdict.kind === "granted") {
      const entry = await pages.sessions.begin(request, reply, verdict.credential);
      if (entry === null) return redirect(view.to);
      const { origin, ticket } = entry;
      const query = new URLSearchParams({ ticket, to: view.to });
      return { kind: "forward", url: `${origin}/console/sign-in?${query}` };
    }
    if (verdict.kind === "rejected") {
      const problem = view.way === "password" ? verdict.reason : "The code is wrong, has been used or has expired";
      return signInPage(visit, { ...view, problem, status: 422 });
    }
    const seconds = Math.ceil(verdict.waitMs / 1000);
    reply.header("retry-after", String(seconds));
    return signInPage(visit, { ...view, problem: `Too many failed tries. Try again in ${seconds} s`, status: 429 });
  }
}

function signInPage({ formToken }: Visit, view: Omit<SignInView, "formToken"> & { readonly status?: number }): Page {
  const { status = 200, ...rest } = view;
  return { kind: "page", title: "Sign in", isNarrow: true, content: <SignIn formToken={formToken} {...rest} />, status };
}

export function SignIn({ formToken, to, username, problem, way }: SignInView): VNode {
  return (
    <>
      {problem !== null && <Alert kind="problem">{problem}.</Alert>}
      <Form action="/console/sign-in" formToken={formToken} class="card">
        <input type="hidden" name="to" value={to} />
        <TextField
          name="username"
          label="User"
          value={username}
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
