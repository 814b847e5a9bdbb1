-- The catalog's own dependencies, followed from protected tables and from code that names one (SQL-65).
--
-- $1 classes and $2 OIDs to start from, $3 OIDs of the protected tables. An edge leads from an object to what runs it or
-- is made of it, and ends at the object that people would name: for a CHECK its table or domain, for a rule its view,
-- for a cast its types. Row types are followed from protected tables and composite types only. From a child it goes up
-- to the parents through which its rows are written, and not down to their other children.
WITH RECURSIVE class AS MATERIALIZED (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid AS class,
        'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid AS proc,
        'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid AS type,
        'pg_catalog.pg_operator'::pg_catalog.regclass::pg_catalog.oid AS operator,
        'pg_catalog.pg_cast'::pg_catalog.regclass::pg_catalog.oid AS "cast",
        'pg_catalog.pg_opclass'::pg_catalog.regclass::pg_catalog.oid AS opclass
), found (class, oid, up, why) AS (
    SELECT s.class, s.oid, false, ''::pg_catalog.text
    FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.oid[])) AS s (class, oid)
  UNION
    SELECT x.class, x.oid, x.up, x.what || ' ' || COALESCE(pg_catalog.pg_describe_object(f.class, f.oid, 0), '')
    FROM found f CROSS JOIN class n CROSS JOIN LATERAL (
        SELECT n.class AS class, r.ev_class AS oid, f.up AS up,
            CASE WHEN c.relkind IN ('v', 'm') THEN 'a view over' ELSE 'a table with a rule that uses' END AS what
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
        JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
        WHERE d.refclassid = f.class AND d.refobjid = f.oid
            AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
      UNION ALL
        SELECT CASE k.contypid WHEN 0 THEN n.class ELSE n.type END,
            CASE k.contypid WHEN 0 THEN k.conrelid ELSE k.contypid END, f.up,
            CASE k.contypid WHEN 0 THEN 'a table with a check that uses' ELSE 'a domain with a check that uses' END
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_constraint k ON k.oid = d.objid AND k.contype IN ('c', 'x')
        WHERE d.refclassid = f.class AND d.refobjid = f.oid
            AND d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
      UNION ALL
        SELECT n.class, a.adrelid, f.up, 'a table with a default or generated column that uses'
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_attrdef a ON a.oid = d.objid
        WHERE d.refclassid = f.class AND d.refobjid = f.oid
            AND d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
      UNION ALL
        SELECT n.class, p.polrelid, f.up, 'a table with a policy that uses'
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_policy p ON p.oid = d.objid
        WHERE d.refclassid = f.class AND d.refobjid = f.oid
            AND d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass
      UNION ALL
        SELECT n.class, t.tgrelid, f.up, 'a table whose trigger uses'
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_trigger t ON t.oid = d.objid AND NOT t.tgisinternal
        WHERE d.refclassid = f.class AND d.refobjid = f.oid
            AND d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass
      UNION ALL
        SELECT n.class, i.indrelid, f.up, 'a table with an index that uses'
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_index i ON i.indexrelid = d.objid
        WHERE d.refclassid = f.class AND d.refobjid = f.oid AND d.classid = n.class
      UNION ALL
        SELECT CASE c.relkind WHEN 'c' THEN n.type ELSE n.class END, CASE c.relkind WHEN 'c' THEN c.reltype ELSE c.oid END,
            f.up, CASE c.relkind WHEN 'c' THEN 'a composite type with' ELSE 'a table with a column or key that uses' END
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind IN ('r', 'p', 'f', 'c')
        WHERE d.refclassid = f.class AND d.refobjid = f.oid AND d.classid = n.class AND f.class <> n.class
      UNION ALL
        SELECT n.proc, d.objid, f.up, 'a function that uses'
        FROM pg_catalog.pg_depend d
        WHERE d.refclassid = f.class AND d.refobjid = f.oid AND d.classid = n.proc
      UNION ALL
        SELECT n.type, d.objid, f.up, 'a type over'
        FROM pg_catalog.pg_depend d
        WHERE d.refclassid = f.class AND d.refobjid = f.oid AND d.classid = n.type
            AND (f.class <> n.class OR f.oid = ANY ($3::pg_catalog.oid[]))
      UNION ALL
        SELECT d.classid, d.objid, f.up, CASE d.classid WHEN n.operator THEN 'an operator that calls' ELSE 'a cast that calls' END
        FROM pg_catalog.pg_depend d
        WHERE d.refclassid = f.class AND d.refobjid = f.oid AND d.classid IN (n.operator, n."cast") AND f.class = n.proc
      UNION ALL
        SELECT n.type, t.oid, f.up, 'a type with the'
        FROM pg_catalog.pg_cast k
        JOIN pg_catalog.pg_type t ON t.oid IN (k.castsource, k.casttarget) AND t.oid >= 16384
        WHERE f.class = n."cast" AND k.oid = f.oid
      UNION ALL
        SELECT n.type, t.oid, f.up, 'a type with the'
        FROM pg_catalog.pg_operator o
        JOIN pg_catalog.pg_type t ON t.oid IN (o.oprleft, o.oprright) AND t.oid >= 16384
        WHERE f.class = n.operator AND o.oid = f.oid
      UNION ALL
        SELECT n.type, t.oid, f.up, 'a type with the'
        FROM pg_catalog.pg_opclass k
        JOIN pg_catalog.pg_type t ON t.oid = k.opcintype AND t.oid >= 16384
        WHERE f.class = n.opclass AND k.oid = f.oid AND k.opcdefault
      UNION ALL
        SELECT n.opclass, c.oid, f.up, 'an operator class with'
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_amproc p ON p.oid = d.objid
        JOIN pg_catalog.pg_opclass c ON c.opcfamily = p.amprocfamily
        WHERE d.refclassid = f.class AND d.refobjid = f.oid
            AND d.classid = 'pg_catalog.pg_amproc'::pg_catalog.regclass
      UNION ALL
        SELECT n.opclass, c.oid, f.up, 'an operator class with'
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_amop p ON p.oid = d.objid
        JOIN pg_catalog.pg_opclass c ON c.opcfamily = p.amopfamily
        WHERE d.refclassid = f.class AND d.refobjid = f.oid
            AND d.classid = 'pg_catalog.pg_amop'::pg_catalog.regclass
      UNION ALL
        SELECT n.class, i.inhrelid, false, 'a partition or child of'
        FROM pg_catalog.pg_inherits i
        JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'p', 'f')
        WHERE f.class = n.class AND i.inhparent = f.oid AND NOT f.up
      UNION ALL
        SELECT n.class, i.inhparent, true, 'a parent of'
        FROM pg_catalog.pg_inherits i
        WHERE f.class = n.class AND i.inhrelid = f.oid AND f.oid <> ALL ($3::pg_catalog.oid[])
    ) AS x
)
SELECT CASE f.class WHEN n.class THEN 'relation' WHEN n.proc THEN 'routine' WHEN n.type THEN 'type'
        WHEN n.operator THEN 'operator' WHEN n."cast" THEN 'cast' ELSE '' END,
    f.oid,
    f.why,
    COALESCE(c.relname, t.typname, p.proname, o.oprname, '')::pg_catalog.text,
    COALESCE(pg_catalog.pg_describe_object(f.class, f.oid, 0), ''),
    -- A routine that one row may be the only argument of.
    COALESCE(p.pronargs >= 1 AND (p.pronargs - p.pronargdefaults <= 1 OR p.provariadic <> 0) AND a.typtype IN ('c', 'p'),
        false),
    -- What a statement can use without naming it: a symbol of PostgreSQL's own, a cast between its types.
    COALESCE(k.castsource < 16384 AND k.casttarget < 16384,
        EXISTS (SELECT FROM pg_catalog.pg_operator b WHERE b.oprname = o.oprname AND b.oid < 16384))
FROM (SELECT class, oid, pg_catalog.min(why) AS why FROM found WHERE why <> '' GROUP BY class, oid) f
CROSS JOIN class n
LEFT JOIN pg_catalog.pg_class c ON f.class = n.class AND c.oid = f.oid
LEFT JOIN pg_catalog.pg_type t ON f.class = n.type AND t.oid = f.oid
LEFT JOIN pg_catalog.pg_proc p ON f.class = n.proc AND p.oid = f.oid
LEFT JOIN pg_catalog.pg_type a ON a.oid = p.proargtypes[0]
LEFT JOIN pg_catalog.pg_operator o ON f.class = n.operator AND o.oid = f.oid
LEFT JOIN pg_catalog.pg_cast k ON f.class = n."cast" AND k.oid = f.oid
WHERE f.class <> n.opclass AND NOT (f.class = n.class AND f.oid = ANY ($3::pg_catalog.oid[]))
ORDER BY 1, 5
