//! Names of types.

use std::borrow::Cow;

use sqlparser::ast::{ArrayElemTypeDef, DataType};

use super::{QualifiedName, Reader, TokenSpan, unreadable};
use crate::sql::lex::Kind;
use crate::sql::{Refusal, literal};
use crate::value::Type;

/// A type that a statement names.
#[derive(Debug)]
#[allow(dead_code, reason = "a node is all that its construct says, also what no pass asks for")]
pub(in crate::sql) struct TypeName<'t> {
    /// Which, with its modifier; `None` for one that no protected column can have.
    pub ty: Option<Type>,
    /// Of an array, that of its elements, with the same meaning.
    pub element: Option<Type>,
    /// Dimensions of an array.
    pub dimensions: usize,
    /// Its name, if it is no word of the grammar: a type that need not be PostgreSQL's own.
    pub named: Option<QualifiedName<'t>>,
    /// The name that PostgreSQL gives a column that is cast to it, where its grammar says it.
    pub name: Option<Cow<'t, str>>,
    /// All of it.
    pub span: TokenSpan,
}

impl<'t> Reader<'t> {
    /// A type name: `text`, `pg_catalog.int8`, `character varying(20)`, `timestamp(3) with time zone`, `uuid[]`. The tokens
    /// are read by PostgreSQL's grammar, since the parser has a hundred names for types and no spans.
    pub(super) fn type_name(&mut self, data_type: &DataType) -> Result<TypeName<'t>, Refusal> {
        let start = self.cursor.at();
        let name = self.cursor.names()?;
        let first = |word: &str| name.len() == 1 && name[0].value == word;
        if first("character") || first("char") || first("nchar") || first("bit") {
            self.cursor.takes_word("varying");
        } else if first("double") {
            self.cursor.word("precision")?;
        } else if first("national") {
            self.cursor.takes_any(&["character", "char"]);
            self.cursor.takes_word("varying");
        }
        if self.cursor.takes_symbol(b'(') {
            self.modifiers()?;
        }
        if (first("timestamp") || first("time")) && self.cursor.takes_any(&["with", "without"]) {
            self.cursor.words(&["time", "zone"])?;
        }
        if first("interval") {
            self.interval_fields()?;
        }
        let mut dimensions = 0;
        while self.cursor.takes_symbol(b'[') {
            if !self.cursor.sees_symbol(0, b']') {
                self.cursor.kind(Kind::Integer)?;
            }
            self.cursor.symbol(b']')?;
            dimensions += 1;
        }
        let (element, named_dimensions) = element_of(data_type);
        if dimensions != named_dimensions {
            return Err(unreadable());
        }
        Ok(TypeName {
            ty: literal::type_of(data_type),
            element: (dimensions > 0).then(|| literal::type_of(element)).flatten(),
            dimensions,
            name: name.last().map(|last| catalog_name(name.len(), &last.value)),
            named: matches!(element, DataType::Custom(..)).then_some(name),
            span: self.cursor.since(start),
        })
    }

    /// `(10)`, `(10, -2)`, behind the opening parenthesis.
    fn modifiers(&mut self) -> Result<(), Refusal> {
        loop {
            self.cursor.any(|kind| matches!(kind, Kind::Integer | Kind::Operator | Kind::Word | Kind::String))?;
            if self.cursor.takes_symbol(b')') {
                return Ok(());
            }
            self.cursor.takes_symbol(b',');
        }
    }
}

/// The innermost element of an array type, and its dimensions.
fn element_of(data_type: &DataType) -> (&DataType, usize) {
    let (mut element, mut dimensions) = (data_type, 0);
    while let DataType::Array(ArrayElemTypeDef::SquareBracket(of, _)) = element {
        element = of;
        dimensions += 1;
    }
    (element, dimensions)
}

/// The catalog's name of a type that the grammar has a word for.
fn catalog_name<'t>(parts: usize, name: &Cow<'t, str>) -> Cow<'t, str> {
    if parts > 1 {
        return name.clone();
    }
    Cow::Borrowed(match &**name {
        "int" | "integer" => "int4",
        "smallint" => "int2",
        "bigint" => "int8",
        "boolean" => "bool",
        "real" => "float4",
        "double" | "float" => "float8",
        "decimal" | "dec" => "numeric",
        "character" | "char" | "nchar" | "national" => "bpchar",
        _ => return name.clone(),
    })
}
