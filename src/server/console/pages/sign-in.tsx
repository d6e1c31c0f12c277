/** /console/sign-in and /console/sign-out. */
import type { VNode } from "preact";
import { Button, ButtonRow, Form, TextField } from "../components/forms.js";
import { Alert } from "../components/layout.js";
import { type Page, redirect, type Visit } from "../page.js";
import type { Pages } from "../pages.js";

export interface SignInView {
  readonly formToken: string;
  /** Where to go then: a path of the console. */
  readonly to: string;
  readonly username: string;
  readonly problem: string | null;
}

export function addSignIn(pages: Pages): void {
  const { authenticator } = pages.context;
  const open = { isOpen: true };

  pages.get(
    "/console/sign-in",
    async (visit) => {
      const { to } = visit.query;
      const target = pathInConsole(typeof to === "string" ? to : "");
      if (visit.username !== null) return redirect(target);
      return signInPage(visit, { to: target, username: "", problem: null });
    },
    open,
  );

  pages.post(
    "/console/sign-in",
    async (visit) => {
      const { form, request, reply } = visit;
      const to = pathInConsole(form.get("to") ?? "");
      const username = form.get("username") ?? "";
      const verdict = await authenticator.signIn(username, form.get("password") ?? "", request.ip);
      if (verdict.kind === "granted") {
        await pages.sessions.begin(request, reply, verdict.credential);
        return redirect(to);
      }
      if (verdict.kind === "rejected") return signInPage(visit, { to, username, problem: verdict.reason, status: 422 });
      const seconds = Math.ceil(verdict.waitMs / 1000);
      reply.header("retry-after", String(seconds));
      const problem = `Too many failed tries. Try again in ${seconds} s`;
      return signInPage(visit, { to, username, problem, status: 429 });
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
}

function signInPage({ formToken }: Visit, view: Omit<SignInView, "formToken"> & { readonly status?: number }): Page {
  const { status = 200, ...rest } = view;
  return { kind: "page", title: "Sign in", content: <SignIn formToken={formToken} {...rest} />, status };
}

export function SignIn({ formToken, to, username, problem }: SignInView): VNode {
  return (
    <div class="narrow">
      {problem !== null && <Alert kind="problem">{problem}.</Alert>}
      <Form action="/console/sign-in" formToken={formToken} class="card">
        <input type="hidden" name="to" value={to} />
        <TextField name="username" label="User" value={username} autocomplete="username" isRequired hasFocus={username === ""} />
        <TextField
          name="password"
          label="Password"
          type="password"
          autocomplete="current-password"
          isRequired
          hasFocus={username !== ""}
        />
        <ButtonRow>
          <Button kind="primary">Sign in</Button>
        </ButtonRow>
      </Form>
    </div>
  );
}

/** Nothing else: the parameter may have been made by anybody. */
function pathInConsole(to: string): string {
  const base = "http://console.invalid";
  if (!to.startsWith("/console") || !URL.canParse(to, base)) return "/console";
  const { origin, pathname, search } = new URL(to, base);
  const isInside = origin === base && /^\/console(?:\/|$)/.test(pathname) && !/^\/console\/sign-/.test(pathname);
  return isInside ? pathname + search : "/console";
}
