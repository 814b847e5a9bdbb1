//! Rows as they come, opened and verified one by one.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, OnceLock};
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::stream::{self, Stream};

use super::connection::Moved;
use super::params;
use super::run::{Loads, Runner};
use super::statement::Prepared;
use super::{Column, Error, Row};
use crate::exec::errors::{KeyParams, KnownParams};
use crate::exec::inputs::Params;
use crate::exec::outputs::Opener;
use crate::exec::session::Change;
use crate::sql::Plan;
use crate::value::Settings;

/// The rows of a statement. They are read from the server as they are asked for: a stream that is not read holds the
/// server back, and with it every later statement of its connection.
///
/// A row that does not open ends the stream with an error, and a transaction block fails with it.
///
#[cfg_attr(feature = "testing", doc = "```")]
#[cfg_attr(not(feature = "testing"), doc = "```ignore")]
#[doc = include_str!("doctest.txt")]
/// # example(async |client| {
/// use futures_util::TryStreamExt;
/// use pgseal::client::Row;
///
/// let none: [&str; 0] = [];
/// let rows = client.query_raw("SELECT id, diagnosis FROM patient ORDER BY id", none).await?;
/// assert_eq!(rows.columns()[1].name(), "diagnosis");
/// let rows: Vec<Row> = rows.try_collect().await?;
/// assert_eq!(rows[1].try_get::<_, &str>("diagnosis")?, "none");
/// # Ok(())
/// # });
/// ```
#[must_use = "a stream does nothing unless it is read"]
pub struct RowStream<'a> {
    columns: Arc<[Column]>,
    rows: Pin<Box<dyn Stream<Item = Result<Row, Error>> + Send + 'a>>,
    affected: Arc<OnceLock<u64>>,
}

impl<'a> RowStream<'a> {
    pub(super) fn new(rows: Rows<'a>) -> Self {
        let affected: Arc<OnceLock<u64>> = Arc::default();
        let columns = Arc::clone(&rows.prepared.columns);
        // After an error there is nothing more.
        let told = Arc::clone(&affected);
        let rows = stream::unfold(Some((rows, told)), |rows| async move {
            let (mut rows, told) = rows?;
            match rows.next().await {
                Ok(Some(row)) => Some((Ok(row), Some((rows, told)))),
                Ok(None) => {
                    if let Some(affected) = rows.affected {
                        // It is empty: a stream ends once.
                        let _ = told.set(affected);
                    }
                    None
                }
                Err(error) => Some((Err(error), None)),
            }
        });
        Self { columns, rows: Box::pin(rows), affected }
    }

    /// The next row, for who has no crate with stream combinators at hand.
    ///
    /// # Errors
    /// A row that does not open, the server's own; then there are no more.
    pub async fn try_next(&mut self) -> Result<Option<Row>, Error> {
        self.rows.next().await.transpose()
    }

    /// The columns of the rows.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// How many rows were written or read; `None` until the stream has ended.
    pub fn rows_affected(&self) -> Option<u64> {
        self.affected.get().copied()
    }
}

impl Stream for RowStream<'_> {
    type Item = Result<Row, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.rows.as_mut().poll_next(context)
    }
}

/// The rows of a statement that was sent.
pub(super) struct Rows<'a> {
    runner: Runner<'a>,
    prepared: Arc<Prepared>,
    source: Source,
    affected: Option<u64>,
    /// What a violated key would show of the parameters.
    key: Option<KeyParams>,
}

enum Source {
    /// They come from the server.
    Live(Pin<Box<tokio_postgres::RowStream>>, Reading),
    /// Those of a statement of several steps, whose end is confirmed already.
    Held(VecDeque<Row>),
    /// There are no more.
    Ended,
}

/// How the server's rows become the application's.
enum Reading {
    /// They are the application's.
    Forwarded(Option<Moved>, Option<Change>),
    /// They are opened.
    Opened(Opener),
    /// They are a guard's: the application expects none.
    Dropped,
}

impl<'a> Rows<'a> {
    pub(super) fn planned(
        runner: Runner<'a>,
        prepared: &Arc<Prepared>,
        plan: &Arc<Plan>,
        params: Params<'_>,
        stream: tokio_postgres::RowStream,
    ) -> Self {
        let reading = Opener::binary(plan, params).map_or(Reading::Dropped, Reading::Opened);
        let key = KeyParams::of(plan, params);
        Self { key, ..Self::new(runner, prepared, Source::Live(Box::pin(stream), reading)) }
    }

    pub(super) fn forwarded(
        runner: Runner<'a>,
        prepared: &Arc<Prepared>,
        moved: Option<Moved>,
        named: Option<Change>,
        stream: tokio_postgres::RowStream,
    ) -> Self {
        Self::new(runner, prepared, Source::Live(Box::pin(stream), Reading::Forwarded(moved, named)))
    }

    pub(super) fn held(runner: Runner<'a>, prepared: &Arc<Prepared>, rows: VecDeque<Row>, affected: u64) -> Self {
        Self { affected: Some(affected), ..Self::new(runner, prepared, Source::Held(rows)) }
    }

    fn new(runner: Runner<'a>, prepared: &Arc<Prepared>, source: Source) -> Self {
        Self { runner, prepared: Arc::clone(prepared), source, affected: None, key: None }
    }

    /// How many rows were written or read, at the end.
    pub(super) fn affected(&self) -> Option<u64> {
        self.affected
    }

    /// The next row. After an error there are no more.
    pub(super) async fn next(&mut self) -> Result<Option<Row>, Error> {
        let next = self.read().await;
        if !matches!(next, Ok(Some(_))) {
            self.source = Source::Ended;
        }
        next
    }

    async fn read(&mut self) -> Result<Option<Row>, Error> {
        let Self { runner, prepared, source, affected, key } = self;
        let (stream, reading) = match source {
            Source::Live(stream, reading) => (stream, reading),
            Source::Held(rows) => return Ok(rows.pop_front()),
            Source::Ended => return Ok(None),
        };
        loop {
            let physical = match stream.next().await {
                Some(Ok(row)) => row,
                Some(Err(error)) => {
                    if let Reading::Forwarded(_, named) = reading {
                        runner.connection.failed(named.as_ref());
                    }
                    let told = |params: KnownParams<'_>| runner.failed_run(error, prepared, params);
                    return Err(match key {
                        Some(key) => key.with(told),
                        None => told(Params::NONE.into()),
                    });
                }
                None => {
                    *affected = stream.rows_affected();
                    if let Reading::Forwarded(moved, named) = reading {
                        moved.iter().for_each(|moved| runner.connection.arrived(*moved));
                        runner.connection.named(named.as_mut());
                    }
                    runner.shared.look_if(runner.connection.has_defined());
                    return Ok(None);
                }
            };
            match reading {
                Reading::Dropped => {}
                Reading::Forwarded(..) => return Ok(Some(Row::forwarded(&prepared.columns, physical))),
                Reading::Opened(opener) => {
                    return match open(*runner, opener, &physical, &prepared.columns).await {
                        Ok(row) => Ok(Some(row)),
                        Err(error) => {
                            // What is not read holds back whatever is sent next.
                            *source = Source::Ended;
                            Err(runner.refuse(error).await)
                        }
                    };
                }
            }
        }
    }
}

/// Binary is the same under all settings.
static BINARY: LazyLock<Settings> = LazyLock::new(Settings::default);

/// Opens a row. A key version that another process has made is loaded.
pub(super) async fn open(
    runner: Runner<'_>,
    opener: &mut Opener,
    physical: &tokio_postgres::Row,
    columns: &Arc<[Column]>,
) -> Result<Row, Error> {
    let mut loads = Loads::default();
    let mut body = Vec::new();
    let mut values = Vec::with_capacity(columns.len());
    let physical = params::columns(physical)?;
    loop {
        values.clear();
        match opener.located(&physical, runner.keys(), &BINARY, &mut body, |value| values.push(value)) {
            Ok(()) => return Ok(Row::opened(columns, body, values)?),
            Err(error) => {
                if !loads.load(runner, &error).await {
                    return Err(error.into());
                }
            }
        }
    }
}
