import { sql } from "kysely";
import type { Db } from "../schema.js";

/**
 * Reads what decides about rows in the current schema: tables with their columns and constraints, indexes, triggers, rules,
 * policies, views, functions and operators; also tables elsewhere that inherit from these. Leaves out what belongs to an
 * extension, or is a matter of tuning. NOT NULL is read from the columns: PostgreSQL 18 has constraints for it, with names that
 * depend on the database's age.
 */
export async function readSchemaObjects(db: Db): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql<{ object: string; definition: string }>`
    WITH tables AS (
      SELECT oid AS id, relkind, pg_catalog.concat_ws(' ', relkind, relpersistence, relrowsecurity, relforcerowsecurity) AS kind FROM pg_class
      WHERE relkind IN ('r', 'p', 'f', 'v', 'm') AND ${isNotOfExtension("pg_class")} AND (relnamespace = ${NAMESPACE} OR oid IN (
        SELECT inhrelid FROM pg_inherits JOIN pg_class AS parent ON parent.oid = inhparent WHERE relnamespace = ${NAMESPACE}))),
    objects AS (
      SELECT CASE WHEN relkind IN ('v', 'm') THEN 'view' ELSE 'table' END AS type, id::regclass::text AS name,
        pg_catalog.concat_ws(chr(10), kind, CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(id) END,
          (SELECT string_agg(pg_catalog.concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
              attcollation::regcollation, pg_get_expr(adbin, adrelid)), chr(10) ORDER BY attname)
            FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
            WHERE attrelid = id AND attnum > 0 AND NOT attisdropped),
          (SELECT string_agg(pg_catalog.concat_ws(' ', conname, pg_get_constraintdef(oid)), chr(10) ORDER BY conname)
            FROM pg_constraint WHERE conrelid = id AND contype <> 'n')) AS definition
      FROM tables
      UNION ALL SELECT 'index', indexrelid::regclass::text, pg_catalog.concat_ws(' ', indisvalid, pg_get_indexdef(indexrelid))
      FROM pg_index JOIN tables ON id = indrelid
      UNION ALL SELECT 'trigger', pg_catalog.concat(tgname, ' on ', id::regclass), pg_catalog.concat_ws(' ', tgenabled, pg_get_triggerdef(oid))
      FROM pg_trigger JOIN tables ON id = tgrelid WHERE NOT tgisinternal
      UNION ALL SELECT 'rule', pg_catalog.concat(rulename, ' on ', id::regclass), pg_catalog.concat_ws(' ', ev_enabled, pg_get_ruledef(oid))
      FROM pg_rewrite JOIN tables ON id = ev_class WHERE rulename <> '_RETURN'
      UNION ALL SELECT 'policy', pg_catalog.concat(polname, ' on ', id::regclass), '' FROM pg_policy JOIN tables ON id = polrelid
      UNION ALL SELECT 'function', oid::regprocedure::text, CASE prokind WHEN 'a' THEN '' ELSE pg_get_functiondef(oid) END
      FROM pg_proc WHERE pronamespace = ${NAMESPACE} AND ${isNotOfExtension("pg_proc")}
      UNION ALL SELECT 'operator', oid::regoperator::text, '' FROM pg_operator
      WHERE oprnamespace = ${NAMESPACE} AND ${isNotOfExtension("pg_operator")})
    SELECT pg_catalog.concat_ws(' ', type, name) AS object, replace(definition, quote_ident(current_schema()::text) || '.', '') AS definition
    FROM objects ORDER BY object`.execute(db);
  return new Map(rows.map(({ object, definition }) => [object, definition]));
}

const NAMESPACE = sql`(SELECT oid FROM pg_namespace WHERE nspname = current_schema())`;

function isNotOfExtension(catalog: "pg_class" | "pg_proc" | "pg_operator") {
  return sql`oid NOT IN (SELECT objid FROM pg_depend WHERE classid = ${sql.lit(catalog)}::regclass::oid AND deptype = 'e')`;
}
