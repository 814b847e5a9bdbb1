//! What was read of the catalog at the last look, so that the next one fetches only what changed (SQL-65).
//!
//! A look asks for three digests over the row versions of the catalogs that decide what depends on what, without those
//! of initdb. Where they are the same, so is everything below; where not, the row versions are compared one by one and
//! only the texts of new ones are fetched.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokio_postgres::{Error, GenericClient, Row};

use super::dependents::{Body, Found, hash};
use super::snapshot::Snapshot;
use crate::schema::DependentKind;
use crate::schema::lock::Dependent;

/// Reset by nothing but a new connection to another database: what it holds belongs to one.
#[derive(Debug, Default)]
pub struct Memory {
    digests: Option<Digests>,
    /// Names and OIDs of the protected tables then.
    tables: Vec<(String, u32)>,
    routines: Texts,
    rewrites: Texts,
    found: Answer,
    /// What its relations and types were called.
    names: String,
}

/// What the dependencies came to.
#[derive(Debug, Clone, Default)]
struct Answer {
    listed: BTreeMap<String, Dependent>,
    blockers: Vec<(String, String)>,
    /// OIDs of relations and types.
    named: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Digests {
    database: u32,
    routines: String,
    rewrites: String,
    rest: String,
}

/// The OID of a row, and its text if that is of interest.
type Text = (u32, Option<Body>);

/// Texts by the OID of their row, with its version.
#[derive(Debug, Default)]
struct Texts(HashMap<u32, (u32, Option<Body>)>);

impl Memory {
    /// Fills in what depends on the tables of the snapshot.
    ///
    /// # Errors
    /// The server's.
    pub(super) async fn dependents<C: GenericClient + Sync>(
        &mut self,
        client: &C,
        names: impl Iterator<Item = &str>,
        snapshot: &mut Snapshot,
    ) -> Result<(), Error> {
        let row = client.query_one(DIGESTS, &[]).await?;
        let digests = Digests {
            database: row.try_get(0)?,
            routines: row.try_get(1)?,
            rewrites: row.try_get(2)?,
            rest: row.try_get(3)?,
        };
        let oids = |name: &str| {
            let live = snapshot.tables.iter().filter(|(relation, _)| relation.name == name);
            live.map(|(_, table)| table.oid).collect::<Vec<_>>()
        };
        let mut tables = Vec::new();
        for name in names {
            let live = oids(name);
            tables.extend(live.iter().map(|oid| (name.to_owned(), *oid)));
            tables.extend(live.is_empty().then(|| (name.to_owned(), 0)));
        }
        let before = self.digests.take();
        let before = before.as_ref().filter(|before| before.database == digests.database);
        let same = before == Some(&digests) && self.tables == tables && self.names == self.names(client).await?;
        if !same {
            if before.is_none_or(|before| before.routines != digests.routines) {
                self.routines.renew(client, ROUTINES, ROUTINE_TEXTS, routine).await?;
            }
            if before.is_none_or(|before| before.rewrites != digests.rewrites) {
                self.rewrites.renew(client, REWRITES, REWRITE_TEXTS, of_relation).await?;
            }
            self.found = self.follow(client, &tables).await?;
            self.names = self.names(client).await?;
            self.tables = tables;
        }
        self.digests = Some(digests);
        snapshot.dependents = self.found.listed.clone();
        snapshot.blockers = self.found.blockers.clone();
        Ok(())
    }

    async fn names<C: GenericClient + Sync>(&self, client: &C) -> Result<String, Error> {
        client.query_one(NAMES, &[&self.found.named]).await?.try_get(0)
    }

    /// Texts and the catalog's dependencies in turn, until neither finds more.
    async fn follow<C: GenericClient + Sync>(&self, client: &C, tables: &[(String, u32)]) -> Result<Answer, Error> {
        let mut others = Vec::new();
        for row in client.query(OTHER_TEXTS, &[]).await? {
            others.extend(of_relation(&row)?.1);
        }
        let bodies = || self.routines.bodies().chain(self.rewrites.bodies()).chain(&others);
        let protected: Vec<u32> = tables.iter().map(|(_, oid)| *oid).filter(|oid| *oid != 0).collect();
        let mut found = Found::of(tables.iter().map(|(name, _)| name.clone()));
        let (mut blockers, mut types) = (BTreeSet::new(), BTreeSet::new());
        loop {
            found.read(bodies());
            let mut added = false;
            let relations = protected.iter().chain(&found.relations).map(|oid| (CLASS, *oid));
            let starts: Vec<(u32, u32)> = relations.chain(found.routines.iter().map(|oid| (PROC, *oid))).collect();
            for row in close(client, &starts, &protected).await? {
                added |= join(&mut found, &mut types, &mut blockers, &row)?;
            }
            let running: Vec<(u32, u32)> = found.opaque.iter().map(|oid| (PROC, *oid)).collect();
            for row in close(client, &running, &protected).await? {
                added |= join_running(&mut found, &row)?;
            }
            if !added {
                let named = types.union(&found.relations).copied().collect();
                return Ok(Answer { listed: found.listed, blockers: blockers.into_iter().collect(), named });
            }
        }
    }
}

impl Texts {
    fn bodies(&self) -> impl Iterator<Item = &Body> + Clone {
        self.0.values().filter_map(|(_, body)| body.as_ref())
    }

    /// Forgets what is gone and fetches what is new.
    async fn renew<C: GenericClient + Sync>(
        &mut self,
        client: &C,
        versions: &str,
        texts: &str,
        read: fn(&Row) -> Result<Text, Error>,
    ) -> Result<(), Error> {
        let mut live = HashMap::new();
        for row in client.query(versions, &[]).await? {
            live.insert(row.try_get::<_, u32>(0)?, row.try_get::<_, u32>(1)?);
        }
        self.0.retain(|oid, (version, _)| live.get(oid) == Some(version));
        live.retain(|oid, _| !self.0.contains_key(oid));
        let oids: Vec<u32> = live.keys().copied().collect();
        for oids in oids.chunks(AT_ONCE) {
            for row in client.query(texts, &[&oids]).await? {
                let (oid, body) = read(&row)?;
                if let Some(version) = live.get(&oid) {
                    self.0.insert(oid, (*version, body));
                }
            }
        }
        // What has no text of interest is known too.
        for (oid, version) in live {
            self.0.entry(oid).or_insert((version, None));
        }
        Ok(())
    }
}

/// How many texts are in memory at once, beside their words.
const AT_ONCE: usize = 1000;

/// OIDs of pg_class and pg_proc, the same in every database.
const CLASS: u32 = 1259;
const PROC: u32 = 1255;

async fn close<C: GenericClient + Sync>(
    client: &C,
    starts: &[(u32, u32)],
    protected: &[u32],
) -> Result<Vec<Row>, Error> {
    if starts.is_empty() {
        return Ok(Vec::new());
    }
    let (classes, oids): (Vec<u32>, Vec<u32>) = starts.iter().copied().unzip();
    client.query(include_str!("closure.sql"), &[&classes, &oids, &protected]).await
}

/// Takes in what depends on a protected object; says whether it is new.
fn join(
    found: &mut Found,
    types: &mut BTreeSet<u32>,
    blockers: &mut BTreeSet<(String, String)>,
    row: &Row,
) -> Result<bool, Error> {
    let (what, oid, reason): (&str, u32, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let (name, identity): (&str, &str) = (row.try_get(3)?, row.try_get(4)?);
    let (over_row, unnamed): (bool, bool) = (row.try_get(5)?, row.try_get(6)?);
    if unnamed {
        return Ok(blockers.insert((identity.to_owned(), reason)));
    }
    let kind = match what {
        "relation" => DependentKind::Relation,
        "type" => DependentKind::Type,
        "routine" if over_row => DependentKind::RowRoutine,
        "routine" => DependentKind::Routine,
        "operator" => DependentKind::Operator,
        _ => return Ok(false),
    };
    match kind {
        DependentKind::Relation => found.relations.insert(oid),
        DependentKind::Routine | DependentKind::RowRoutine => found.routines.insert(oid),
        DependentKind::Type => types.insert(oid),
        DependentKind::Operator | DependentKind::SqlRoutine | DependentKind::SqlRowRoutine => false,
    };
    let digest = hash(&reason);
    Ok(!found.is_protected(name) && found.add(kind, name, identity, reason, digest))
}

/// Takes in an aggregate or routine made of one that runs SQL of its own making.
fn join_running(found: &mut Found, row: &Row) -> Result<bool, Error> {
    if row.try_get::<_, &str>(0)? != "routine" {
        return Ok(false);
    }
    let reason = format!("{}, which runs SQL of its own making", row.try_get::<_, &str>(2)?);
    let kind = match row.try_get(5)? {
        true => DependentKind::SqlRowRoutine,
        false => DependentKind::SqlRoutine,
    };
    found.opaque.insert(row.try_get(1)?);
    let digest = hash(&reason);
    Ok(found.add(kind, row.try_get(3)?, row.try_get(4)?, reason, digest))
}

/// A row of [`ROUTINE_TEXTS`].
fn routine(row: &Row) -> Result<Text, Error> {
    let oid = row.try_get(0)?;
    let text: Option<&str> = row.try_get(5)?;
    let language: &str = row.try_get(4)?;
    Ok((oid, Some(Body::routine(oid, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, language, text.unwrap_or("")))))
}

/// A row of [`REWRITE_TEXTS`] or [`OTHER_TEXTS`]: own OID, the relation's OID, what, names, text.
fn of_relation(row: &Row) -> Result<Text, Error> {
    let what = match row.try_get(2)? {
        "view" => "view",
        "rule" => "table with a rule",
        "trigger" => "table with a trigger",
        _ => "foreign table",
    };
    let text: Option<&str> = row.try_get(5)?;
    let body = Body::of_relation(row.try_get(1)?, what, row.try_get(3)?, row.try_get(4)?, text.unwrap_or(""));
    Ok((row.try_get(0)?, Some(body)))
}

/// OIDs below 16384 are initdb's. Of pg_depend only what leads to a routine, type, operator, cast or operator class of
/// the user's: what leads to a relation is a rule, a routine, a policy or a child. What is scanned whole is narrow or
/// few: with 50,000 objects the statement takes some 20 ms.
const DIGESTS: &str = "SELECT d.oid, \
      (SELECT pg_catalog.concat_ws(' ', pg_catalog.count(*), \
        pg_catalog.bit_xor(pg_catalog.hash_record_extended(ROW(p.oid, p.xmin), 0))) \
        FROM pg_catalog.pg_proc p WHERE p.oid >= 16384), \
      (SELECT pg_catalog.concat_ws(' ', pg_catalog.count(*), \
        pg_catalog.bit_xor(pg_catalog.hash_record_extended(ROW(r.oid, r.xmin), 0))) \
        FROM pg_catalog.pg_rewrite r WHERE r.oid >= 16384), \
      pg_catalog.concat_ws(' ', \
        (SELECT pg_catalog.concat_ws(' ', pg_catalog.count(*), pg_catalog.bit_xor(pg_catalog.hash_record_extended( \
          ROW(e.classid, e.objid, e.objsubid, e.refclassid, e.refobjid), 0))) \
          FROM pg_catalog.pg_depend e WHERE e.deptype <> 'i' AND e.refclassid = ANY (ARRAY[ \
            'pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_type'::pg_catalog.regclass, \
            'pg_catalog.pg_operator'::pg_catalog.regclass, 'pg_catalog.pg_cast'::pg_catalog.regclass, \
            'pg_catalog.pg_opclass'::pg_catalog.regclass]::pg_catalog.oid[])), '|', \
        (SELECT pg_catalog.concat_ws(' ', pg_catalog.count(*), \
          pg_catalog.bit_xor(pg_catalog.hash_record_extended(ROW(o.oid, o.xmin), 0))) \
          FROM pg_catalog.pg_policy o), '|', \
        (SELECT pg_catalog.concat_ws(' ', pg_catalog.count(*), \
          pg_catalog.bit_xor(pg_catalog.hash_record_extended(ROW(i.inhrelid, i.inhparent), 0))) \
          FROM pg_catalog.pg_inherits i), '|', \
        (SELECT pg_catalog.concat_ws(' ', pg_catalog.count(*), \
          pg_catalog.bit_xor(pg_catalog.hash_record_extended(ROW(f.ftrelid, f.xmin), 0))) \
          FROM pg_catalog.pg_foreign_table f), '|', \
        (SELECT pg_catalog.concat_ws(' ', pg_catalog.count(*), \
          pg_catalog.bit_xor(pg_catalog.hash_record_extended(ROW(g.oid, g.xmin), 0))) \
          FROM pg_catalog.pg_trigger g WHERE g.tgnargs > 0 AND NOT g.tgisinternal)) \
    FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()";

/// What relations and types that were found are called now: to rename one changes none of the above.
const NAMES: &str = "SELECT COALESCE((SELECT pg_catalog.string_agg(c.relname::pg_catalog.text, ' ' ORDER BY c.oid) \
        FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1)), '') || '|' || \
      COALESCE((SELECT pg_catalog.string_agg(t.typname::pg_catalog.text, ' ' ORDER BY t.oid) \
        FROM pg_catalog.pg_type t WHERE t.oid = ANY ($1)), '')";

const ROUTINES: &str = "SELECT p.oid, p.xmin::pg_catalog.text::pg_catalog.int8::pg_catalog.oid \
    FROM pg_catalog.pg_proc p WHERE p.oid >= 16384";

/// A pseudo-type takes a row too. What is dropped while we look has no description and no text any more, here and below:
/// PostgreSQL's functions see the catalog as it is, the query as it was.
const ROUTINE_TEXTS: &str = "SELECT p.oid, p.proname::pg_catalog.text, \
      COALESCE(pg_catalog.pg_describe_object('pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, 0), ''), \
      COALESCE(p.pronargs >= 1 AND (p.pronargs - p.pronargdefaults <= 1 OR p.provariadic <> 0) \
        AND a.typtype IN ('c', 'p'), false), \
      l.lanname::pg_catalog.text, COALESCE(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc, '') \
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
    LEFT JOIN pg_catalog.pg_type a ON a.oid = p.proargtypes[0] WHERE p.oid = ANY ($1)";

const REWRITES: &str = "SELECT r.oid, r.xmin::pg_catalog.text::pg_catalog.int8::pg_catalog.oid \
    FROM pg_catalog.pg_rewrite r WHERE r.oid >= 16384";

/// Only of views and rules that hand constants to what may run them: the user's functions, whose OIDs have five digits
/// and more, and builtins that run SQL. What others name, the catalog knows.
const REWRITE_TEXTS: &str = "SELECT r.oid, r.ev_class, CASE r.rulename WHEN '_RETURN' THEN 'view' ELSE 'rule' END, \
      c.relname::pg_catalog.text, COALESCE(pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, c.oid, 0), ''), \
      COALESCE(CASE r.rulename WHEN '_RETURN' THEN pg_catalog.pg_get_viewdef(c.oid) \
        ELSE pg_catalog.pg_get_ruledef(r.oid) END, '') \
    FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class \
    WHERE r.oid = ANY ($1) AND r.ev_action::pg_catalog.text OPERATOR(pg_catalog.~) ( \
      SELECT ':funcid ([1-9][0-9]{4,}|' || pg_catalog.string_agg(p.oid::pg_catalog.text, '|') || ') ' \
      FROM pg_catalog.pg_proc p WHERE p.oid < 16384 AND p.proname IN ('ts_stat', 'ts_rewrite') OR p.oid < 16384 \
        AND p.proname::pg_catalog.text OPERATOR(pg_catalog.~) '_to_xml(schema|_and_xmlschema)?$')";

/// Arguments of triggers, each of which ends with a NUL, and where foreign tables lead.
const OTHER_TEXTS: &str = "SELECT t.oid, c.oid, 'trigger', c.relname::pg_catalog.text, \
      COALESCE(pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, c.oid, 0), ''), \
      pg_catalog.replace(pg_catalog.encode(t.tgargs, 'escape'), '\\000', ' ') \
    FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid \
    WHERE t.tgnargs > 0 AND NOT t.tgisinternal \
    UNION ALL \
    SELECT c.oid, c.oid, 'foreign', c.relname::pg_catalog.text, \
      COALESCE(pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, c.oid, 0), ''), \
      pg_catalog.array_to_string(f.ftoptions, ' ') \
    FROM pg_catalog.pg_foreign_table f JOIN pg_catalog.pg_class c ON c.oid = f.ftrelid ORDER BY 1, 2, 6";
