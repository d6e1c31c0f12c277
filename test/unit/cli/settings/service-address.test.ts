import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { readServiceAddress } from "../../../../src/cli/settings/service-address.js";

describe("what WHCB_URL names", () => {
  test.each([
    ["x.db", resolve("x.db")],
    ["./x", resolve("x")],
    ["data/calls", resolve("data/calls")],
    ["/var/lib/whcb.sqlite3", resolve("/var/lib/whcb.sqlite3")],
    ["~/x.db", join(homedir(), "x.db")],
    ["./a:b@c.db", resolve("./a:b@c.db")],
    ["/tmp/a:b@c.db", resolve("/tmp/a:b@c.db")],
    ["ada@home/x.db", resolve("ada@home/x.db")],
    ["node_modules/@whcb/x.db", resolve("node_modules/@whcb/x.db")],
    ["backup/job@2/x.db", resolve("backup/job@2/x.db")],
    ["file:x.db", resolve("x.db")],
    [pathToFileURL("/tmp/x.db").href, resolve("/tmp/x.db")],
  ])("%s is a database file", (text, path) => {
    expect(readServiceAddress(text, "WHCB_URL")).toEqual({ kind: "file", path });
  });

  test.each([
    ["http://127.0.0.1:8787", "http://127.0.0.1:8787", "http://127.0.0.1:8787"],
    ["HTTPS://API.au.whispir.com/", "https://api.au.whispir.com", "https://api.au.whispir.com"],
    ["https://proxy.example.com/whispir/", "https://proxy.example.com/whispir", "https://proxy.example.com"],
    ["https://proxy.example.com/whispir/?a=1#b", "https://proxy.example.com/whispir", "https://proxy.example.com"],
  ])("%s is a service", (text, url, origin) => {
    expect(readServiceAddress(text, "WHCB_URL")).toEqual({ kind: "http", url, origin });
  });

  test("a bare host is asked to be written in full", () => {
    expect(() => readServiceAddress("api.au.whispir.com", "WHCB_URL")).toThrow(
      expect.objectContaining({ code: "config", hint: "write https://api.au.whispir.com, or ./api.au.whispir.com for a file" }),
    );
  });

  const noUrl = "must be an http or https URL";
  const noHost = "must have a host before its path";
  const dots = "must have a host that neither begins nor ends with a dot, nor has two in a row";
  test.each([
    ["http:///path/x", noHost],
    ["https:////path", noHost],
    ["http:/path", noUrl],
    ["http:path", noUrl],
    ["https:\\\\path", noUrl],
    ["http://\\path", noHost],
    ["http:\t//path/x", noUrl],
    ["http://\t/path/x", "must have a host without % and white space"],
    ["http://.example.com", dots],
    ["https://.", dots],
    ["http://127.0.0.1:", "must have a port after the colon of its host"],
    ["http://127.0.0.1:/api", "must have a port after the colon of its host"],
    ["http://127.0.1:8787", "must have an IPv4 address of four numbers without leading zeros"],
  ])("%j %s", (text, problem) => {
    const hint = "write it like http://127.0.0.1:8787";
    const error = { code: "config", message: `WHCB_URL ${problem}`, hint };
    expect(() => readServiceAddress(text, "WHCB_URL")).toThrow(expect.objectContaining(error));
  });

  test.each([
    "https://ops:hunter2@api.au.whispir.com",
    "https://hunter2@api.au.whispir.com",
    "https://:hunter2@api.au.whispir.com",
    "https://api.au.whispir.com/?apikey=hunter2",
    "postgres://ops:hunter2@db/whcb",
    "ops:hunter2@api.au.whispir.com",
    "http:/ops:hunter2@api.au.whispir.com",
    "http//ops:hunter2@api.au.whispir.com",
    "//ops:hunter2@api.au.whispir.com/x",
    "//hunter2@api.au.whispir.com/x",
    "postgres:/ops:hunter2@db/whcb.db",
    "postgres:ops:hunter2@db/whcb",
    "h ttp://ops:hunter2@host/x",
    "://ops:hunter2@host",
    "http://ops:hunter2@ho st/",
    "file://ops:hunter2@host/x.db",
    "host=127.0.0.1 dbname=whcb password=hunter2",
    "host=/var/run/postgresql Password = hunter2",
    "Server=127.0.0.1;Pwd=hunter2;Database=./whcb.db",
    "host=127.0.0.1 passwd=hunter2 dbname=x.db",
    "whcb/hunter2@127.0.0.1/whcb",
    "http://me:12/hunter2@host",
    'whcb/"hun/ter2 hunter2"@//db:1521/whcb',
  ])("credentials in a URL are rejected without being shown", (text) => {
    let message = "";
    try {
      readServiceAddress(text, "WHCB_URL");
    } catch (error) {
      message = JSON.stringify(error, Object.getOwnPropertyNames(error));
    }
    expect(message).toContain("config");
    expect(message).not.toContain("hunter2");
  });
});
