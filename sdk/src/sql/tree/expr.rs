//! Expressions.

use sqlparser::ast::{
    self, AccessExpr, BinaryOperator, CaseWhen, CastKind, InTarget, ObjectName, Subscript, TypedString, UnaryOperator,
    Value as AstValue, ValueWithSpan,
};

use super::{Expr, ExprId, Form, Operator, PatternKind, Reader, param_number, unknown, unreadable};
use crate::sql::Refusal;
use crate::sql::lex::{Kind, Token};

impl<'t> Reader<'t> {
    /// Any expression. What begins with another expression (operators, casts, IN …) is read behind it without recursion:
    /// chains are as long as a statement (SQL-3).
    pub(super) fn expr(&mut self, expr: &ast::Expr) -> Result<ExprId, Refusal> {
        self.stack.deeper()?;
        let start = self.cursor.at();
        let (mut first, mut behind) = (expr, Vec::new());
        while let Some(operand) = leading(first) {
            behind.push(first);
            first = operand;
        }
        let mut read = self.leaf(first)?;
        while let Some(outer) = behind.pop() {
            read = match outer {
                ast::Expr::BinaryOp { left: _, op: op @ (BinaryOperator::And | BinaryOperator::Or), right } => {
                    let mut operands = vec![read, self.connected(op, right)?];
                    while let Some(ast::Expr::BinaryOp { left: _, op: next, right }) =
                        behind.pop_if(|outer| matches!(outer, ast::Expr::BinaryOp { op: next, .. } if next == op))
                    {
                        operands.push(self.connected(next, right)?);
                    }
                    let chain = if *op == BinaryOperator::And { Expr::And(operands) } else { Expr::Or(operands) };
                    self.add(chain, start)
                }
                outer => self.behind(read, outer, start)?,
            };
        }
        Ok(read)
    }

    /// Several expressions with commas between them.
    pub(super) fn list<'a>(&mut self, items: impl IntoIterator<Item = &'a ast::Expr>) -> Result<Vec<ExprId>, Refusal> {
        let mut read = Vec::new();
        for item in items {
            if !read.is_empty() {
                self.cursor.symbol(b',')?;
            }
            read.push(self.expr(item)?);
        }
        Ok(read)
    }

    /// The same in parentheses.
    pub(super) fn listed(&mut self, items: &[ast::Expr]) -> Result<Vec<ExprId>, Refusal> {
        self.cursor.symbol(b'(')?;
        let items = self.list(items)?;
        self.cursor.symbol(b')')?;
        Ok(items)
    }

    /// A word and an expression, if there is one.
    pub(super) fn clause(&mut self, word: &str, expr: Option<&ast::Expr>) -> Result<Option<ExprId>, Refusal> {
        match expr {
            None => Ok(None),
            Some(expr) => {
                self.cursor.word(word)?;
                self.expr(expr).map(Some)
            }
        }
    }

    fn connected(&mut self, op: &BinaryOperator, right: &ast::Expr) -> Result<ExprId, Refusal> {
        self.cursor.word(if *op == BinaryOperator::And { "and" } else { "or" })?;
        self.expr(right)
    }

    /// What stands behind its first operand, which has been read.
    fn behind(&mut self, operand: ExprId, expr: &ast::Expr, start: usize) -> Result<ExprId, Refusal> {
        let node = match expr {
            ast::Expr::BinaryOp { left: _, op, right } => {
                let operator = self.operator(op)?;
                Expr::Binary { left: operand, operator, right: self.expr(right)? }
            }
            ast::Expr::Cast { kind: CastKind::DoubleColon, expr: _, data_type, format: None } => {
                self.cursor.kind(Kind::TypeCast)?;
                Expr::Cast { operand, to: self.type_name(data_type)? }
            }
            ast::Expr::IsNull(_) => {
                if !self.cursor.takes_word("isnull") {
                    self.cursor.words(&["is", "null"])?;
                }
                Expr::IsNull { operand, negated: false }
            }
            ast::Expr::IsNotNull(_) => {
                if !self.cursor.takes_word("notnull") {
                    self.cursor.words(&["is", "not", "null"])?;
                }
                Expr::IsNull { operand, negated: true }
            }
            ast::Expr::IsTrue(_) => self.is_truth(operand, Some(true), false)?,
            ast::Expr::IsNotTrue(_) => self.is_truth(operand, Some(true), true)?,
            ast::Expr::IsFalse(_) => self.is_truth(operand, Some(false), false)?,
            ast::Expr::IsNotFalse(_) => self.is_truth(operand, Some(false), true)?,
            ast::Expr::IsUnknown(_) => self.is_truth(operand, None, false)?,
            ast::Expr::IsNotUnknown(_) => self.is_truth(operand, None, true)?,
            ast::Expr::IsDistinctFrom(_, right) => {
                self.cursor.words(&["is", "distinct", "from"])?;
                Expr::IsDistinct { left: operand, right: self.expr(right)?, negated: false }
            }
            ast::Expr::IsNotDistinctFrom(_, right) => {
                self.cursor.words(&["is", "not", "distinct", "from"])?;
                Expr::IsDistinct { left: operand, right: self.expr(right)?, negated: true }
            }
            ast::Expr::In { expr: _, target, negated, global: false } => {
                self.negation(*negated)?;
                self.cursor.word("in")?;
                match target {
                    InTarget::List(items) if !items.is_empty() => {
                        Expr::In { operand, items: self.listed(items)?, negated: *negated }
                    }
                    InTarget::Subquery(query) => {
                        Expr::InQuery { operand, query: self.subquery(query)?, negated: *negated }
                    }
                    InTarget::List(_) | InTarget::Unnest(_) | InTarget::Table { .. } => {
                        return Err(unknown("IN of this form"));
                    }
                }
            }
            ast::Expr::AnyOp { left: _, compare_op, right, is_some } => {
                let operator = self.operator(compare_op)?;
                self.cursor.word(if *is_some { "some" } else { "any" })?;
                self.quantified(operand, operator, false, right)?
            }
            ast::Expr::AllOp { left: _, compare_op, right } => {
                let operator = self.operator(compare_op)?;
                self.cursor.word("all")?;
                self.quantified(operand, operator, true, right)?
            }
            ast::Expr::Between { expr: _, negated, low, high } => {
                self.negation(*negated)?;
                self.cursor.word("between")?;
                let symmetric = self.cursor.takes_word("symmetric");
                self.cursor.takes_word("asymmetric");
                let low = self.expr(low)?;
                self.cursor.word("and")?;
                Expr::Between { operand, low, high: self.expr(high)?, symmetric, negated: *negated }
            }
            ast::Expr::Like { negated, any: false, expr: _, pattern, escape_char } => {
                self.pattern(PatternKind::Like, operand, *negated, pattern, escape_char.as_deref())?
            }
            ast::Expr::ILike { negated, any: false, expr: _, pattern, escape_char } => {
                self.pattern(PatternKind::ILike, operand, *negated, pattern, escape_char.as_deref())?
            }
            ast::Expr::SimilarTo { negated, expr: _, pattern, escape_char } => {
                self.pattern(PatternKind::SimilarTo, operand, *negated, pattern, escape_char.as_deref())?
            }
            ast::Expr::AtTimeZone { timestamp: _, time_zone } => {
                self.cursor.words(&["at", "time", "zone"])?;
                Expr::Form { form: Form::AtTimeZone, operands: vec![operand, self.expr(time_zone)?] }
            }
            ast::Expr::Collate { expr: _, collation } => {
                self.cursor.word("collate")?;
                Expr::Collate { operand, collation: self.cursor.object(collation)? }
            }
            ast::Expr::CompoundFieldAccess { root: _, access_chain } => {
                return access_chain.iter().try_fold(operand, |of, access| {
                    let node = self.access(of, access)?;
                    Ok(self.add(node, start))
                });
            }
            _ => return Err(unknown("an expression of this kind")),
        };
        Ok(self.add(node, start))
    }

    /// An expression that does not begin with another one.
    fn leaf(&mut self, expr: &ast::Expr) -> Result<ExprId, Refusal> {
        let start = self.cursor.at();
        let node = match expr {
            ast::Expr::Nested(inner) => {
                self.cursor.symbol(b'(')?;
                let inner = self.expr(inner)?;
                self.cursor.symbol(b')')?;
                self.exprs[inner.0].1 = self.cursor.since(start);
                return Ok(inner);
            }
            ast::Expr::Identifier(ident) => {
                let keyword = self.cursor.sees_word(0, "default");
                let name = self.cursor.ident(ident)?;
                if keyword { Expr::Default } else { Expr::Column(vec![name]) }
            }
            ast::Expr::CompoundIdentifier(parts) => Expr::Column(self.cursor.idents(parts)?),
            ast::Expr::QualifiedWildcard(name, _) => return self.whole_row(name),
            ast::Expr::Value(value) => self.value(value)?,
            ast::Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax: false }) => {
                let to = self.type_name(data_type)?;
                let at = self.cursor.at();
                let value = self.value(value)?;
                Expr::Cast { operand: self.add(value, at), to }
            }
            ast::Expr::Interval(interval) => {
                self.cursor.word("interval")?;
                self.precision()?;
                let value = self.expr(&interval.value)?;
                self.interval_fields()?;
                Expr::Interval(value)
            }
            ast::Expr::Cast { kind: CastKind::Cast, expr, data_type, format: None } => {
                self.cursor.word("cast")?;
                self.cursor.symbol(b'(')?;
                let operand = self.expr(expr)?;
                self.cursor.word("as")?;
                let to = self.type_name(data_type)?;
                self.cursor.symbol(b')')?;
                Expr::Cast { operand, to }
            }
            ast::Expr::UnaryOp { op, expr } => match op {
                UnaryOperator::Not => {
                    self.cursor.word("not")?;
                    Expr::Not(self.expr(expr)?)
                }
                UnaryOperator::PGPostfixFactorial => return Err(unknown("this postfix operator")),
                UnaryOperator::Minus
                | UnaryOperator::Plus
                | UnaryOperator::BitwiseNot
                | UnaryOperator::AtDashAt
                | UnaryOperator::BangNot
                | UnaryOperator::DoubleAt
                | UnaryOperator::Hash
                | UnaryOperator::PGAbs
                | UnaryOperator::PGCubeRoot
                | UnaryOperator::PGPrefixFactorial
                | UnaryOperator::PGSquareRoot
                | UnaryOperator::QuestionDash
                | UnaryOperator::QuestionPipe => {
                    let operator = self.cursor.operator()?;
                    Expr::Prefix { operator, operand: self.expr(expr)? }
                }
            },
            ast::Expr::Case { case_token: _, end_token: _, operand, conditions, else_result } => {
                self.cursor.word("case")?;
                let operand = operand.as_deref().map(|operand| self.expr(operand)).transpose()?;
                let mut branches = Vec::with_capacity(conditions.len());
                for CaseWhen { condition, result } in conditions {
                    self.cursor.word("when")?;
                    let condition = self.expr(condition)?;
                    self.cursor.word("then")?;
                    branches.push((condition, self.expr(result)?));
                }
                let otherwise = self.clause("else", else_result.as_deref())?;
                self.cursor.word("end")?;
                Expr::Case { operand, branches, otherwise }
            }
            ast::Expr::Exists { subquery, negated } => {
                self.negation(*negated)?;
                let exists = self.cursor.word("exists")?;
                let node = Expr::Exists(self.subquery(subquery)?);
                if *negated { Expr::Not(self.add(node, exists)) } else { node }
            }
            ast::Expr::Subquery(query) => Expr::Scalar(self.subquery(query)?),
            ast::Expr::Tuple(items) => Expr::Row(self.listed(items)?),
            ast::Expr::Array(array) => {
                if array.named {
                    self.cursor.word("array")?;
                }
                self.cursor.symbol(b'[')?;
                let items = self.list(&array.elem)?;
                self.cursor.symbol(b']')?;
                Expr::Array(items)
            }
            ast::Expr::Function(function) => self.call(function)?,
            ast::Expr::Extract { .. }
            | ast::Expr::Ceil { .. }
            | ast::Expr::Floor { .. }
            | ast::Expr::Position { .. }
            | ast::Expr::Substring { .. }
            | ast::Expr::Trim { .. }
            | ast::Expr::Overlay { .. } => self.form(expr)?,
            ast::Expr::TypedString(_)
            | ast::Expr::Cast { .. }
            | ast::Expr::BinaryOp { .. }
            | ast::Expr::CompoundFieldAccess { .. }
            | ast::Expr::IsFalse(_)
            | ast::Expr::IsNotFalse(_)
            | ast::Expr::IsTrue(_)
            | ast::Expr::IsNotTrue(_)
            | ast::Expr::IsNull(_)
            | ast::Expr::IsNotNull(_)
            | ast::Expr::IsUnknown(_)
            | ast::Expr::IsNotUnknown(_)
            | ast::Expr::IsDistinctFrom(..)
            | ast::Expr::IsNotDistinctFrom(..)
            | ast::Expr::In { .. }
            | ast::Expr::Between { .. }
            | ast::Expr::Like { .. }
            | ast::Expr::ILike { .. }
            | ast::Expr::SimilarTo { .. }
            | ast::Expr::AnyOp { .. }
            | ast::Expr::AllOp { .. }
            | ast::Expr::AtTimeZone { .. }
            | ast::Expr::Collate { .. }
            | ast::Expr::JsonAccess { .. }
            | ast::Expr::IsJson { .. }
            | ast::Expr::IsNormalized { .. }
            | ast::Expr::RLike { .. }
            | ast::Expr::Convert { .. }
            | ast::Expr::Prefixed { .. }
            | ast::Expr::GroupingSets(_)
            | ast::Expr::Cube(_)
            | ast::Expr::Rollup(_)
            | ast::Expr::Struct { .. }
            | ast::Expr::Named { .. }
            | ast::Expr::Dictionary(_)
            | ast::Expr::Map(_)
            | ast::Expr::MatchAgainst { .. }
            | ast::Expr::Wildcard(_)
            | ast::Expr::OuterJoin(_)
            | ast::Expr::Prior(_)
            | ast::Expr::Lambda(_)
            | ast::Expr::MemberOf(_) => return Err(unknown("an expression of this kind")),
        };
        Ok(self.add(node, start))
    }

    /// A constant or a parameter.
    pub(super) fn value(&mut self, value: &ValueWithSpan) -> Result<Expr<'t>, Refusal> {
        let at = self.cursor.at();
        let token = self.cursor.spanned(value.span)?;
        let expected = |is: bool, node: Expr<'t>| if is { Ok(node) } else { Err(unreadable()) };
        match &value.value {
            AstValue::Number(_, _) => expected(matches!(token.kind, Kind::Integer | Kind::Float), Expr::Constant(at)),
            AstValue::SingleQuotedString(_)
            | AstValue::DollarQuotedString(_)
            | AstValue::EscapedStringLiteral(_)
            | AstValue::UnicodeStringLiteral(_)
            | AstValue::NationalStringLiteral(_) => expected(token.is_string(), Expr::Constant(at)),
            AstValue::SingleQuotedByteStringLiteral(_) | AstValue::HexStringLiteral(_) => {
                expected(matches!(token.kind, Kind::BitString | Kind::HexString), Expr::Constant(at))
            }
            AstValue::Placeholder(_) if token.kind == Kind::Param => {
                Ok(Expr::Param(param_number(self.cursor.text(token))?))
            }
            AstValue::Boolean(value) => expected(self.is_keyword(token, &["true", "false"]), Expr::Bool(*value)),
            AstValue::Null => expected(self.is_keyword(token, &["null"]), Expr::Null),
            AstValue::Placeholder(_)
            | AstValue::TripleSingleQuotedString(_)
            | AstValue::TripleDoubleQuotedString(_)
            | AstValue::DoubleQuotedByteStringLiteral(_)
            | AstValue::TripleSingleQuotedByteStringLiteral(_)
            | AstValue::TripleDoubleQuotedByteStringLiteral(_)
            | AstValue::SingleQuotedRawStringLiteral(_)
            | AstValue::DoubleQuotedRawStringLiteral(_)
            | AstValue::TripleSingleQuotedRawStringLiteral(_)
            | AstValue::TripleDoubleQuotedRawStringLiteral(_)
            | AstValue::QuoteDelimitedStringLiteral(_)
            | AstValue::NationalQuoteDelimitedStringLiteral(_)
            | AstValue::DoubleQuotedString(_) => Err(unreadable()),
        }
    }

    fn is_keyword(&self, token: &Token, words: &[&str]) -> bool {
        token.kind == Kind::Word && words.iter().any(|word| self.cursor.text(token).eq_ignore_ascii_case(word))
    }

    fn operator(&mut self, op: &BinaryOperator) -> Result<Operator<'t>, Refusal> {
        match op {
            BinaryOperator::Overlaps => Ok(Operator { symbol: "overlaps", token: self.cursor.word("overlaps")? }),
            BinaryOperator::PGCustomBinaryOperator(_) => Err(unknown("OPERATOR()")),
            _ => self.cursor.operator(),
        }
    }

    fn negation(&mut self, negated: bool) -> Result<(), Refusal> {
        if negated { self.cursor.word("not").map(drop) } else { Ok(()) }
    }

    fn is_truth(&mut self, operand: ExprId, truth: Option<bool>, negated: bool) -> Result<Expr<'t>, Refusal> {
        self.cursor.word("is")?;
        self.negation(negated)?;
        self.cursor.word(match truth {
            Some(true) => "true",
            Some(false) => "false",
            None => "unknown",
        })?;
        Ok(Expr::IsTruth { operand, truth, negated })
    }

    /// What ANY or ALL compares with.
    fn quantified(
        &mut self,
        operand: ExprId,
        operator: Operator<'t>,
        all: bool,
        right: &ast::Expr,
    ) -> Result<Expr<'t>, Refusal> {
        if let ast::Expr::Subquery(query) = right {
            // More parentheses around it make it no array to PostgreSQL's grammar.
            let query = self.either(
                |reader| reader.subquery(query),
                |reader| {
                    reader.cursor.symbol(b'(')?;
                    let query = reader.subquery(query)?;
                    reader.cursor.symbol(b')')?;
                    Ok(query)
                },
            )?;
            return Ok(Expr::QuantifiedQuery { operand, operator, all, query });
        }
        self.cursor.symbol(b'(')?;
        let array = self.expr(right)?;
        self.cursor.symbol(b')')?;
        Ok(Expr::Quantified { operand, operator, all, array })
    }

    fn pattern(
        &mut self,
        kind: PatternKind,
        operand: ExprId,
        negated: bool,
        pattern: &ast::Expr,
        escape: Option<&ast::Expr>,
    ) -> Result<Expr<'t>, Refusal> {
        self.negation(negated)?;
        self.cursor.words(match kind {
            PatternKind::Like => &["like"],
            PatternKind::ILike => &["ilike"],
            PatternKind::SimilarTo => &["similar", "to"],
        })?;
        let pattern = self.expr(pattern)?;
        Ok(Expr::Pattern { kind, operand, pattern, escape: self.clause("escape", escape)?, negated })
    }

    fn access(&mut self, operand: ExprId, access: &AccessExpr) -> Result<Expr<'t>, Refusal> {
        match access {
            AccessExpr::Dot(field) => {
                self.cursor.symbol(b'.')?;
                match field {
                    ast::Expr::Identifier(ident) => Ok(Expr::Field { operand, field: Some(self.cursor.ident(ident)?) }),
                    ast::Expr::Wildcard(_) => {
                        self.star()?;
                        Ok(Expr::Field { operand, field: None })
                    }
                    _ => Err(unknown("a field of this form")),
                }
            }
            AccessExpr::Subscript(subscript) => {
                self.cursor.symbol(b'[')?;
                let mut bounds = Vec::new();
                match subscript {
                    Subscript::Index { index } => bounds.push(self.expr(index)?),
                    Subscript::Slice { lower_bound, upper_bound, stride: None } => {
                        if let Some(lower) = lower_bound {
                            bounds.push(self.expr(lower)?);
                        }
                        self.cursor.symbol(b':')?;
                        if let Some(upper) = upper_bound {
                            bounds.push(self.expr(upper)?);
                        }
                    }
                    Subscript::Slice { .. } => return Err(unknown("a slice with a stride")),
                }
                self.cursor.symbol(b']')?;
                Ok(Expr::Subscript { operand, bounds })
            }
        }
    }

    /// `t.*` as a value.
    pub(super) fn whole_row(&mut self, name: &ObjectName) -> Result<ExprId, Refusal> {
        let start = self.cursor.at();
        let name = self.cursor.object(name)?;
        self.cursor.symbol(b'.')?;
        self.star()?;
        Ok(self.add(Expr::Star(name), start))
    }

    /// `*`
    pub(super) fn star(&mut self) -> Result<(), Refusal> {
        if self.cursor.operator()?.symbol == "*" { Ok(()) } else { Err(unreadable()) }
    }

    /// `(3)` behind a word.
    fn precision(&mut self) -> Result<(), Refusal> {
        if self.cursor.takes_symbol(b'(') {
            self.cursor.kind(Kind::Integer)?;
            self.cursor.symbol(b')')?;
        }
        Ok(())
    }

    /// `DAY TO SECOND(3)`
    pub(super) fn interval_fields(&mut self) -> Result<(), Refusal> {
        const FIELDS: [&str; 6] = ["year", "month", "day", "hour", "minute", "second"];
        if self.cursor.takes_any(&FIELDS) {
            self.precision()?;
            if self.cursor.takes_word("to") {
                if !self.cursor.takes_any(&FIELDS) {
                    return Err(unreadable());
                }
                self.precision()?;
            }
        }
        Ok(())
    }
}

/// The expression with which another one begins, if it does.
fn leading(expr: &ast::Expr) -> Option<&ast::Expr> {
    match expr {
        ast::Expr::BinaryOp { left: operand, .. }
        | ast::Expr::Cast { kind: CastKind::DoubleColon, expr: operand, .. }
        | ast::Expr::IsNull(operand)
        | ast::Expr::IsNotNull(operand)
        | ast::Expr::IsTrue(operand)
        | ast::Expr::IsNotTrue(operand)
        | ast::Expr::IsFalse(operand)
        | ast::Expr::IsNotFalse(operand)
        | ast::Expr::IsUnknown(operand)
        | ast::Expr::IsNotUnknown(operand)
        | ast::Expr::IsDistinctFrom(operand, _)
        | ast::Expr::IsNotDistinctFrom(operand, _)
        | ast::Expr::In { expr: operand, .. }
        | ast::Expr::AnyOp { left: operand, .. }
        | ast::Expr::AllOp { left: operand, .. }
        | ast::Expr::Between { expr: operand, .. }
        | ast::Expr::Like { expr: operand, .. }
        | ast::Expr::ILike { expr: operand, .. }
        | ast::Expr::SimilarTo { expr: operand, .. }
        | ast::Expr::AtTimeZone { timestamp: operand, .. }
        | ast::Expr::Collate { expr: operand, .. }
        | ast::Expr::CompoundFieldAccess { root: operand, .. } => Some(operand),
        _ => None,
    }
}
