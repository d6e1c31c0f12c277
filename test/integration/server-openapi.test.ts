import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, expect, it } from "vitest";
import { objectOf } from "../../src/wire/json/json-value.js";
import { closeService, openService, type Service } from "../support/server/server-fixture.js";

let service: Service;
beforeAll(async () => {
  service = await openService();
});
afterAll(() => closeService(service));

it("describes every route in a valid OpenAPI 3.1 document, without credentials", async () => {
  const answer = await service.app.inject({ url: "/openapi.json" });
  const document = objectOf(answer.json());
  const { valid, errors } = await new Validator().validate({ ...document });
  expect({ valid, errors, version: document.openapi }).toEqual({ valid: true, errors: undefined, version: "3.1.0" });
  expect(answer.body.length).toBeLessThan(120_000);
  const routes = Object.entries(objectOf(document.paths)).map(
    ([path, methods]) => `${path} ${Object.keys(objectOf(methods)).sort()}`,
  );
  expect(routes.sort()).toEqual([
    "/ get",
    "/auth post",
    "/auth/verify get",
    "/call-ids get",
    "/callbacks get,post",
    "/callbacks/{id} delete,get,put",
    "/callbacks/{id}/attempts post",
    "/callbacks/{id}/call-ids get",
    "/callbacks/{id}/calls get,post,put",
    "/callbacks/{id}/calls/{callId} get,put",
    "/callbacks/{id}/calls/{callId}/attempts get",
    "/callbacks/{id}/pause delete,post",
    "/callbacks/{id}/replays post",
    "/callbacks/{id}/replays/{replayId} delete,get",
    "/callbacks/{id}/run-lock delete,put",
    "/callbacks/{id}/test-email post",
    "/console/code post",
    "/outages get",
  ]);
});
