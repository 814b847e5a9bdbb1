//! One connection as it passes: which statement an answer belongs to, whatever is in flight, and the lies in it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::frames::{Fields, data_row, described, description, rebound, text};
use super::lie::{Lie, Lies, Subject};
use super::question::changed;
use crate::harness::raw::Frame;

/// What the server owes for a message of the client, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owed {
    /// Everything up to ReadyForQuery: start-up, Query, FunctionCall.
    Whole,
    /// ReadyForQuery alone.
    Sync,
    /// ParseComplete, BindComplete or CloseComplete.
    Complete,
    /// RowDescription or NoData; of a statement ParameterDescription before it.
    Description,
    /// Rows and a tag, EmptyQueryResponse or PortalSuspended.
    Execute,
}

struct Exchange {
    owed: Owed,
    lies: Vec<Lie>,
    /// Held back until the result is whole, where somebody lies about its rows.
    rows: Vec<Frame>,
}

pub(super) struct Track {
    lies: Arc<Mutex<Lies>>,
    statements: HashMap<String, String>,
    portals: HashMap<String, String>,
    owed: VecDeque<Exchange>,
    /// The server reads over everything up to the next Sync, which the client has not sent yet.
    skipping: bool,
}

impl Track {
    /// Of a connection whose start-up packet is on its way.
    pub(super) fn new(lies: Arc<Mutex<Lies>>) -> Self {
        let (statements, portals, owed) = (HashMap::new(), HashMap::new(), VecDeque::new());
        let mut track = Self { lies, statements, portals, owed, skipping: false };
        track.owe(Owed::Whole, vec![]);
        track
    }

    fn owe(&mut self, owed: Owed, lies: Vec<Lie>) {
        self.skipping &= owed != Owed::Sync;
        if self.skipping {
            return;
        }
        self.owed.push_back(Exchange { owed, lies, rows: Vec::new() });
    }

    fn lies(&self) -> MutexGuard<'_, Lies> {
        self.lies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn about(&self, text: &str, subject: Subject) -> Vec<Lie> {
        self.lies().about(text, subject)
    }

    fn told(&self) {
        self.lies().told += 1;
    }

    /// A message of the client, as the server shall read it.
    pub(super) fn asked(&mut self, frame: Frame) -> Frame {
        let mut rest = Fields(&frame.body);
        match frame.kind {
            'Q' => {
                let sql = rest.text();
                let lies = [Subject::Description, Subject::Answer].map(|subject| self.about(&sql, subject)).concat();
                self.owe(Owed::Whole, lies);
                match self.reworded(&sql) {
                    Some(sql) => Frame { kind: 'Q', body: text(&sql) },
                    None => frame,
                }
            }
            'P' => {
                let (name, sql) = (rest.text(), rest.text());
                self.owe(Owed::Complete, vec![]);
                let reworded = self.reworded(&sql);
                let types = rest.0.to_vec();
                self.statements.insert(name.clone(), sql);
                match reworded {
                    Some(sql) => Frame { kind: 'P', body: [text(&name), text(&sql), types].concat() },
                    None => frame,
                }
            }
            'B' => {
                let (portal, name) = (rest.text(), rest.text());
                self.owe(Owed::Complete, vec![]);
                let sql = self.statements.get(&name).cloned().unwrap_or_default();
                let lies = self.about(&sql, Subject::Parameters);
                self.portals.insert(portal, sql);
                let mut frame = frame;
                for lie in lies {
                    let Lie::Parameter(number, value) = lie else { continue };
                    if let Some(body) = rebound(&frame.body, number, value.as_deref()) {
                        frame.body = body;
                        self.told();
                    }
                }
                frame
            }
            'D' => {
                let named = if rest.take(1) == b"S" { &self.statements } else { &self.portals };
                let sql = named.get(&rest.text()).cloned().unwrap_or_default();
                let lies = self.about(&sql, Subject::Description);
                self.owe(Owed::Description, lies);
                frame
            }
            'E' => {
                let sql = self.portals.get(&rest.text()).cloned().unwrap_or_default();
                let lies = self.about(&sql, Subject::Answer);
                self.owe(Owed::Execute, lies);
                frame
            }
            'C' => {
                self.owe(Owed::Complete, vec![]);
                frame
            }
            'F' => {
                self.owe(Owed::Whole, vec![]);
                frame
            }
            'S' => {
                self.owe(Owed::Sync, vec![]);
                frame
            }
            // The end of COPY data: the server has read over every Sync among them.
            'c' | 'f' => {
                let copying = self.owed.iter().rposition(|exchange| exchange.owed != Owed::Sync);
                self.owed.truncate(copying.map_or(0, |last| last + 1));
                frame
            }
            _ => frame,
        }
    }

    fn reworded(&self, sql: &str) -> Option<String> {
        let reworded = changed(sql, &self.about(sql, Subject::Text))?;
        self.told();
        Some(reworded)
    }

    /// A message of the server, as the client shall read it: any number of them, none while a result is held back.
    pub(super) fn answered(&mut self, frame: Frame) -> Vec<Frame> {
        let Some(mut exchange) = self.owed.pop_front() else { return vec![frame] };
        let (mut out, mut told) = (Vec::new(), 0);
        let mut over = false;
        match frame.kind {
            'D' if exchange.lies.iter().any(about_rows) => exchange.rows.push(frame),
            'T' => out.push(columns(&exchange.lies, frame, &mut told)),
            'S' => {
                let silent = exchange
                    .lies
                    .iter()
                    .any(|lie| matches!(lie, Lie::Status(name, _) if *name == Fields(&frame.body).text()));
                out.extend((!silent).then_some(frame));
            }
            'C' | 'I' | 's' => {
                out.extend(result(&exchange.lies, std::mem::take(&mut exchange.rows), &mut told));
                out.push(tag(&exchange.lies, frame, &mut told));
                out.extend(statuses(&exchange.lies, &mut told));
                over = exchange.owed == Owed::Execute;
            }
            'E' => {
                out.append(&mut exchange.rows);
                out.push(frame);
                over = !matches!(exchange.owed, Owed::Whole | Owed::Sync);
                if over {
                    let sync = self.owed.iter().position(|next| next.owed == Owed::Sync);
                    self.owed.drain(..sync.unwrap_or(self.owed.len()));
                    self.skipping = sync.is_none();
                }
            }
            kind => {
                over = match exchange.owed {
                    Owed::Whole | Owed::Sync => kind == 'Z',
                    Owed::Complete => matches!(kind, '1'..='3'),
                    Owed::Description => kind == 'n',
                    Owed::Execute => false,
                };
                out.push(frame);
            }
        }
        let over = over || (exchange.owed == Owed::Description && out.iter().any(|frame| frame.kind == 'T'));
        if !over {
            self.owed.push_front(exchange);
        }
        self.lies().told += told;
        out
    }
}

fn about_rows(lie: &Lie) -> bool {
    match lie {
        Lie::SwapRows(..) | Lie::RepeatRow(_) | Lie::DropRow(_) | Lie::SwapFields { .. } | Lie::Field { .. } => true,
        Lie::Where(_) | Lie::Text(..) | Lie::Parameter(..) | Lie::SwapColumns(..) | Lie::Tag(_) | Lie::Status(..) => {
            false
        }
    }
}

fn columns(lies: &[Lie], frame: Frame, told: &mut usize) -> Frame {
    let mut columns = described(&frame);
    let before = *told;
    for lie in lies {
        if let Lie::SwapColumns(one, other) = lie
            && columns.len() > *one.max(other)
        {
            columns.swap(*one, *other);
            *told += 1;
        }
    }
    if *told == before { frame } else { description(&columns) }
}

/// The rows of one result, with the lies about them one after the other.
fn result(lies: &[Lie], mut rows: Vec<Frame>, told: &mut usize) -> Vec<Frame> {
    for lie in lies {
        let fits = match lie {
            Lie::SwapRows(one, other) if rows.len() > *one.max(other) => {
                rows.swap(*one, *other);
                true
            }
            Lie::RepeatRow(row) if rows.len() > *row => {
                rows.insert(*row, rows[*row].clone());
                true
            }
            Lie::DropRow(row) if rows.len() > *row => {
                rows.remove(*row);
                true
            }
            Lie::SwapFields { row, one, other } => rows.get_mut(*row).is_some_and(|row| {
                let mut fields = row.columns();
                let fits = fields.len() > *one.max(other);
                if fits {
                    fields.swap(*one, *other);
                    *row = data_row(&fields);
                }
                fits
            }),
            Lie::Field { row, column, value } => rows.get_mut(*row).is_some_and(|row| {
                let mut fields = row.columns();
                let field = fields.get_mut(*column);
                let fits = field.is_some();
                field.into_iter().for_each(|field| field.clone_from(value));
                *row = data_row(&fields);
                fits
            }),
            _ => false,
        };
        *told += usize::from(fits);
    }
    rows
}

fn tag(lies: &[Lie], frame: Frame, told: &mut usize) -> Frame {
    let tag = lies.iter().find_map(|lie| if let Lie::Tag(tag) = lie { Some(tag) } else { None });
    match tag {
        Some(tag) if frame.kind == 'C' => {
            *told += 1;
            Frame { kind: 'C', body: text(tag) }
        }
        Some(_) | None => frame,
    }
}

fn statuses(lies: &[Lie], told: &mut usize) -> Vec<Frame> {
    let mut out = Vec::new();
    for lie in lies {
        if let Lie::Status(name, value) = lie {
            *told += 1;
            out.push(Frame { kind: 'S', body: [text(name), text(value)].concat() });
        }
    }
    out
}
