/** `whcb serve` keeps what was submitted: it is in a list, a delivery and a replay as it came. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readSettings } from "../../src/cli/settings/settings-file.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { delivered, ODD_RESPONSES } from "../support/platform/odd-responses.js";

const XML_BEGIN =
  '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><ns2:deliveryResponse xmlns:ns2="http://schemas.api.whispir.com">';

/** `emptyDatabase`: as WHCB_DB. */
export function describeKeptResponses(name: string, emptyDatabase: (machine: CliMachine) => Promise<string>): void {
  describe(`whcb serve on ${name}`, () => {
    let machine: CliMachine;
    let endpoint: Server;
    let bodies: string[];
    let status: number;
    let api: { url: string; headers: Readonly<Record<string, string>> };

    beforeEach(async () => {
      machine = new CliMachine();
      bodies = [];
      endpoint = createServer(async (request, response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk);
        if (request.method === "POST") bodies.push(Buffer.concat(chunks).toString("utf8"));
        response.writeHead(request.method === "GET" ? 200 : status).end();
      });
      await new Promise<void>((resolve) => endpoint.listen(0, "127.0.0.1", resolve));
    });

    afterEach(async () => {
      await machine.leave();
      endpoint.closeAllConnections();
      endpoint.close();
    });

    async function serve(flags: readonly string[], contentType = "json"): Promise<void> {
      const served = await machine.serve(flags, { env: { WHCB_DB: await emptyDatabase(machine) } });
      const hook = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/hook`;
      const created = ["callbacks", "create", "--name", "demo", "--url", hook, "--email", "ops@example.com"];
      await machine.works([...created, "--content-type", contentType]);
      const profile = (await readSettings(machine.world.paths.config)).profiles.get("local");
      const authorization = `Basic ${Buffer.from(`${profile?.username}:${profile?.password}`).toString("base64")}`;
      api = { url: `${served.url}/callbacks/demo/calls`, headers: { authorization, "x-api-key": profile?.apiKey ?? "" } };
      status = 503;
    }

    async function submit(body: string, type: string): Promise<unknown> {
      const { headers, url } = api;
      const answer = await fetch(url, {
        method: "POST",
        body,
        headers: { ...headers, "content-type": type, accept: "application/json" },
      });
      expect(await answer.text()).toContain('"id"');
      await machine.settled("demo");
      const listed = await fetch(`${url}?status=FAILED`, { headers: { ...headers, accept: "application/json" } });
      const [call] = JSON.parse(await listed.text()).calls;
      const { messageId, messageLocation, from, responseMessage, customParameters } = call;
      return JSON.parse(JSON.stringify({ messageId, messageLocation, from, responseMessage, customParameters }));
    }

    const { "other types": _, ...submitted } = ODD_RESPONSES;

    test.each(Object.entries(submitted))("keeps %s: submission, list, delivery and replay", async (_, call) => {
      await serve([]);
      const { responseType: __, ...sent } = { responseType: "", ...call };
      expect(await submit(JSON.stringify(call), "application/json")).toEqual(JSON.parse(JSON.stringify(sent)));
      status = 200;
      await machine.works(["replay", "demo", "--failed", "--yes"]);
      expect(bodies.map((body) => JSON.parse(body))).toEqual([delivered(call), delivered(call)]);
    });

    test("keeps empty elements, unknown and repeated ones of XML", async () => {
      await serve([], "xml");
      const parts =
        "<messageid>M</messageid><from><name>Ada</name><email></email><phone>1</phone><phone>2</phone></from><responseMessage><channel>WhatsApp</channel><undeliverable></undeliverable><content></content><intent><name>yes</name></intent></responseMessage><customParameters></customParameters>";
      const listed = await submit(`<ns2:call xmlns:ns2="http://schemas.api.whispir.com">${parts}</ns2:call>`, "application/xml");
      expect(listed).toEqual({
        messageId: "M",
        from: { name: "Ada", email: "", phone: ["1", "2"] },
        responseMessage: { channel: "WhatsApp", undeliverable: "", content: "", intent: { name: "yes" } },
        customParameters: {},
      });
      const xml = await fetch(`${api.url}?status=FAILED`, { headers: { ...api.headers, accept: "application/xml" } });
      expect(await xml.text()).toContain(parts.replace("messageid>M</messageid", "messageId>M</messageId"));
      status = 200;
      await machine.works(["replay", "demo", "--failed", "--channel", "WhatsApp", "--yes"]);
      expect(bodies).toEqual(Array(2).fill(`${XML_BEGIN}${parts}</ns2:deliveryResponse>`));
    });

    test("--body-names names the id and the URL in deliveries and in the profile's replays", async () => {
      await serve(["--body-names", "messageId-location"]);
      await submit('{"messageId":"M","messageLocation":"","responseMessage":{"content":"Yes"}}', "application/json");
      status = 200;
      await machine.works(["replay", "demo", "--failed", "--yes"]);
      expect(bodies).toEqual(Array(2).fill('{"messageId":"M","location":"","responseMessage":{"content":"Yes"}}'));
    });
  });
}
