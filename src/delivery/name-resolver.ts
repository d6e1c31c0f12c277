/** From a host's name to its addresses. */
import { lookup } from "node:dns/promises";
import { DeliveryFailure } from "./delivery-failure.js";

export interface NameResolver {
  /** At least one address, in the order in which they should be tried. Rejects with a DeliveryFailure of reason `dns`. */
  resolve(name: string): Promise<readonly string[]>;
}

export const systemNames: NameResolver = {
  async resolve(name) {
    try {
      return (await lookup(name, { all: true, order: "verbatim" })).map((entry) => entry.address);
    } catch (error) {
      throw new DeliveryFailure("dns", `${name} has no address`, error);
    }
  },
};
