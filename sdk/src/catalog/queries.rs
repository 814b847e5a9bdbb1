//! The queries behind a [`Snapshot`]. Every name is qualified and the session's search_path is empty, so that nothing
//! a user made can stand in for a catalog.

use std::collections::BTreeSet;

use tokio_postgres::{Client, Error, GenericClient, IsolationLevel, Row};

use super::Memory;
use super::snapshot::{Column, Constraint, Database, Index, Snapshot, Table, Trigger};
use crate::schema::{Relation, Schema};

/// Settings under which the catalog prints expressions: what is stored in a lock must not depend on a role's. They end
/// with the transaction, so that any connection can be lent for it.
pub const SETTINGS: &str = "SET LOCAL search_path = ''; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; \
    SET LOCAL IntervalStyle = 'postgres'; SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1; \
    SET LOCAL standard_conforming_strings = on; SET LOCAL quote_all_identifiers = off";

/// How long a look waits at the server: PostgreSQL's own functions lock what they describe, and somebody may hold it.
const LIMITS: &str = "SET LOCAL lock_timeout = '3s'; SET LOCAL statement_timeout = '10s'";

/// Reads everything about the tables of a schema file, of one moment, in a transaction of its own. A future that is
/// dropped half-way ends the transaction too. `memory` is that of the last look.
///
/// # Errors
/// The server's: also 55P03 after 3 s behind somebody's lock, and 57014 where one question took 10 s.
pub async fn read(client: &mut Client, schema: &Schema, memory: &mut Memory) -> Result<Snapshot, Error> {
    let transaction =
        client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await?;
    transaction.batch_execute(SETTINGS).await?;
    transaction.batch_execute(LIMITS).await?;
    let snapshot = snapshot(&transaction, schema, memory).await?;
    transaction.rollback().await?;
    Ok(snapshot)
}

/// Reads everything about the tables of a schema file. The session must have [`SETTINGS`]; run it inside one REPEATABLE
/// READ transaction if the parts must be of one moment.
///
/// # Errors
/// The server's.
pub async fn snapshot<C: GenericClient + Sync>(
    client: &C,
    schema: &Schema,
    memory: &mut Memory,
) -> Result<Snapshot, Error> {
    let relations: BTreeSet<&Relation> = schema.tables.iter().map(|table| &table.relation).collect();
    let mut snapshot = Snapshot { database: database(client).await?, ..Snapshot::default() };
    let names: Vec<&str> = relations.iter().map(|relation| relation.name.as_str()).collect();
    for row in client.query(RELATIONS, &[&names]).await? {
        let relation = Relation { schema: row.try_get(1)?, name: row.try_get(2)? };
        let kind: String = row.try_get(3)?;
        if !relations.contains(&relation) {
            snapshot.namesakes.push(relation);
            continue;
        }
        // A sequence or an index comes first in a path as a table does, and is none.
        if !["r", "p", "v", "m", "f"].contains(&kind.as_str()) {
            continue;
        }
        let mut table = Table {
            oid: row.try_get(0)?,
            kind,
            persistence: row.try_get(4)?,
            is_child: row.try_get(5)?,
            row_security: row.try_get(6)?,
            ..Table::default()
        };
        fill(client, &mut table, snapshot.database.version).await?;
        snapshot.tables.insert(relation, table);
    }
    snapshot.key_store = client.query_one(KEY_STORE, &[]).await?.try_get(0)?;
    for row in client.query(DOMAINS, &[]).await? {
        snapshot.domains.insert(row.try_get(0)?, row.try_get(1)?);
    }
    memory.dependents(client, names.iter().copied(), &mut snapshot).await?;
    Ok(snapshot)
}

/// Whether the table holds a row; it takes SELECT on it.
///
/// # Errors
/// The server's.
pub async fn holds_rows(client: &Client, relation: &Relation) -> Result<bool, Error> {
    use crate::schema::names::quote;
    let table = format!("{}.{}", quote(&relation.schema), quote(&relation.name));
    client.query_one(&format!("SELECT EXISTS (SELECT FROM {table})"), &[]).await?.try_get(0)
}

/// Which database the session is in.
///
/// # Errors
/// The server's.
pub async fn database<C: GenericClient + Sync>(client: &C) -> Result<Database, Error> {
    let row = client.query_one(DATABASE, &[]).await?;
    Ok(Database {
        name: row.try_get(0)?,
        system_identifier: row.try_get(1)?,
        encoding: row.try_get(2)?,
        version: row.try_get(3)?,
    })
}

async fn fill<C: GenericClient + Sync>(client: &C, table: &mut Table, version: i32) -> Result<(), Error> {
    let oid = table.oid;
    for row in client.query(COLUMNS, &[&oid]).await? {
        table.columns.push(column(&row)?);
    }
    for row in client.query(CONSTRAINTS, &[&oid]).await? {
        table.constraints.push(constraint(&row)?);
    }
    for row in client.query(INDEXES, &[&oid]).await? {
        table.indexes.push(index(&row, version)?);
    }
    for row in client.query(TRIGGERS, &[&oid]).await? {
        let trigger = Trigger { name: row.try_get(0)?, before_row: row.try_get(1)?, definition: row.try_get(2)? };
        table.triggers.push(trigger);
    }
    for row in client.query(RULES, &[&oid]).await? {
        table.rules.push((row.try_get(0)?, row.try_get(1)?));
    }
    for row in client.query(POLICIES, &[&oid]).await? {
        table.policies.push((row.try_get(0)?, row.try_get(1)?));
    }
    for row in client.query(CHILDREN, &[&oid]).await? {
        table.children.push(Relation { schema: row.try_get(0)?, name: row.try_get(1)? });
    }
    for row in client.query(STATISTICS, &[&oid]).await? {
        table.statistics.push((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
    }
    // Filters and column lists of publications came with 15.
    if version >= 150_000 {
        for row in client.query(PUBLICATIONS, &[&oid]).await? {
            table.publications.push(row.try_get(0)?);
        }
    }
    for row in client.query(VIEWS, &[&oid]).await? {
        table.views.push((row.try_get(0)?, row.try_get(1)?));
    }
    for row in client.query(REFERENCED_BY, &[&oid]).await? {
        let relation = Relation { schema: row.try_get(1)?, name: row.try_get(2)? };
        table.referenced_by.push((row.try_get(0)?, relation, row.try_get(3)?));
    }
    Ok(())
}

fn column(row: &Row) -> Result<Column, Error> {
    let sequence = |schema: Option<String>, name: Option<String>| Some(Relation { schema: schema?, name: name? });
    let grantees: Vec<String> = row.try_get(16)?;
    let privileges: Vec<String> = row.try_get(17)?;
    Ok(Column {
        attnum: row.try_get(0)?,
        name: row.try_get(1)?,
        type_oid: row.try_get(2)?,
        typmod: row.try_get(3)?,
        typlen: row.try_get(4)?,
        type_name: row.try_get(5)?,
        shown: row.try_get(6)?,
        not_null: row.try_get(7)?,
        default: row.try_get(8)?,
        generated: row.try_get(9)?,
        identity: row.try_get(10)?,
        sequence: sequence(row.try_get(11)?, row.try_get(12)?),
        collation: row.try_get(13)?,
        deterministic: row.try_get(14)?,
        reads: row.try_get(15)?,
        grants: grantees.into_iter().zip(privileges).collect(),
        checks: row.try_get(18)?,
    })
}

fn constraint(row: &Row) -> Result<Constraint, Error> {
    let target = |schema: Option<String>, name: Option<String>| Some(Relation { schema: schema?, name: name? });
    Ok(Constraint {
        name: row.try_get(0)?,
        kind: row.try_get(1)?,
        columns: row.try_get(2)?,
        target: target(row.try_get(3)?, row.try_get(4)?),
        target_columns: row.try_get(5)?,
        on_update: row.try_get(6)?,
        on_delete: row.try_get(7)?,
        deferrable: row.try_get(8)?,
        deferred: row.try_get(9)?,
        definition: row.try_get(10)?,
    })
}

fn index(row: &Row, version: i32) -> Result<Index, Error> {
    let all: Vec<i16> = row.try_get(5)?;
    let keys: i16 = row.try_get(6)?;
    let (keys, includes) = all.split_at(usize::try_from(keys).unwrap_or_default().min(all.len()));
    let definition: String = row.try_get(11)?;
    Ok(Index {
        name: row.try_get(0)?,
        unique: row.try_get(1)?,
        constraint: row.try_get(2)?,
        // The column of pg_index came with 15; the printed definition says it everywhere.
        nulls_not_distinct: version >= 150_000 && definition.contains(" NULLS NOT DISTINCT"),
        method: row.try_get(3)?,
        predicate: row.try_get(4)?,
        keys: keys.to_vec(),
        includes: includes.to_vec(),
        options: row.try_get(7)?,
        plain: row.try_get(8)?,
        reads: row.try_get(9)?,
    })
}

const DATABASE: &str = "SELECT pg_catalog.current_database()::text, \
    (SELECT system_identifier::text FROM pg_catalog.pg_control_system()), \
    pg_catalog.current_setting('server_encoding'), pg_catalog.current_setting('server_version_num')::int4";

const RELATIONS: &str = "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, c.relpersistence::text, \
    c.relispartition OR EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid), \
    c.relrowsecurity OR c.relforcerowsecurity \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relname = ANY ($1::text[]) ORDER BY 2, 3";

const COLUMNS: &str = "SELECT a.attnum, a.attname::text, a.atttypid, a.atttypmod, a.attlen, \
    tn.nspname || '.' || t.typname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, \
    pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attgenerated <> '', a.attidentity::text, sn.nspname::text, \
    s.relname::text, CASE WHEN a.attcollation <> t.typcollation THEN cn.nspname || '.' || co.collname END, \
    COALESCE(co.collisdeterministic, true), \
    ARRAY(SELECT DISTINCT p.refobjsubid::int2 FROM pg_catalog.pg_depend p \
        WHERE p.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND p.objid = d.oid \
        AND p.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND p.refobjid = a.attrelid \
        AND p.refobjsubid NOT IN (0, a.attnum) ORDER BY 1), \
    ARRAY(SELECT CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) END \
        FROM pg_catalog.aclexplode(a.attacl) x ORDER BY x.grantee, x.privilege_type), \
    ARRAY(SELECT x.privilege_type FROM pg_catalog.aclexplode(a.attacl) x ORDER BY x.grantee, x.privilege_type), \
    ARRAY(SELECT pg_catalog.pg_get_constraintdef(k.oid) FROM pg_catalog.pg_constraint k \
        WHERE k.contypid = a.atttypid AND k.contype = 'c' AND tn.nspname = 'pgseal' ORDER BY 1) \
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
    JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace \
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
    LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation \
    LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace \
    LEFT JOIN pg_catalog.pg_class s ON a.attidentity <> '' AND s.relkind = 'S' \
        AND s.oid = (SELECT q.objid FROM pg_catalog.pg_depend q \
            WHERE q.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
            AND q.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
            AND q.refobjid = a.attrelid AND q.refobjsubid = a.attnum AND q.deptype = 'i' LIMIT 1) \
    LEFT JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace \
    WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

const CONSTRAINTS: &str = "SELECT c.conname::text, c.contype::text, COALESCE(c.conkey, '{}'), tn.nspname::text, \
    t.relname::text, COALESCE(c.confkey, '{}'), c.confupdtype::text, c.confdeltype::text, c.condeferrable, \
    c.condeferred, pg_catalog.pg_get_constraintdef(c.oid) \
    FROM pg_catalog.pg_constraint c LEFT JOIN pg_catalog.pg_class t ON t.oid = c.confrelid \
    LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace \
    WHERE c.conrelid = $1 AND c.contype IN ('p', 'u', 'f', 'c', 'x') ORDER BY 1";

const INDEXES: &str = "SELECT c.relname::text, i.indisunique, \
    EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')), \
    m.amname::text, pg_catalog.pg_get_expr(i.indpred, i.indrelid), i.indkey::int2[], i.indnkeyatts, \
    i.indoption::int2[], i.indexprs IS NULL AND NOT EXISTS (SELECT FROM \
        pg_catalog.generate_series(0, i.indnkeyatts - 1) k \
        JOIN pg_catalog.pg_opclass o ON o.oid = (i.indclass::pg_catalog.oid[])[k] \
        LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = (i.indkey::int2[])[k] \
        WHERE NOT o.opcdefault OR (i.indcollation::pg_catalog.oid[])[k] <> COALESCE(a.attcollation, 0)), \
    ARRAY(SELECT DISTINCT p.refobjsubid::int2 FROM pg_catalog.pg_depend p \
        WHERE p.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND p.objid = i.indexrelid \
        AND p.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND p.refobjid = i.indrelid \
        AND p.refobjsubid > 0 ORDER BY 1), i.indisvalid, pg_catalog.pg_get_indexdef(i.indexrelid) \
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
    JOIN pg_catalog.pg_am m ON m.oid = c.relam WHERE i.indrelid = $1 ORDER BY 1";

/// tgtype: 1 FOR EACH ROW, 2 BEFORE, 64 INSTEAD OF.
const TRIGGERS: &str = "SELECT t.tgname::text, (t.tgtype & 1 = 1 AND t.tgtype & 2 = 2) OR t.tgtype & 64 = 64, \
    t.tgenabled::text || ' ' || pg_catalog.pg_get_triggerdef(t.oid) \
    FROM pg_catalog.pg_trigger t WHERE t.tgrelid = $1 AND NOT t.tgisinternal ORDER BY 1";

const RULES: &str = "SELECT r.rulename::text, pg_catalog.pg_get_ruledef(r.oid) FROM pg_catalog.pg_rewrite r \
    WHERE r.ev_class = $1 AND r.rulename <> '_RETURN' ORDER BY 1";

const POLICIES: &str = "SELECT p.polname::text, p.polcmd::text || ' ' || \
    COALESCE(pg_catalog.pg_get_expr(p.polqual, p.polrelid), '') || ' ' || \
    COALESCE(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), '') \
    FROM pg_catalog.pg_policy p WHERE p.polrelid = $1 ORDER BY 1";

const CHILDREN: &str = "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_inherits i \
    JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE i.inhparent = $1 ORDER BY 1, 2";

const STATISTICS: &str = "SELECT s.stxname::text, s.stxkeys::int2[], s.stxexprs IS NOT NULL \
    FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = $1 ORDER BY 1";

const PUBLICATIONS: &str = "SELECT p.pubname::text FROM pg_catalog.pg_publication_rel r \
    JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid \
    WHERE r.prrelid = $1 AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL) ORDER BY 1";

const VIEWS: &str = "SELECT DISTINCT n.nspname || '.' || c.relname, d.refobjsubid::int2 FROM pg_catalog.pg_depend d \
    JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid JOIN pg_catalog.pg_class c ON c.oid = r.ev_class \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass \
    AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = $1 AND c.oid <> $1 ORDER BY 1, 2";

const REFERENCED_BY: &str = "SELECT k.conname::text, n.nspname::text, c.relname::text, k.confkey \
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE k.confrelid = $1 AND k.contype = 'f' ORDER BY 1, 2, 3";

const KEY_STORE: &str = "SELECT pg_catalog.to_regclass('pgseal.keys') IS NOT NULL \
    AND pg_catalog.to_regclass('pgseal.store') IS NOT NULL";

/// Through pg_depend, which has an index for it; pg_type has none by schema.
const DOMAINS: &str = "SELECT t.typname::text, ARRAY(SELECT k.conname::text FROM pg_catalog.pg_constraint k \
        WHERE k.contypid = t.oid AND k.contype = 'c' ORDER BY 1) FROM pg_catalog.pg_namespace n \
    JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = n.oid \
        AND d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass \
    JOIN pg_catalog.pg_type t ON t.oid = d.objid AND t.typnamespace = n.oid \
    WHERE n.nspname = 'pgseal' AND t.typtype = 'd' ORDER BY 1";
