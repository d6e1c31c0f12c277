/**
 * What a role that may create objects in whcb's schema can add to it, so that PostgreSQL prefers it to what it would otherwise convert values for: an
 * operator or a function of exactly a statement's types.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestDatabase } from "./databases.js";

const STORE = join(import.meta.dirname, "..", "..", "..", "src", "store");

/** whcb's columns and values have these types. */
const TYPES =
  "bool,int4,int8,float8,numeric,text,varchar,name,bytea,json,oid,oid[],regclass,interval,timestamptz,pg_snapshot,xid8,text[],int8[]";
/** These are functions with three arguments. */
const FEW_TYPES = "int4,int8,oid,text";

/** Returns the names of functions that the store calls, without those that it qualifies. */
export function functionsOfStore(): readonly string[] {
  const source = readdirSync(STORE, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => readFileSync(join(STORE, file), "utf8"));
  return [...new Set(source.join("\n").match(/(?<!\.)\b[a-z_]+(?=\()/g))];
}

/** Every operator, and every function that is named in the store, for all types that PostgreSQL has none for. Each fails, with its name. */
export async function plantObjects(database: TestDatabase): Promise<void> {
  // The statements that plant them must not use them.
  await database.query(`DO $plant$
    DECLARE types regtype[] := '{${TYPES}}'; few regtype[] := '{${FEW_TYPES}}'; planted record; number integer := 0;
    BEGIN
      SET LOCAL search_path = pg_catalog;
      FOR planted IN
        SELECT name, result, "left", "right", format('BEGIN RAISE %L; END', 'planted: ' || "left" || ' ' || replace(name, '%', '%%') || ' ' || "right") AS body
        FROM (SELECT oprname AS name, CASE WHEN bool_or(oprresult = 'bool'::regtype) THEN 'bool' ELSE 'text' END AS result
            FROM pg_operator WHERE oprkind = 'b' GROUP BY oprname) AS operators, unnest(types) AS "left", unnest(types) AS "right"
        WHERE NOT EXISTS (SELECT FROM pg_operator WHERE oprname = name AND oprleft = "left" AND oprright = "right")
      LOOP
        number := number + 1;
        EXECUTE format('CREATE FUNCTION public.planted_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L',
          number, planted.left, planted.right, planted.result, planted.body);
        EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.planted_%s)',
          planted.name, planted.left, planted.right, number);
      END LOOP;
      FOR planted IN
        SELECT name, arguments::regtype[], format('BEGIN RAISE %L; END', 'planted: ' || name || array_to_string(arguments::regtype[], ', ')) AS body
        FROM unnest('{${functionsOfStore().join()}}'::text[]) AS name, (
          SELECT ARRAY[one]::oid[] AS arguments FROM unnest(types) AS one
          UNION ALL SELECT ARRAY[one, two]::oid[] FROM unnest(types) AS one, unnest(types) AS two
          UNION ALL SELECT ARRAY[one, two, three]::oid[] FROM unnest(few) AS one, unnest(few) AS two, unnest(few) AS three) AS possible
        WHERE EXISTS (SELECT FROM pg_proc WHERE proname = name)
          AND NOT EXISTS (SELECT FROM pg_proc WHERE proname = name AND proargtypes::oid[] = arguments)
      LOOP
        EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS bigint LANGUAGE plpgsql AS %L',
          planted.name, array_to_string(planted.arguments, ', '), planted.body);
      END LOOP;
    END $plant$`);
}
