/** What a URL means for a delivery, parsed and checked once and kept while it is in use. */
import { isWhcbError } from "../domain/errors.js";
import { type AddressRule, checkCallbackUrl, parseHttpUrl } from "./address-rule.js";
import { DeliveryFailure } from "./delivery-failure.js";
import type { OriginLines } from "./origin-connections.js";
import type { Origins } from "./origins.js";

export interface Target {
  readonly path: string;
  /** host:port. */
  readonly where: string;
  /** The origin's connections as they are now: an idle origin is forgotten and comes back anew. */
  lines(): OriginLines;
}

/** More than the endpoints that are served at once; an entry may hold a key, and none is kept for long without use. */
const MAX_TARGETS = 2_000;

export class Targets {
  readonly #known = new Map<string, Target | DeliveryFailure>();
  readonly #origins: Origins;
  readonly #rule: AddressRule;

  constructor(origins: Origins, rule: AddressRule) {
    this.#origins = origins;
    this.#rule = rule;
  }

  of(url: string): Target | DeliveryFailure {
    const known = this.#known.get(url);
    if (known !== undefined) return known;
    const target = this.#parse(url);
    // Starting over is cheaper than keeping an order of use for the rare house with more endpoints than this.
    if (this.#known.size >= MAX_TARGETS) this.#known.clear();
    this.#known.set(url, target);
    return target;
  }

  async close(): Promise<void> {
    this.#known.clear();
    await this.#origins.close();
  }

  #parse(url: string): Target | DeliveryFailure {
    try {
      checkCallbackUrl(url, this.#rule);
    } catch (error) {
      if (isWhcbError(error, "address-refused")) return new DeliveryFailure("address-refused", error.message);
      throw error;
    }
    const parsed = parseHttpUrl(url);
    if (parsed === null) return new DeliveryFailure("address-refused", "no http or https URL");
    const { origin } = parsed;
    return {
      path: parsed.pathname + parsed.search,
      where: `${parsed.hostname}:${parsed.port || (parsed.protocol === "https:" ? "443" : "80")}`,
      lines: () => this.#origins.of(origin),
    };
  }
}
