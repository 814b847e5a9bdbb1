//! Checks of a parsed schema file that need no database; what this version does not build is refused by name.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::str::FromStr;

use super::checked::{BeaconSpec, BranchKeySpec, ColumnSpec, KeyringSpec, Schema, TableSpec, TriggerSpec};
use super::keyring_uri::{KeyringUri, KeyringUriError};
use super::located::At;
use super::meaning::TEMPORARY;
use super::model::{Action, Audit, File, Length, RowBinding, RowSignature, StandardBeacon, Table, Unlisted};
use super::names::{self, BeaconKind};
use super::problem::{Code, Place, Problem, nearest};
use super::protection::Relation;
use crate::value::Type;

/// Checks all files together and resolves every name.
///
/// # Errors
/// Everything that is wrong, in the order of the files.
pub(super) fn check(files: &[(usize, File)]) -> Result<Schema, Vec<Problem>> {
    let mut check = Check::default();
    let mut schema = Schema { files: files.len(), ..Schema::default() };
    for (file, parsed) in files {
        check.file = *file;
        check.head(parsed);
        check.keyrings(parsed, &mut schema);
        check.branch_keys(parsed, &mut schema);
    }
    for (file, parsed) in files {
        check.file = *file;
        check.settings(parsed, &mut schema);
        check.references(parsed, &schema);
        for (logical, table) in &parsed.tables {
            if let Some(spec) = check.table(logical, table, &schema) {
                schema.tables.push(spec);
            }
        }
    }
    schema.tables.sort_by(|a, b| a.logical.cmp(&b.logical));
    if check.problems.is_empty() {
        return Ok(schema);
    }
    check.problems.sort_by_key(|problem| problem.place.as_ref().map(|place| (place.file, place.span.start)));
    Err(check.problems)
}

#[derive(Default)]
struct Check {
    file: usize,
    problems: Vec<Problem>,
    logical: BTreeSet<String>,
    /// By last name: a name in two schemas would make CAT-3 ambiguous.
    physical: BTreeSet<String>,
}

impl Check {
    fn at(&self, span: &Range<usize>) -> Place {
        Place { file: self.file, span: span.clone() }
    }

    fn report(&mut self, code: Code, span: &Range<usize>, message: impl Into<String>) -> &mut Problem {
        self.problems.push(Problem::new(code, self.at(span), message));
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }

    fn later<T>(&mut self, what: &str, given: Option<&At<T>>) {
        if let Some(given) = given {
            self.report(Code::NotInThisVersion, &given.span, format!("{what} is not in this version"));
        }
    }

    fn later_if(&mut self, what: &str, given: Option<&At<bool>>, refused: bool) {
        self.later(what, given.filter(|given| given.value == refused));
    }

    fn head(&mut self, parsed: &File) {
        if parsed.version.value != 1 {
            self.report(Code::Range, &parsed.version.span, "this pgseal reads version = 1 of the schema file");
        }
        self.later("a beacon domain", parsed.beacon_domains.keys().next());
        self.later("[functions]", parsed.functions.keys().next());
    }

    fn keyrings(&mut self, parsed: &File, schema: &mut Schema) {
        for (name, keyring) in &parsed.keyrings {
            self.id(name);
            for uri in std::iter::once(&keyring.generator).chain(&keyring.children) {
                match KeyringUri::from_str(&uri.value) {
                    Ok(_) => {}
                    Err(error @ KeyringUriError::NotInThisVersion { .. }) => {
                        self.report(Code::NotInThisVersion, &uri.span, error.to_string());
                    }
                    Err(error @ KeyringUriError::Invalid(_)) => {
                        self.report(Code::Name, &uri.span, error.to_string());
                    }
                }
            }
            let spec = KeyringSpec {
                generator: keyring.generator.value.clone(),
                children: keyring.children.iter().map(|uri| uri.value.clone()).collect(),
            };
            if schema.keyrings.insert(name.value.clone(), spec).is_some() {
                self.report(Code::Duplicate, &name.span, format!("keyring {:?} is declared in two files", name.value));
            }
        }
    }

    fn branch_keys(&mut self, parsed: &File, schema: &mut Schema) {
        for (id, key) in &parsed.branch_keys {
            self.id(id);
            self.later("rotate_every", key.rotate_every.as_ref());
            self.later("a key per tenant", key.per.as_ref());
            self.later("beacon_key", key.beacon_key.as_ref());
            self.later("session", key.session.as_ref());
            self.later("session_roles", key.session_roles.as_ref());
            self.later("create", key.create.as_ref());
            let spec = BranchKeySpec { keyring: key.keyring.value.clone() };
            if schema.branch_keys.insert(id.value.clone(), spec).is_some() {
                self.report(Code::Duplicate, &id.span, format!("branch key {:?} is declared in two files", id.value));
            }
        }
    }

    fn references(&mut self, parsed: &File, schema: &Schema) {
        for key in parsed.branch_keys.values() {
            self.defined("keyring", &key.keyring, schema.keyrings.keys());
        }
    }

    fn settings(&mut self, parsed: &File, schema: &mut Schema) {
        let Some(settings) = &parsed.settings else { return };
        self.later_if("strict_catalog", settings.strict_catalog.as_ref(), true);
        self.later_if("follow_catalog", settings.follow_catalog.as_ref(), true);
        self.later("max_residual_rows", settings.max_residual_rows.as_ref());
        for name in &settings.unprotected {
            if let Some(relation) = self.relation(name, true) {
                schema.unprotected.insert(relation);
            }
        }
    }

    fn table(&mut self, logical: &At<String>, table: &Table, schema: &Schema) -> Option<TableSpec> {
        self.table_later(table);
        self.id(logical);
        if !self.logical.insert(logical.value.clone()) {
            self.report(Code::Duplicate, &logical.span, format!("table {:?} is declared in two files", logical.value));
        }
        self.defined("branch key", &table.branch_key, schema.branch_keys.keys());
        let columns = self.columns(table);
        let beacons = self.beacons(&logical.value, table, &columns);
        let signature = table.row_signature.as_ref().map_or(RowSignature::None, |given| given.value);
        self.binding(table, signature, &columns);
        let triggers = self.triggers(table, &columns);
        let relation = self.relation(&table.name, false)?;
        if !self.physical.insert(relation.name.clone()) {
            let text = format!("two tables are called {:?}; any relation of that name is protected", relation.name);
            self.report(Code::Duplicate, &table.name.span, text);
        }
        let binding = table.row_binding.as_ref().map_or(RowBinding::PrimaryKey, |given| given.value);
        let sealed = columns.values().any(ColumnSpec::is_sealed);
        Some(TableSpec {
            logical: logical.value.clone(),
            relation,
            branch_key: table.branch_key.value.clone(),
            row_signature: signature,
            unlisted: table.unlisted_columns.as_ref().map_or(Unlisted::Refuse, |given| given.value),
            bind_primary_key: sealed && binding == RowBinding::PrimaryKey,
            write_guard: table.write_guard.as_ref().is_none_or(|given| given.value),
            columns,
            beacons,
            triggers,
            place: self.at(&logical.span),
        })
    }

    fn table_later(&mut self, table: &Table) {
        self.later("audit", table.audit.as_ref().filter(|audit| audit.value != Audit::None));
        self.later_if("row_id", table.row_id.as_ref(), true);
        self.later("verify", table.verify.as_ref());
        self.later("recheck", table.recheck.as_ref());
        self.later("signing_keys", table.signing_keys.first());
        self.later("a prefix beacon", table.beacons.prefix.first());
        self.later("an ngram beacon", table.beacons.ngram.first());
        self.later("a range beacon", table.beacons.range.first());
        self.later("a compound beacon", table.beacons.compound.first());
        self.later("a virtual field", table.virtual_fields.first());
        self.later("access", table.access.first());
        if let Some(signature) = &table.row_signature {
            match signature.value {
                RowSignature::None | RowSignature::HmacSha384 => {}
                RowSignature::EcdsaP384 => self.later("row_signature = \"ECDSA-P384\"", Some(signature)),
                RowSignature::Blake3 => self.later("row_signature = \"BLAKE3\"", Some(signature)),
            }
        }
    }

    fn columns(&mut self, table: &Table) -> BTreeMap<String, ColumnSpec> {
        let mut columns = BTreeMap::new();
        let mut physical = BTreeSet::new();
        for (logical, column) in &table.columns {
            let spec = &column.value;
            self.id(logical);
            let name = spec.name.as_ref().unwrap_or(logical);
            self.physical_name(name);
            if !physical.insert(name.value.clone()) {
                self.report(Code::Duplicate, &name.span, format!("two columns are called {:?}", name.value));
            }
            self.later_if("hide_nulls", spec.hide_nulls.as_ref(), true);
            self.later_if("deterministic", spec.deterministic.as_ref(), true);
            let ty = spec.ty.as_ref().and_then(|ty| {
                let known = Type::from_name(&ty.value);
                if known.is_none() {
                    self.report(Code::Type, &ty.span, format!("a column of type {} cannot be protected", ty.value))
                        .help = Some(instead_of(&ty.value));
                }
                known
            });
            let sealed = spec.action == Action::ENCRYPT_AND_SIGN;
            if sealed && spec.ty.is_none() {
                self.report(Code::Type, &column.span, format!("sealed column {:?} has no type", logical.value)).help =
                    Some("write { action = \"ENCRYPT_AND_SIGN\", type = \"text\" }".into());
            }
            if let Some(pad) = &spec.pad {
                if !sealed {
                    self.report(Code::Combination, &pad.span, "pad belongs to ENCRYPT_AND_SIGN columns only");
                } else if !(1..=65_536).contains(&pad.value) {
                    self.report(Code::Range, &pad.span, "pad is 1 to 65536 bytes");
                }
            }
            if spec.action == Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT
                && let (Some(known), Some(written)) = (&ty, &spec.ty)
                && !known.takes_context()
            {
                self.report(Code::Type, &written.span, format!("{known} cannot be in the encryption context"));
            }
            let spec = ColumnSpec {
                name: name.value.clone(),
                action: spec.action,
                ty,
                pad: spec.pad.as_ref().map(|pad| pad.value),
                place: self.at(&logical.span),
            };
            columns.insert(logical.value.clone(), spec);
        }
        columns
    }

    fn beacons(&mut self, table: &str, spec: &Table, columns: &BTreeMap<String, ColumnSpec>) -> Vec<BeaconSpec> {
        let mut beacons: Vec<BeaconSpec> = Vec::new();
        for beacon in &spec.beacons.standard {
            let StandardBeacon { name, length, loc, trans, domain, style, partitions, accept_leakage: _ } =
                &beacon.value;
            self.id(name);
            self.later("trans", trans.as_ref());
            self.later("a shared beacon domain", domain.as_ref());
            self.later("style", style.as_ref());
            self.later("partitions", partitions.as_ref());
            match length {
                Some(At { value: Length::Exact, .. }) => {}
                Some(At { value: Length::Bits(bits), span }) if !(1..=63).contains(bits) => {
                    self.report(Code::Range, span, "a beacon has 1 to 63 bits, or length = \"exact\"");
                }
                Some(At { value: Length::Bits(_), span }) => {
                    self.report(Code::NotInThisVersion, span, "a beacon counted in bits is not in this version").help =
                        Some("length = \"exact\" (16 bytes)".into());
                }
                None if domain.is_none() => {
                    self.report(Code::Beacon, &name.span, format!("beacon {:?} has no length", name.value)).help =
                        Some("length = \"exact\" (16 bytes)".into());
                }
                None => {}
            }
            let column = loc.as_ref().unwrap_or(name);
            let Some(target) = columns.get(&column.value) else {
                self.defined("column", column, columns.keys());
                continue;
            };
            if !target.is_sealed() {
                let text = format!("column {:?} is not sealed: it needs no beacon", column.value);
                self.report(Code::Beacon, &column.span, text);
            }
            if let Some(ty) = target.ty.filter(|ty| !ty.takes_beacon()) {
                let why = match ty {
                    Type::Bool => "a tag with two values hides neither",
                    _ => "its equality cannot be tagged in this version",
                };
                self.report(Code::Beacon, &column.span, format!("a {ty} column takes no beacon: {why}"));
            }
            if beacons.iter().any(|other| other.column == column.value) {
                self.report(Code::Duplicate, &column.span, format!("column {:?} has two beacons", column.value));
            } else if beacons.iter().any(|other| other.name == name.value) {
                self.report(Code::Duplicate, &name.span, format!("two beacons are called {:?}", name.value));
            }
            beacons.push(BeaconSpec {
                name: name.value.clone(),
                column: column.value.clone(),
                full_name: names::beacon_full_name(table, &name.value, BeaconKind::Exact, 1),
                helper: names::exact_helper(&name.value),
                place: self.at(&beacon.span),
            });
        }
        beacons
    }

    fn binding(&mut self, table: &Table, signature: RowSignature, columns: &BTreeMap<String, ColumnSpec>) {
        let context = columns.values().any(|c| c.action == Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT);
        let sealed = columns.values().any(ColumnSpec::is_sealed);
        let none = table.row_binding.as_ref().is_some_and(|given| given.value == RowBinding::None);
        if sealed && !context && !none {
            let text = "no column is in the encryption context: cells could be moved between rows unnoticed (CELL-7)";
            self.report(Code::Combination, &table.name.span, text).help = Some(
                "make the primary key SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT, or write row_binding = \"none\"".into(),
            );
        }
        let protected = columns.values().any(ColumnSpec::is_protected);
        if !protected {
            self.report(Code::Combination, &table.name.span, "no column of this table is protected");
        }
        let sign_only = table.columns.iter().find(|(_, column)| column.value.action == Action::SIGN_ONLY);
        if let (RowSignature::None, Some((_, column))) = (signature, sign_only) {
            self.report(Code::Combination, &column.span, "SIGN_ONLY needs a row signature").help =
                Some("row_signature = \"HMAC-SHA-384\", or DO_NOTHING".into());
        }
    }

    fn triggers(&mut self, table: &Table, columns: &BTreeMap<String, ColumnSpec>) -> Vec<TriggerSpec> {
        let mut specs = Vec::new();
        for trigger in &table.triggers {
            self.physical_name(&trigger.name);
            for column in &trigger.writes {
                if columns.get(&column.value).is_some_and(ColumnSpec::is_protected) {
                    let text = format!("a trigger must not write protected column {:?} (CELL-8)", column.value);
                    self.report(Code::Combination, &column.span, text);
                }
            }
            specs.push(TriggerSpec {
                name: trigger.name.value.clone(),
                writes: trigger
                    .writes
                    .iter()
                    .map(|c| columns.get(&c.value).map_or_else(|| c.value.clone(), |spec| spec.name.clone()))
                    .collect(),
            });
        }
        specs
    }

    /// KEY-4: 1 to 128 bytes of `[A-Za-z0-9_./%-]`.
    fn id(&mut self, id: &At<String>) {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_./%-".contains(&byte);
        if !(1..=128).contains(&id.value.len()) || !id.value.bytes().all(allowed) {
            let text = format!("{:?} is no id: 1 to 128 of A-Z a-z 0-9 _ . / % -", id.value);
            self.report(Code::Name, &id.span, text);
        }
    }

    fn physical_name(&mut self, name: &At<String>) {
        if name.value.is_empty() || name.value.len() > names::MAX_NAME || name.value.contains('\0') {
            self.report(Code::Name, &name.span, format!("{:?} is no name: 1 to 63 bytes", name.value));
        } else if name.value.starts_with("pgseal_") {
            self.report(Code::Name, &name.span, format!("{:?}: names starting with pgseal_ are reserved", name.value));
        }
    }

    /// What is declared harmless may be a session's own temporary table.
    fn relation(&mut self, name: &At<String>, unprotected: bool) -> Option<Relation> {
        let Some((schema, relation)) = name.value.split_once('.') else {
            let text = format!("{:?} has no schema: the search_path of a session must not decide", name.value);
            self.report(Code::Name, &name.span, text).help = Some(format!("name = \"public.{}\"", name.value));
            return None;
        };
        if relation.contains('.') {
            self.report(Code::Name, &name.span, format!("{:?} is not SCHEMA.NAME", name.value));
            return None;
        }
        for part in [schema, relation] {
            self.physical_name(&At { value: part.to_owned(), span: name.span.clone() });
        }
        let temporary = unprotected && schema == TEMPORARY;
        if matches!(schema, "pgseal" | "information_schema") || (schema.starts_with("pg_") && !temporary) {
            self.report(Code::Name, &name.span, format!("schema {schema} is not for tables of yours"));
        }
        Some(Relation { schema: schema.to_owned(), name: relation.to_owned() })
    }

    fn defined<'a>(&mut self, what: &str, name: &At<String>, known: impl Iterator<Item = &'a String> + Clone) {
        if known.clone().any(|other| *other == name.value) {
            return;
        }
        let meant = nearest(&name.value, known.map(String::as_str)).map(str::to_owned);
        let problem = self.report(Code::Undefined, &name.span, format!("{what} {:?} is not declared", name.value));
        problem.label = meant.map(|meant| format!("did you mean {meant:?}?"));
    }
}

/// What a column of a type that is not protected can be instead.
fn instead_of(ty: &str) -> String {
    // What is read and shown depends on lc_monetary, and so on the locale data of the server's machine.
    if ty.trim().eq_ignore_ascii_case("money") {
        return "what money says depends on the server's lc_monetary: make it numeric(19,2)".into();
    }
    format!("this version protects {}", names_of_types())
}

/// `bool, int2, … and jsonb`
fn names_of_types() -> String {
    let names: Vec<&str> = Type::ALL.iter().map(Type::pg_name).collect();
    match names.split_last() {
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}
