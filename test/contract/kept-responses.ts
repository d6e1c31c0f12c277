/** `whcb serve` keeps what was submitted: it is in a list, a delivery and a replay as it came. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readSettings } from "../../src/cli/settings/settings-file.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { delivered, ODD_RESPONSES, XML_BEGIN } from "../support/platform/odd-responses.js";
import { RecordingEndpoint } from "../support/platform/recording-endpoint.js";

/** `emptyDatabase` returns a value of WHCB_DB. */
export function describeKeptResponses(name: string, emptyDatabase: (machine: CliMachine) => Promise<string>): void {
  describe(`whcb serve on ${name}`, () => {
    let machine: CliMachine;
    let endpoint: RecordingEndpoint;
    let api: { url: string; headers: Readonly<Record<string, string>> };

    beforeEach(async () => {
      machine = new CliMachine();
      endpoint = await RecordingEndpoint.open();
    });

    afterEach(async () => {
      await machine.leave();
      endpoint.close();
    });

    async function serve(flags: readonly string[], contentType = "json"): Promise<void> {
      const served = await machine.serve(flags, { env: { WHCB_DB: await emptyDatabase(machine) } });
      const created = ["callbacks", "create", "--name", "demo", "--url", endpoint.url, "--email", "ops@example.com"];
      await machine.works([...created, "--content-type", contentType]);
      const profile = (await readSettings(machine.world.paths.config)).profiles.get("local");
      const authorization = `Basic ${Buffer.from(`${profile?.username}:${profile?.password}`).toString("base64")}`;
      api = { url: `${served.url}/callbacks/demo/calls`, headers: { authorization, "x-api-key": profile?.apiKey ?? "" } };
      endpoint.status = 503;
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

    // A service takes none of these, but may list them.
    const { "other types": _, ...submitted } = ODD_RESPONSES;

    test.each(Object.entries(submitted))("keeps %s: submission, list, delivery and replay", async (_, call) => {
      await serve([]);
      const { responseType: ___, ...sent } = { responseType: "", ...call };
      expect(await submit(JSON.stringify(call), "application/json")).toEqual(JSON.parse(JSON.stringify(sent)));
      endpoint.status = 200;
      await machine.works(["replay", "demo", "--failed", "--yes"]);
      expect(endpoint.bodies.map((body) => JSON.parse(body))).toEqual([delivered(call), delivered(call)]);
    });

    test("replays what was submitted without message, sender and content", async () => {
      await serve([]);
      const call = { customParameters: { order: "12" } };
      await submit(JSON.stringify(call), "application/json");
      endpoint.status = 200;
      await machine.works(["replay", "demo", "--failed", "--yes"]);
      expect(endpoint.bodies.map((body) => JSON.parse(body))).toEqual([call, call]);
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
      endpoint.status = 200;
      await machine.works(["replay", "demo", "--failed", "--channel", "WhatsApp", "--yes"]);
      expect(endpoint.bodies).toEqual(Array(2).fill(`${XML_BEGIN}${parts}</ns2:deliveryResponse>`));
    });

    test("--body-names names the id and the URL in deliveries and in the profile's replays", async () => {
      await serve(["--body-names", "messageId-location"]);
      await submit('{"messageId":"M","messageLocation":"","responseMessage":{"content":"Yes"}}', "application/json");
      endpoint.status = 200;
      await machine.works(["replay", "demo", "--failed", "--yes"]);
      expect(endpoint.bodies).toEqual(Array(2).fill('{"messageId":"M","location":"","responseMessage":{"content":"Yes"}}'));
    });
  });
}
