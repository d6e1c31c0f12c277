import { expect, it } from "vitest";
import { CREDENTIALS, closeService, openService } from "../support/server/server-fixture.js";

it("a request with more than 200 parameters is rejected, of any client, and what is behind them isn't left out", async () => {
  const service = await openService();
  const ask = async (parameters: number, headers: Record<string, string>) => {
    const url = `/callbacks?${"name=demo&".repeat(parameters - 1)}limit=none`;
    const { statusCode, body } = await service.app.inject({ url, headers });
    return [statusCode, body];
  };
  expect(await ask(200, CREDENTIALS)).toEqual([422, expect.stringContaining("limit")]);
  for (const headers of [CREDENTIALS, {}])
    expect(await ask(201, headers)).toEqual([400, expect.stringContaining("the query has more than 200 parameters")]);
  await closeService(service);
});
