//! The tokens of a statement, read once from the first to the last. A token that is not the one expected ends the reading.

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};
use sqlparser::tokenizer::Span;

use super::{Name, Operator, QualifiedName, TokenSpan, unreadable};
use crate::sql::Refusal;
use crate::sql::lex::{Kind, Token};
use crate::sql::parse;

/// Where the reading stands.
pub(super) struct Cursor<'t> {
    text: &'t str,
    tokens: &'t [Token],
    at: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str, tokens: &'t [Token]) -> Self {
        Self { text, tokens, at: 0 }
    }

    /// The token that comes next.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes back to a token from which something else may be read.
    pub(super) fn back(&mut self, at: usize) {
        self.at = at;
    }

    /// From a token to here.
    pub(super) fn since(&self, start: usize) -> TokenSpan {
        TokenSpan { start, end: self.at }
    }

    /// Every token was accounted for.
    pub(super) fn end(&self) -> Result<(), Refusal> {
        if self.at == self.tokens.len() { Ok(()) } else { Err(unreadable()) }
    }

    fn peek(&self, ahead: usize) -> Option<&'t Token> {
        self.tokens.get(self.at + ahead)
    }

    /// Whether this unquoted word comes so many tokens ahead.
    pub(super) fn sees_word(&self, ahead: usize, word: &str) -> bool {
        self.peek(ahead).is_some_and(|token| token.is_word(self.text, word))
    }

    /// Whether this symbol comes so many tokens ahead.
    pub(super) fn sees_symbol(&self, ahead: usize, symbol: u8) -> bool {
        self.peek(ahead).is_some_and(|token| token.is_symbol(symbol))
    }

    /// Takes this unquoted word if it comes next.
    pub(super) fn takes_word(&mut self, word: &str) -> bool {
        let takes = self.sees_word(0, word);
        self.at += usize::from(takes);
        takes
    }

    /// Takes one of these unquoted words if it comes next.
    pub(super) fn takes_any(&mut self, words: &[&str]) -> bool {
        words.iter().any(|word| self.takes_word(word))
    }

    /// Takes this symbol if it comes next.
    pub(super) fn takes_symbol(&mut self, symbol: u8) -> bool {
        let takes = self.sees_symbol(0, symbol);
        self.at += usize::from(takes);
        takes
    }

    /// This unquoted word.
    pub(super) fn word(&mut self, word: &str) -> Result<usize, Refusal> {
        let at = self.at;
        if self.takes_word(word) { Ok(at) } else { Err(unreadable()) }
    }

    /// These unquoted words.
    pub(super) fn words(&mut self, words: &[&str]) -> Result<(), Refusal> {
        words.iter().try_for_each(|word| self.word(word).map(drop))
    }

    /// This symbol.
    pub(super) fn symbol(&mut self, symbol: u8) -> Result<(), Refusal> {
        if self.takes_symbol(symbol) { Ok(()) } else { Err(unreadable()) }
    }

    /// A token of this kind.
    pub(super) fn kind(&mut self, kind: Kind) -> Result<usize, Refusal> {
        match self.peek(0) {
            Some(token) if token.kind == kind => Ok(self.step()),
            Some(_) | None => Err(unreadable()),
        }
    }

    /// Whatever token comes next, if its kind is one of these.
    pub(super) fn any(&mut self, is: impl Fn(Kind) -> bool) -> Result<usize, Refusal> {
        match self.peek(0) {
            Some(token) if is(token.kind) => Ok(self.step()),
            Some(_) | None => Err(unreadable()),
        }
    }

    fn step(&mut self) -> usize {
        self.at += 1;
        self.at - 1
    }

    /// The token that the parser says stands here.
    pub(super) fn spanned(&mut self, span: Span) -> Result<&'t Token, Refusal> {
        let start = parse::bytes(span).ok_or_else(unreadable)?.start;
        let token = self.peek(0).filter(|token| token.range.start == start).ok_or_else(unreadable)?;
        self.at += 1;
        Ok(token)
    }

    /// The text of a token.
    pub(super) fn text(&self, token: &Token) -> &'t str {
        token.text(self.text)
    }

    /// An operator.
    pub(super) fn operator(&mut self) -> Result<Operator<'t>, Refusal> {
        let token = self.peek(0).filter(|token| token.kind == Kind::Operator).ok_or_else(unreadable)?;
        // One operator to PostgreSQL's lexer as well (scan.l).
        let symbol = match token.text(self.text) {
            "!=" => "<>",
            symbol => symbol,
        };
        Ok(Operator { symbol, token: self.step() })
    }

    /// An identifier. The parser takes strings for identifiers too, which PostgreSQL never does.
    pub(super) fn ident(&mut self, ident: &Ident) -> Result<Name<'t>, Refusal> {
        let token = self.spanned(ident.span)?;
        self.name_of(token)
    }

    /// The identifier that comes next, whatever the parser made of it.
    pub(super) fn name(&mut self) -> Result<Name<'t>, Refusal> {
        let token = self.peek(0).ok_or_else(unreadable)?;
        self.at += 1;
        self.name_of(token)
    }

    fn name_of(&self, token: &'t Token) -> Result<Name<'t>, Refusal> {
        let value = token.name(self.text).ok_or_else(unreadable)?;
        Ok(Name { value, token: self.at - 1 })
    }

    /// Identifiers with points between them.
    pub(super) fn idents<'a>(
        &mut self,
        idents: impl IntoIterator<Item = &'a Ident>,
    ) -> Result<QualifiedName<'t>, Refusal> {
        let mut names = Vec::new();
        for ident in idents {
            if !names.is_empty() {
                self.symbol(b'.')?;
            }
            names.push(self.ident(ident)?);
        }
        if names.is_empty() { Err(unreadable()) } else { Ok(names) }
    }

    /// A qualified name.
    pub(super) fn object(&mut self, name: &ObjectName) -> Result<QualifiedName<'t>, Refusal> {
        let idents = name.0.iter().map(|part| match part {
            ObjectNamePart::Identifier(ident) => Ok(ident),
            ObjectNamePart::Function(_) => Err(unreadable()),
        });
        let idents = idents.collect::<Result<Vec<_>, _>>()?;
        self.idents(idents)
    }

    /// Names with points between them, whatever the parser made of them.
    pub(super) fn names(&mut self) -> Result<QualifiedName<'t>, Refusal> {
        let mut names = vec![self.name()?];
        while self.takes_symbol(b'.') {
            names.push(self.name()?);
        }
        Ok(names)
    }
}
