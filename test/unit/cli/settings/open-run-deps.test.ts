import { expect, test } from "vitest";
import type { Invocation } from "../../../../src/cli/args/command-spec.js";
import { ParsedArgs } from "../../../../src/cli/args/flag.js";
import { openRunDeps, profileOf } from "../../../../src/cli/settings/open-run-deps.js";
import type { Session } from "../../../../src/cli/settings/session.js";
import { WhcbError } from "../../../../src/domain/errors.js";
import type { DeliveryRequest } from "../../../../src/wire/delivery-request.js";
import { captureIo } from "../../../support/cli/cli-streams.js";
import { cliDeps, newCliWorld } from "../../../support/cli/run-cli.js";

test.each([
  { name: "http://127.0.0.1:1", profile: "prod" },
  { name: "http://127.0.0.1:2", profile: "http://127.0.0.1:2" },
])("a run with the client of $name is one of $profile, as the profile was perhaps changed since the client was opened", (run) => {
  const settings = { profile: { value: "prod" }, profileService: "http://127.0.0.1:1" };
  expect(profileOf({ client: { name: run.name }, settings } as unknown as Session)).toBe(run.profile);
});

test("why nothing can be sent is the error of the run, also when its parts are closed", async () => {
  const broken = new WhcbError("unavailable", "too many open files");
  const deps = cliDeps(newCliWorld({ openDeliverer: () => Promise.reject(broken) }), captureIo());
  const session = { client: { name: "demo" }, settings: { profile: { value: null } } } as unknown as Session;
  const send = async () => {
    await using runDeps = await openRunDeps(
      {
        deps,
        progress: {},
        args: new ParsedArgs([], {}, { now: 0, utc: false }),
        screen: { renderOptions: { serviceFlags: [] } },
      } as unknown as Invocation,
      session,
      {
        maxConnections: 1,
        to: "http://127.0.0.1:9/",
      },
    );
    await runDeps.deliverer.deliverIf(() => true, {} as DeliveryRequest);
  };
  await expect(send()).rejects.toBe(broken);
});
