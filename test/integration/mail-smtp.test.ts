/** Mails over real SMTP, to a server that accepts, rejects, requires a login, or doesn't answer. */
import { Resolver } from "node:dns";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { SMTPServerOptions } from "smtp-server";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Notifier } from "../../src/notifier/notifier.js";
import { createSmtpNotifier, type SmtpNotifierOptions } from "../../src/notifier/smtp-notifier.js";
import { systemTimers } from "../../src/platform/running-timers.js";
import { selfSignedCertificate } from "../support/delivery/certificate.js";
import { type MailServer, startMailServer } from "../support/mail/mail-server.js";
import { AS_RECEIVED, aMail, failureOf } from "../support/mail/mails.js";
import { blockLoop } from "../support/time/block-loop.js";

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function mailServer(options: SMTPServerOptions = {}, host = "127.0.0.1"): Promise<MailServer> {
  const server = await startMailServer(options, 0, host);
  endings.push(() => server.close());
  return server;
}

function notifier(options: Omit<SmtpNotifierOptions, "timers">): Notifier {
  const created = createSmtpNotifier({ timers: systemTimers, timeoutMs: 10_000, ...options });
  endings.push(() => created.close());
  return created;
}

describe("a mail server", () => {
  test("receives the mail as it was written", async () => {
    const { port, mails } = await mailServer();
    await notifier({ url: `smtp://127.0.0.1:${port}?from=whcb@example.com` }).send(aMail());
    expect(mails).toEqual([{ from: "whcb@example.com", to: ["ops@example.com"], user: "", isSecure: false, raw: AS_RECEIVED }]);
  });

  test("is used over STARTTLS if it offers that, and over TLS with smtps", async () => {
    const certificate = selfSignedCertificate("DNS:localhost", "IP:127.0.0.1");
    const offering = await mailServer({ ...certificate, disabledCommands: [] });
    await notifier({ url: `smtp://localhost:${offering.port}`, ca: certificate.cert }).send(aMail());
    const secure = await mailServer({ ...certificate, secure: true });
    await notifier({ url: `smtps://localhost:${secure.port}`, ca: certificate.cert }).send(aMail());
    expect([...offering.mails, ...secure.mails].map(({ isSecure }) => isSecure)).toEqual([true, true]);
  });

  test("whose certificate isn't trusted gets nothing", async () => {
    const certificate = selfSignedCertificate("DNS:localhost");
    const { port, mails } = await mailServer({ ...certificate, secure: true });
    const stranger = selfSignedCertificate("DNS:localhost");
    expect(await failureOf(notifier({ url: `smtps://localhost:${port}`, ca: stranger.cert }).send(aMail()))).toMatch(
      new RegExp(`^The mail server localhost:${port} (can't be reached|doesn't offer a TLS connection)`),
    );
    expect(mails).toEqual([]);
  });

  test("on this machine needs no trusted certificate", async () => {
    const { port, mails } = await mailServer({ ...selfSignedCertificate("DNS:elsewhere.example"), disabledCommands: [] });
    await notifier({ url: `smtp://localhost:${port}` }).send(aMail());
    expect(mails.map(({ isSecure }) => isSecure)).toEqual([true]);
  });

  test("at localhost is on this machine, whatever a DNS server says", async () => {
    const stranger = await mailServer({}, "127.0.0.2");
    const resolve = vi.spyOn(Resolver.prototype, "resolve4");
    resolve.mockImplementation((_name, done: unknown) => typeof done === "function" && done(null, ["127.0.0.2"]));
    endings.push(() => resolve.mockRestore());
    const url = `smtp://ops:hunter2@localhost:${stranger.port}`;
    expect(await failureOf(notifier({ url }).send(aMail()))).toMatch(
      /^The mail server localhost:\d+ can't be reached \(connect ECONNREFUSED 127\.0\.0\.1:\d+\)\.$/,
    );
    expect(stranger.mails).toEqual([]);
    expect(resolve).not.toHaveBeenCalled();
  });

  test("at localhost may listen at ::1 only", async () => {
    const { port, mails } = await mailServer({}, "::1");
    await notifier({ url: `smtp://localhost:${port}` }).send(aMail());
    expect(mails).toHaveLength(1);
  });

  test("that requires a login gets it", async () => {
    const { port, mails } = await mailServer({
      authOptional: false,
      allowInsecureAuth: true,
      onAuth: ({ username, password }, _session, done) =>
        done(password === "p@ss:word" ? null : new Error("Wrong"), { user: username }),
    });
    await notifier({ url: `smtp://ops%40example.com:p%40ss%3Aword@127.0.0.1:${port}` }).send(aMail());
    expect(mails.map(({ from, user }) => [from, user])).toEqual([["ops@example.com", "ops@example.com"]]);
  });

  test("that rejects the login causes an error without the password, even if its reply repeats it", async () => {
    const { port, mails } = await mailServer({
      allowInsecureAuth: true,
      onAuth: ({ password }, _session, done) => done(new Error(`no such password: ${password}`)),
    });
    const message = await failureOf(notifier({ url: `smtp://ops:hunter2@127.0.0.1:${port}` }).send(aMail()));
    expect(message).toBe(`The mail server 127.0.0.1:${port} rejected the login (535).`);
    expect(mails).toEqual([]);
  });

  test("that repeats the login in its reply, with or without the padding of base64, doesn't get it shown", async () => {
    const login = "AG9wcwBodW50ZXIyMTI=";
    const password = "aHVudGVyMjEy";
    const { port } = await mailServer({
      allowInsecureAuth: true,
      onAuth: (_auth, _session, done) => done(null, { user: "ops" }),
      onRcptTo: (_address, _session, done) => done(new Error(`${login} ${login.slice(0, -1)} ${password} hunter212`)),
    });
    expect(await failureOf(notifier({ url: `smtp://ops:hunter212@127.0.0.1:${port}` }).send(aMail()))).toMatch(
      /rejected the mail \(550 \*{4}=? \*{4} \*{4} \*{4}\)\.$/,
    );
  });

  test("that requires a login and gets none rejects the mail", async () => {
    const { port } = await mailServer({ authOptional: false });
    expect(await failureOf(notifier({ url: `smtp://127.0.0.1:${port}` }).send(aMail()))).toMatch(
      /rejected the mail \(530 .*\)\.$/,
    );
  });

  test.each(["smtp", "smtps"])(
    "that sends more than replies is disconnected, and what it sent isn't collected: %s",
    async (scheme) => {
      let sent = 0;
      const flood = (socket: Socket): void => {
        socket.on("error", () => undefined);
        const lines = Buffer.alloc(65_536, "\n");
        const send = (): void => {
          for (; !socket.destroyed && sent < 50_000_000 && socket.write(lines); sent += lines.length);
        };
        socket.on("drain", send);
        send();
      };
      const { cert, key } = selfSignedCertificate("IP:127.0.0.1");
      const server = (scheme === "smtp" ? createServer(flood) : createTlsServer({ cert, key }, flood)).listen(0, "127.0.0.1");
      await once(server, "listening");
      endings.push(() => server.close());
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      expect(await failureOf(notifier({ url: `${scheme}://127.0.0.1:${port}` }).send(aMail()))).toBe(
        `The mail server 127.0.0.1:${port} can't be reached (its replies are too long).`,
      );
      expect(sent).toBeLessThan(10_000_000);
    },
  );

  test("that is down is reported as unreachable, and receives the mail when it is back", async () => {
    const { port } = await mailServer();
    for (const end of endings.splice(0)) await end();
    const down = notifier({ url: `smtp://127.0.0.1:${port}` });
    expect(await failureOf(down.send(aMail()))).toMatch(
      /^The mail server 127\.0\.0\.1:\d+ can't be reached \(.*ECONNREFUSED.*\)\.$/,
    );
    const { port: back, mails } = await mailServer();
    await notifier({ url: `smtp://127.0.0.1:${back}` }).send(aMail());
    expect(mails).toHaveLength(1);
  });

  test("that rejects the recipient or the mail is quoted", async () => {
    const rejecting = await mailServer({
      onRcptTo: (_address, _session, done) => done(new Error("No such user here\u001b[31m")),
    });
    const failure = await failureOf(notifier({ url: `smtp://127.0.0.1:${rejecting.port}` }).send(aMail()));
    expect(failure).toContain("rejected the mail (550 No such user here");
    expect(failure).not.toContain("\u001b");
    const full = await mailServer({
      onData: (stream, _session, done) =>
        void stream.resume().on("end", () => done(Object.assign(new Error("Mailbox full"), { responseCode: 452 }))),
    });
    expect(await failureOf(notifier({ url: `smtp://127.0.0.1:${full.port}` }).send(aMail()))).toContain(
      "rejected the mail (452 Mailbox full)",
    );
  });

  test("that never answers, or never finishes, times out", async () => {
    const silent = createServer((socket) => socket.on("error", () => undefined)).listen(0, "127.0.0.1");
    await new Promise((resolve) => silent.once("listening", resolve));
    endings.push(() => silent.close());
    const address = silent.address();
    const port = typeof address === "object" ? address?.port : 0;
    expect(await failureOf(notifier({ url: `smtp://127.0.0.1:${port}`, timeoutMs: 300 }).send(aMail()))).toMatch(
      /didn't accept the mail within 0\.3 s|can't be reached/,
    );
    const stuck = await mailServer({ onData: (stream) => void stream.resume() });
    expect(await failureOf(notifier({ url: `smtp://127.0.0.1:${stuck.port}`, timeoutMs: 300 }).send(aMail()))).toMatch(
      /didn't accept the mail within 0\.3 s|can't be reached/,
    );
  });

  test("that has accepted the mail while this process was stopped isn't sent it again", async () => {
    const { port } = await mailServer({
      onData: (stream, _session, done) =>
        void stream.resume().on("end", () => {
          done();
          blockLoop(800);
        }),
    });
    await notifier({ url: `smtp://127.0.0.1:${port}`, timeoutMs: 500 }).send(aMail());
  });

  test("that talks endlessly times out", async () => {
    const endless = createServer((socket) => {
      socket.write("220 here\r\n");
      const timer = setInterval(() => socket.write("250-more\r\n"), 10);
      socket.on("error", () => undefined).on("close", () => clearInterval(timer));
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => endless.once("listening", resolve));
    endings.push(() => endless.close());
    const address = endless.address();
    const port = typeof address === "object" ? address?.port : 0;
    const failure = await failureOf(notifier({ url: `smtp://127.0.0.1:${port}`, timeoutMs: 300 }).send(aMail()));
    expect(failure).toBe(`The mail server 127.0.0.1:${port} didn't accept the mail within 0.3 s.`);
  });

  test("gets unusual addresses unchanged", async () => {
    const { port, mails } = await mailServer();
    const sender = notifier({ url: `smtp://127.0.0.1:${port}` });
    for (const to of ["o'neil+x@example.com", "josé@example.com"]) await sender.send(aMail({ to }));
    expect(mails.map(({ to }) => to)).toEqual([["o'neil+x@example.com"], ["josé@example.com"]]);
  });

  test("ten mails at once arrive as ten", async () => {
    const { port, mails } = await mailServer();
    const sender = notifier({ url: `smtp://127.0.0.1:${port}` });
    await Promise.all(Array.from({ length: 10 }, (_, number) => sender.send(aMail({ outageId: `0193A${number}` }))));
    expect(new Set(mails.map(({ raw }) => /^Message-ID: (.*)$/m.exec(raw)?.[1])).size).toBe(10);
  });
});

describe("a hostile mail", () => {
  const EVIL = "x\r\nBcc: all@example.com\r\n\r\nhello\u0000\u001b[2J";

  test("can't add a header or recipient or end early, whatever its subject and text contain", async () => {
    const { port, mails } = await mailServer();
    await notifier({ url: `smtp://127.0.0.1:${port}` }).send(
      aMail({ subject: EVIL, text: `${EVIL}\r\n.\r\nMAIL FROM:<a@b>\r\nfrom` }),
    );
    const [mail] = mails;
    expect(mails).toHaveLength(1);
    expect(mail?.to).toEqual(["ops@example.com"]);
    const head = (mail?.raw.split("\r\n\r\n")[0] ?? "").replaceAll("\r\n ", " ");
    expect(head.split("\r\n").map((line) => line.split(":")[0])).toEqual(
      AS_RECEIVED.split("\r\n\r\n")[0]
        ?.split("\r\n")
        .map((line) => line.split(":")[0]),
    );
  });

  test("to several addresses, or whose id is a path, isn't sent", async () => {
    const { port, mails } = await mailServer();
    const sender = notifier({ url: `smtp://127.0.0.1:${port}` });
    expect(await failureOf(sender.send(aMail({ to: "a@example.com, b@example.com" })))).toContain(
      "isn't a single e-mail address",
    );
    expect(await failureOf(sender.send(aMail({ to: "a@example.com\r\nRCPT TO:<b@example.com>" })))).toContain(
      "isn't a single e-mail address",
    );
    expect(await failureOf(sender.send(aMail({ outageId: "../x" })))).toContain("a mail can't carry");
    expect(mails).toEqual([]);
  });
});
