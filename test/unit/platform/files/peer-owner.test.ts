import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { peerOwner } from "../../../../src/platform/files/peer-owner.js";

describe.runIf(process.platform === "linux")("the owner of the other end of a connection", () => {
  const uid = process.getuid?.();

  test.each([
    ["127.0.0.1", "127.0.0.1"],
    ["::1", "::1"],
    ["::", "127.0.0.1"],
    ["::", "::1"],
    ["0.0.0.0", "127.0.0.2"],
  ])("of a server at %s, reached at %s, is found from both ends", async (listened, address) => {
    const server = createServer().listen(0, listened);
    await once(server, "listening");
    const client = connect((server.address() as AddressInfo).port, address);
    const [accepted] = await once(server, "connection");
    await once(client, "connect");
    expect([peerOwner(client), peerOwner(accepted)]).toEqual([uid, uid]);
    client.destroy();
    server.close();
  });

  test("isn't known if no socket here has these addresses", () => {
    const ends = { localAddress: "127.0.0.1", localPort: 1, remoteAddress: "192.0.2.1", remotePort: 2 };
    expect(peerOwner(ends)).toBeNull();
  });

  test.runIf(uid === 0)("isn't that of another user's sockets with the same ports at other addresses", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const client = connect(port, "127.0.0.1");
    const [accepted] = await once(server, "connection");
    const script = `const net = require("node:net");
      const end = { host: "127.0.0.9", port: ${port}, localAddress: "127.0.0.9", localPort: ${client.localPort} };
      net.createServer().listen(end.port, end.host, () => net.connect(end, () => console.log("connected")));`;
    const neighbour = spawn(process.execPath, ["-e", script], { uid: 65_534, stdio: ["ignore", "pipe", "inherit"] });
    await once(neighbour.stdout, "data");
    expect([peerOwner(client), peerOwner(accepted)]).toEqual([uid, uid]);
    neighbour.kill();
    client.destroy();
    server.close();
  });
});
