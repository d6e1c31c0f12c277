import { describe, expect, it } from "vitest";
import { walkList } from "../../../src/client/list-walker.js";
import type { ListPage } from "../../../src/wire/json/list-json.js";
import { heapBytes } from "../../support/heap-bytes.js";

type Pages = Readonly<Record<string, ListPage<string>>>;

/** Walks a list whose items have nothing but these ids. */
async function* walkIds(first: string, load: (path: string) => Promise<ListPage<string>>): AsyncGenerator<readonly string[]> {
  const pages = walkList(first, async (path) => {
    const page = await load(path);
    return { ...page, items: page.items.map((id) => ({ id })) };
  });
  for await (const { items } of pages) yield items.map(({ id }) => id);
}

/** Returns the items, and the paths that were requested. */
async function walk(pages: Pages, first = "/callbacks/X/calls?limit=2"): Promise<{ items: string[]; paths: string[] }> {
  const items: string[] = [];
  const paths: string[] = [];
  const load = async (path: string): Promise<ListPage<string>> => {
    paths.push(path);
    const page = pages[path];
    if (page === undefined) throw new Error(`unexpected request of ${path}`);
    return page;
  };
  for await (const ids of walkIds(first, load)) items.push(...ids);
  return { items, paths };
}

const FIRST = "/callbacks/X/calls?limit=2";
const SECOND = "/callbacks/X/calls?limit=2&offset=2";

describe("a list", () => {
  it("follows the path and query of next, whatever its host", async () => {
    const { items, paths } = await walk({
      [FIRST]: { items: ["a", "b"], total: 3, next: "http://10.0.0.7:8080/callbacks/X/calls?limit=2&offset=2" },
      [SECOND]: { items: ["c"], total: 3, next: null },
    });
    expect(items).toEqual(["a", "b", "c"]);
    expect(paths).toEqual([FIRST, SECOND]);
  });

  it("may have a next without a host", async () => {
    const { paths } = await walk({
      [FIRST]: { items: ["a"], total: 2, next: SECOND },
      [SECOND]: { items: ["b"], total: 2, next: null },
    });
    expect(paths).toEqual([FIRST, SECOND]);
  });

  it("yields each item once if pages overlap or repeat one", async () => {
    const { items } = await walk({
      [FIRST]: { items: ["a", "b", "a"], total: 4, next: SECOND },
      [SECOND]: { items: ["b", "c", "d"], total: 4, next: null },
    });
    expect(items).toEqual(["a", "b", "c", "d"]);
  });

  it("yields each item without an id, and ends all the same", async () => {
    const { items } = await walk({
      [FIRST]: { items: ["a", "", ""], total: 4, next: SECOND },
      [SECOND]: { items: ["", "a"], total: 4, next: null },
    });
    expect(items).toEqual(["a", "", "", ""]);
    let pages = 0;
    const load = async (): Promise<ListPage<string>> => ({
      items: ["", ""],
      total: 9,
      next: `/callbacks/X/calls?page=${++pages}`,
    });
    const all = async (): Promise<void> => {
      for await (const _ of walkIds(FIRST, load));
    };
    await expect(all()).rejects.toMatchObject({ code: "unavailable" });
  });

  it("whose links loop ends if all items were read, and fails otherwise", async () => {
    const circle = (total: number): Pages => ({ [FIRST]: { items: ["a", "b"], total, next: FIRST } });
    await expect(walk(circle(5))).rejects.toMatchObject({ code: "unavailable" });
    expect((await walk(circle(2))).items).toEqual(["a", "b"]);
  });

  it("with ever new links but no new items fails too", async () => {
    let pages = 0;
    const load = async (): Promise<ListPage<string>> => ({ items: ["a"], total: 9, next: `/callbacks/X/calls?page=${++pages}` });
    const all = async (): Promise<void> => {
      for await (const _ of walkIds(FIRST, load));
    };
    await expect(all()).rejects.toMatchObject({ code: "unavailable" });
    expect(pages).toBeLessThan(20);
  });

  it.each([
    { title: "without a total", total: () => null, most: 1_001_000 },
    { title: "with a small total", total: () => 500, most: 13_000 },
    { title: "with a total that grows with each page", total: (items: number) => items + 1_000, most: 15_000 },
  ])("that never ends is an error $title", async ({ total, most }) => {
    let items = 0;
    const load = async (): Promise<ListPage<string>> => {
      const page = Array.from({ length: 1_000 }, () => String(++items));
      return { items: page, total: total(items), next: `/callbacks/X/calls?after=${items}` };
    };
    const all = async (): Promise<void> => {
      for await (const _ of walkIds(FIRST, load));
    };
    await expect(all()).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("the list doesn't end") });
    expect(items).toBeLessThanOrEqual(most);
  });

  it("may grow while it is read", async () => {
    const pages = Array.from({ length: 12 }, (_, index) => [`/callbacks/X/calls?after=${index}`, index] as const);
    const { items } = await walk(
      Object.fromEntries(
        pages.map(([path, index]) => {
          const page = Array.from({ length: 1_000 }, (_, item) => `${index}.${item}`);
          return [path, { items: page, total: 1_000 + index * 1_000, next: pages[index + 1]?.[0] ?? null }];
        }),
      ),
      "/callbacks/X/calls?after=0",
    );
    expect(items).toHaveLength(12_000);
  });

  it("with a link of megabytes fails", async () => {
    const next = `/callbacks/X/calls?after=${"x".repeat(10_000)}`;
    await expect(walk({ [FIRST]: { items: ["a"], total: 2, next } })).rejects.toMatchObject({ code: "unavailable" });
  });

  it("whose next isn't a page of it fails, so that credentials aren't sent elsewhere", async () => {
    for (const next of ["http://127.0.0.1/auth?token=1", "file:///callbacks/X/calls", "http://["]) {
      await expect(walk({ [FIRST]: { items: ["a"], total: 2, next } })).rejects.toMatchObject({ code: "unavailable" });
    }
  });
});

it("keeps nothing of the long links that the paths of pages are cut out of", async () => {
  const heapMiB = (): number => heapBytes() / 2 ** 20;
  const before = heapMiB();
  let growth = 0;
  let page = 0;
  const load = async () => {
    page += 1;
    if (page === 3_000) growth = heapMiB() - before;
    return {
      items: [String(page)],
      total: null,
      next: page < 3_000 ? `/callbacks/X/calls?limit=2&offset=${page}#${"z".repeat(8_000)}` : null,
    };
  };
  for await (const _ of walkIds(FIRST, load));
  expect([page, growth < 10]).toEqual([3_000, true]);
});
