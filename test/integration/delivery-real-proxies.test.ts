/** The proxies that people have, with an endpoint at this machine's own address. Runs where one of them is installed. */
import { once } from "node:events";
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { afterEach, describe, expect, it } from "vitest";
import { EgressProxy } from "../../src/delivery/egress-proxy.js";
import { createDeliverer } from "../../src/delivery/undici-deliverer.js";
import { systemClock } from "../../src/platform/clock.js";
import { systemTimers } from "../../src/platform/running-timers.js";
import { selfSignedCertificate } from "../support/delivery/certificate.js";
import { startConnectProxy } from "../support/delivery/connect-proxy.js";
import { findProxy, LOGIN, startRealProxy } from "../support/delivery/real-proxies.js";

const OWN_ADDRESS = Object.values(networkInterfaces())
  .flatMap((entries = []) => entries)
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function listening(server: Server): Promise<number> {
  server.listen(0, "0.0.0.0");
  await once(server, "listening");
  endings.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

async function aClosedPort(): Promise<number> {
  const { port, close } = await startConnectProxy();
  await close();
  return port;
}

describe.skipIf(OWN_ADDRESS === undefined).each(["tinyproxy", "squid"] as const)("%s", (name) => {
  it.skipIf(findProxy(name) === null)("carries deliveries, says what an endpoint lacks, and isn't blamed on it", async () => {
    const certificate = selfSignedCertificate(`IP:${OWN_ADDRESS}`);
    const answers = (_: unknown, response: { end(text: string): unknown }) => response.end("ok");
    const [https, http] = [await listening(createHttpsServer(certificate, answers)), await listening(createHttpServer(answers))];
    const [port, closed] = [await aClosedPort(), await aClosedPort()];
    const proxy = await startRealProxy(name, port, [https, closed]);
    endings.push(() => proxy.stop());
    const deliver = async (url: string, login = LOGIN) => {
      const egressProxy = new EgressProxy({ url: `http://${login}@127.0.0.1:${port}`, noProxy: "" });
      const deliverer = createDeliverer({ clock: systemClock, timers: systemTimers, ca: certificate.cert, egressProxy });
      const delivered = deliverer.deliver({ method: "POST", url, headers: {}, body: "{}" });
      return delivered.then(({ result }) => result).finally(() => deliverer.close());
    };
    const accepted = { kind: "answered", statusCode: 200, body: "ok" };
    expect(await deliver(`https://${OWN_ADDRESS}:${https}/`)).toMatchObject(accepted);
    expect(await deliver(`http://${OWN_ADDRESS}:${http}/`)).toMatchObject(accepted);
    expect(await deliver(`https://${OWN_ADDRESS}:${closed}/`)).toMatchObject({ kind: "unreachable", reason: "refused" });
    expect(await deliver(`https://${OWN_ADDRESS}:${http}/`)).toMatchObject({ kind: "unreachable", reason: "address-refused" });
    if (name === "tinyproxy") {
      await expect(deliver(`https://${OWN_ADDRESS}:${https}/`, "ada:wrong")).rejects.toMatchObject({
        message: expect.stringMatching(/^the egress proxy wants other credentials \(40[17]\)$/),
      });
    }
    await proxy.stop().finally(() => endings.pop());
    await expect(deliver(`https://${OWN_ADDRESS}:${https}/`)).rejects.toMatchObject({
      message: "the egress proxy can't be used: it refused the connection",
    });
  });
});
