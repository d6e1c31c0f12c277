import { describe, expect, it } from "vitest";
import { type ListPage, walkList } from "../../../src/client/list-walker.js";

type Pages = Readonly<Record<string, ListPage<string>>>;

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
  for await (const page of walkList(first, load, (item) => item)) items.push(...page.items);
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

  it("whose links loop ends if all items were read, and fails otherwise", async () => {
    const circle = (total: number): Pages => ({ [FIRST]: { items: ["a", "b"], total, next: FIRST } });
    await expect(walk(circle(5))).rejects.toMatchObject({ code: "unavailable" });
    expect((await walk(circle(2))).items).toEqual(["a", "b"]);
  });

  it("with ever new links but no new items fails too", async () => {
    let pages = 0;
    const load = async (): Promise<ListPage<string>> => ({ items: ["a"], total: 9, next: `/callbacks/X/calls?page=${++pages}` });
    const all = async (): Promise<void> => {
      for await (const _ of walkList(FIRST, load, (item: string) => item));
    };
    await expect(all()).rejects.toMatchObject({ code: "unavailable" });
    expect(pages).toBeLessThan(20);
  });

  it("whose next isn't a page of it fails, so that credentials aren't sent elsewhere", async () => {
    for (const next of ["http://127.0.0.1/auth?token=1", "file:///callbacks/X/calls", "http://["]) {
      await expect(walk({ [FIRST]: { items: ["a"], total: 2, next } })).rejects.toMatchObject({ code: "unavailable" });
    }
  });
});
