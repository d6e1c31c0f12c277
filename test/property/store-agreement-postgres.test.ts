/** SQLite and PostgreSQL answer alike, and have the same rows. `npm run soak:stores` performs more sequences. */
import { expectAgreement } from "./store-agreement.js";

expectAgreement({ sequences: 10, seed: 20_300_101 });
