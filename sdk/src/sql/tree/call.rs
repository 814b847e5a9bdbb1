//! Calls: of functions, and of those whose arguments the grammar separates by words.

use sqlparser::ast::{
    self, CeilFloorKind, DateTimeField, DuplicateTreatment, ExtractSyntax, Function, FunctionArg, FunctionArgExpr,
    FunctionArgOperator, FunctionArgumentClause, FunctionArguments, WindowFrame, WindowFrameBound, WindowFrameUnits,
    WindowSpec, WindowType,
};

use super::{Argument, Arguments, Call, Expr, ExprId, Form, Reader, Window, unknown, unreadable};
use crate::sql::Refusal;
use crate::sql::lex::Kind;

impl<'t> Reader<'t> {
    /// A call of a function; `ROW(…)` is a row.
    pub(super) fn call(&mut self, function: &Function) -> Result<Expr<'t>, Refusal> {
        let Function { name, uses_odbc_syntax, parameters, args, within_group, filter, null_treatment, over } =
            function;
        if *uses_odbc_syntax || !matches!(parameters, FunctionArguments::None) || null_treatment.is_some() {
            return Err(unknown("a call of this form"));
        }
        let is_row = self.cursor.sees_word(0, "row");
        let name = self.cursor.object(name)?;
        if is_row && name.len() == 1 {
            return self.row(args);
        }
        let arguments = self.arguments(args)?;
        let mut sorted = Vec::new();
        if !within_group.is_empty() {
            self.cursor.words(&["within", "group"])?;
            self.cursor.symbol(b'(')?;
            sorted = self.order_by(within_group)?;
            self.cursor.symbol(b')')?;
        }
        let filter = match filter {
            None => None,
            Some(condition) => {
                self.cursor.word("filter")?;
                self.cursor.symbol(b'(')?;
                let condition = self.clause("where", Some(condition))?;
                self.cursor.symbol(b')')?;
                condition
            }
        };
        let over = match over {
            None => None,
            Some(over) => {
                self.cursor.word("over")?;
                Some(match over {
                    WindowType::NamedWindow(name) => Window {
                        base: Some(self.cursor.ident(name)?),
                        partition: Vec::new(),
                        order: Vec::new(),
                        frame: Vec::new(),
                    },
                    WindowType::WindowSpec(spec) => self.window(spec)?,
                })
            }
        };
        Ok(Expr::Call(Box::new(Call { name, arguments, within_group: sorted, filter, over })))
    }

    fn row(&mut self, args: &FunctionArguments) -> Result<Expr<'t>, Refusal> {
        match self.arguments(args)? {
            Arguments::List { distinct: false, items, order } if order.is_empty() => items
                .into_iter()
                .map(|Argument { name, value }| if name.is_none() { Ok(value) } else { Err(unreadable()) })
                .collect::<Result<_, _>>()
                .map(Expr::Row),
            Arguments::List { .. } | Arguments::None | Arguments::Star | Arguments::Query(_) => {
                Err(unknown("ROW of this form"))
            }
        }
    }

    fn arguments(&mut self, args: &FunctionArguments) -> Result<Arguments<'t>, Refusal> {
        let list = match args {
            FunctionArguments::None => return Ok(Arguments::None),
            FunctionArguments::Subquery(query) => return self.subquery(query).map(Arguments::Query),
            FunctionArguments::List(list) => list,
        };
        self.cursor.symbol(b'(')?;
        if let ([FunctionArg::Unnamed(FunctionArgExpr::Wildcard)], None, []) =
            (list.args.as_slice(), list.duplicate_treatment, list.clauses.as_slice())
        {
            self.star()?;
            self.cursor.symbol(b')')?;
            return Ok(Arguments::Star);
        }
        let distinct = match list.duplicate_treatment {
            None => false,
            Some(DuplicateTreatment::Distinct) => self.cursor.word("distinct").map(|_| true)?,
            Some(DuplicateTreatment::All) => self.cursor.word("all").map(|_| false)?,
        };
        let items = self.plain_arguments(&list.args)?;
        let order = match list.clauses.as_slice() {
            [] => Vec::new(),
            [FunctionArgumentClause::OrderBy(keys)] => self.order_by(keys)?,
            _ => return Err(unknown("a call with this clause")),
        };
        self.cursor.symbol(b')')?;
        Ok(Arguments::List { distinct, items, order })
    }

    /// Arguments with commas between them.
    pub(super) fn plain_arguments(&mut self, arguments: &[FunctionArg]) -> Result<Vec<Argument<'t>>, Refusal> {
        let mut items = Vec::with_capacity(arguments.len());
        for argument in arguments {
            if !items.is_empty() {
                self.cursor.symbol(b',')?;
            }
            items.push(self.argument(argument)?);
        }
        Ok(items)
    }

    fn argument(&mut self, argument: &FunctionArg) -> Result<Argument<'t>, Refusal> {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Ok(Argument { name: None, value: self.expr(value)? }),
            FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) => {
                let value = self.whole_row(name)?;
                Ok(Argument { name: None, value })
            }
            FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), operator }
            | FunctionArg::ExprNamed {
                name: ast::Expr::Identifier(name),
                arg: FunctionArgExpr::Expr(value),
                operator,
            } => {
                let name = self.cursor.ident(name)?;
                match operator {
                    FunctionArgOperator::RightArrow => self.cursor.kind(Kind::EqualsGreater)?,
                    FunctionArgOperator::Assignment => self.cursor.kind(Kind::ColonEquals)?,
                    FunctionArgOperator::Equals
                    | FunctionArgOperator::Colon
                    | FunctionArgOperator::Value
                    | FunctionArgOperator::Space => return Err(unknown("an argument of this form")),
                };
                Ok(Argument { name: Some(name), value: self.expr(value)? })
            }
            FunctionArg::Unnamed(_) | FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. } => {
                Err(unknown("an argument of this form"))
            }
        }
    }

    /// What OVER or WINDOW says in parentheses.
    pub(super) fn window(&mut self, spec: &WindowSpec) -> Result<Window<'t>, Refusal> {
        let WindowSpec { window_name, partition_by, order_by, window_frame } = spec;
        self.cursor.symbol(b'(')?;
        let base = window_name.as_ref().map(|name| self.cursor.ident(name)).transpose()?;
        let mut partition = Vec::new();
        if !partition_by.is_empty() {
            self.cursor.words(&["partition", "by"])?;
            partition = self.list(partition_by)?;
        }
        let order = if order_by.is_empty() { Vec::new() } else { self.order_by(order_by)? };
        let frame = match window_frame {
            None => Vec::new(),
            Some(frame) => self.frame(frame)?,
        };
        self.cursor.symbol(b')')?;
        Ok(Window { base, partition, order, frame })
    }

    fn frame(&mut self, frame: &WindowFrame) -> Result<Vec<ExprId>, Refusal> {
        let WindowFrame { units, start_bound, end_bound } = frame;
        self.cursor.word(match units {
            WindowFrameUnits::Rows => "rows",
            WindowFrameUnits::Range => "range",
            WindowFrameUnits::Groups => "groups",
        })?;
        let mut bounds = Vec::new();
        match end_bound {
            None => bounds.extend(self.bound(start_bound)?),
            Some(end_bound) => {
                self.cursor.word("between")?;
                bounds.extend(self.bound(start_bound)?);
                self.cursor.word("and")?;
                bounds.extend(self.bound(end_bound)?);
            }
        }
        Ok(bounds)
    }

    fn bound(&mut self, bound: &WindowFrameBound) -> Result<Option<ExprId>, Refusal> {
        let (expr, word) = match bound {
            WindowFrameBound::CurrentRow => return self.cursor.words(&["current", "row"]).map(|()| None),
            WindowFrameBound::Preceding(expr) => (expr, "preceding"),
            WindowFrameBound::Following(expr) => (expr, "following"),
        };
        let expr = match expr {
            None => self.cursor.word("unbounded").map(|_| None)?,
            Some(expr) => Some(self.expr(expr)?),
        };
        self.cursor.word(word)?;
        Ok(expr)
    }

    /// `EXTRACT(… FROM …)` and its like. Those whose arguments stand between commas are ordinary calls to PostgreSQL, but
    /// they are the same functions.
    pub(super) fn form(&mut self, expr: &ast::Expr) -> Result<Expr<'t>, Refusal> {
        let mut operands = Vec::new();
        let form = match expr {
            ast::Expr::Extract { field: _, syntax: ExtractSyntax::From, expr } => {
                self.cursor.word("extract")?;
                self.cursor.symbol(b'(')?;
                self.cursor.any(|kind| matches!(kind, Kind::Word | Kind::QuotedIdentifier | Kind::String))?;
                self.cursor.word("from")?;
                operands.push(self.expr(expr)?);
                Form::Extract
            }
            ast::Expr::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.cursor.word("ceil")?;
                self.cursor.symbol(b'(')?;
                operands.push(self.expr(expr)?);
                Form::Ceil
            }
            ast::Expr::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.cursor.word("floor")?;
                self.cursor.symbol(b'(')?;
                operands.push(self.expr(expr)?);
                Form::Floor
            }
            ast::Expr::Position { expr, r#in } => {
                self.cursor.word("position")?;
                self.cursor.symbol(b'(')?;
                operands.push(self.expr(expr)?);
                operands.extend(self.clause("in", Some(r#in))?);
                Form::Position
            }
            ast::Expr::Substring { expr, substring_from, substring_for, special, shorthand } => {
                self.cursor.word(if *shorthand { "substr" } else { "substring" })?;
                self.cursor.symbol(b'(')?;
                operands.push(self.expr(expr)?);
                for (word, part) in [("from", substring_from), ("for", substring_for)] {
                    let Some(part) = part else { continue };
                    if *special {
                        self.cursor.symbol(b',')?;
                    } else {
                        self.cursor.word(word)?;
                    }
                    operands.push(self.expr(part)?);
                }
                Form::Substring
            }
            ast::Expr::Trim { trim_where, trim_what, expr, trim_characters } => {
                self.cursor.word("trim")?;
                self.cursor.symbol(b'(')?;
                if trim_where.is_some() && !self.cursor.takes_any(&["both", "leading", "trailing"]) {
                    return Err(unreadable());
                }
                if let Some(what) = trim_what {
                    operands.push(self.expr(what)?);
                }
                if trim_what.is_some() || trim_where.is_some() {
                    self.cursor.takes_word("from");
                }
                operands.push(self.expr(expr)?);
                for characters in trim_characters.iter().flatten() {
                    self.cursor.symbol(b',')?;
                    operands.push(self.expr(characters)?);
                }
                Form::Trim
            }
            ast::Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                self.cursor.word("overlay")?;
                self.cursor.symbol(b'(')?;
                operands.push(self.expr(expr)?);
                operands.extend(self.clause("placing", Some(overlay_what))?);
                operands.extend(self.clause("from", Some(overlay_from))?);
                operands.extend(self.clause("for", overlay_for.as_deref())?);
                Form::Overlay
            }
            _ => return Err(unknown("an expression of this kind")),
        };
        self.cursor.symbol(b')')?;
        Ok(Expr::Form { form, operands })
    }
}
