import { expect, it } from "vitest";
import { watchDates } from "../../../../src/cli/settings/warn-of-dates.js";

it.each([
  [60_000, []],
  [-3 * 3_600_000, ["warning: this machine's clock is 3h ahead of the service's, and --since and --until go by it"]],
  [90 * 60_000, ["warning: this machine's clock is 1h 30m behind the service's, and --since and --until go by it"]],
])("a service whose clock is %i ms ahead is warned of once", (serviceAheadMs, warnings) => {
  const said: string[] = [];
  const screen = { renderOptions: { now: 0, utc: true }, info: (line: string) => said.push(line) };
  const onListed = watchDates({ args: { get: () => false }, screen } as never, { value: "UTC", from: "default" });
  for (let page = 0; page < 2; page++) onListed([], serviceAheadMs);
  expect(said).toEqual(warnings);
});
