/** The long run of test/property/store-agreement-postgres.test.ts, by hand: `npm run soak:stores -- --sequences 10000 --seed 1`. */
import { expectAgreement } from "../property/store-agreement.js";

expectAgreement({
  sequences: Number(process.env.SOAK_SEQUENCES ?? 10_000),
  seed: Number(process.env.SOAK_SEED ?? Date.now() % 1_000_000),
});
