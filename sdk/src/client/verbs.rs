//! What client and transaction offer alike.

/// The calls of an application on `self.runner()`.
macro_rules! verbs {
    () => {
        /// Runs a statement and gives its rows.
        ///
        /// Parameters and columns have the types that the application knows: those of the schema file where a column is
        /// sealed. A text is prepared when it is used first on a connection.
        ///
        /// # Errors
        /// A refusal of what is not understood; a value or row that cannot be sealed or does not open; the server's own.
        ///
        #[cfg_attr(feature = "testing", doc = "```")]
        #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
        #[doc = include_str!("doctest.txt")]
        /// # example(async |client| {
        /// let rows = client.query("SELECT id, diagnosis FROM patient WHERE ward = $1 ORDER BY id", &[&"B2"]).await?;
        /// assert_eq!(rows.len(), 2);
        /// assert_eq!(rows[0].try_get::<_, &str>("diagnosis")?, "J45.1");
        /// # Ok(())
        /// # });
        /// ```
        pub async fn query<T>(&self, statement: &T, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error>
        where
            T: ?Sized + ToStatement,
        {
            self.runner()?.query(statement.source(), params).await
        }

        /// Runs a statement that gives exactly one row.
        ///
        /// # Errors
        /// As [`Self::query`]; another number of rows.
        ///
        #[cfg_attr(feature = "testing", doc = "```")]
        #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
        #[doc = include_str!("doctest.txt")]
        /// # example(async |client| {
        /// let row = client.query_one("SELECT id FROM patient WHERE diagnosis = $1", &[&"J45.1"]).await?;
        /// assert_eq!(row.try_get::<_, i64>("id")?, 7);
        /// # Ok(())
        /// # });
        /// ```
        pub async fn query_one<T>(&self, statement: &T, params: &[&(dyn ToSql + Sync)]) -> Result<Row, Error>
        where
            T: ?Sized + ToStatement,
        {
            self.query_opt(statement, params).await?.ok_or(Error::RowCount(RowCount::None))
        }

        /// Runs a statement that gives one row or none.
        ///
        /// # Errors
        /// As [`Self::query`]; more than one row.
        ///
        #[cfg_attr(feature = "testing", doc = "```")]
        #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
        #[doc = include_str!("doctest.txt")]
        /// # example(async |client| {
        /// let row = client.query_opt("SELECT id FROM patient WHERE diagnosis = $1", &[&"J45.9"]).await?;
        /// assert!(row.is_none());
        /// # Ok(())
        /// # });
        /// ```
        pub async fn query_opt<T>(&self, statement: &T, params: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>, Error>
        where
            T: ?Sized + ToStatement,
        {
            self.runner()?.query_opt(statement.source(), params).await
        }

        /// Runs a statement and gives its rows as they come. A stream that is not read holds the server back, and with
        /// it the later statements of this connection.
        ///
        /// # Errors
        /// As [`Self::query`]; what is met at a row comes with the stream.
        ///
        #[cfg_attr(feature = "testing", doc = "```")]
        #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
        #[doc = include_str!("doctest.txt")]
        /// # example(async |client| {
        /// let mut rows = client.query_raw("SELECT diagnosis FROM patient WHERE ward = $1", [&"B2"]).await?;
        /// let mut seen = 0;
        /// while let Some(row) = rows.try_next().await? {
        ///     seen += row.try_get::<_, &str>(0)?.len();
        /// }
        /// assert_eq!(seen, "J45.1none".len());
        /// # Ok(())
        /// # });
        /// ```
        pub async fn query_raw<T, P, I>(&self, statement: &T, params: I) -> Result<RowStream<'_>, Error>
        where
            T: ?Sized + ToStatement,
            P: BorrowToSql,
            I: IntoIterator<Item = P>,
        {
            let params: Vec<P> = params.into_iter().collect();
            Ok(RowStream::new(self.runner()?.start(statement.source(), &params).await?))
        }

        /// Runs a statement and says how many rows it wrote, or gave.
        ///
        /// # Errors
        /// As [`Self::query`].
        ///
        #[cfg_attr(feature = "testing", doc = "```")]
        #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
        #[doc = include_str!("doctest.txt")]
        /// # example(async |client| {
        /// let changed = client.execute("UPDATE patient SET diagnosis = $2 WHERE id = $1", &[&7_i64, &"J45.9"]).await?;
        /// assert_eq!(changed, 1);
        /// # Ok(())
        /// # });
        /// ```
        pub async fn execute<T>(&self, statement: &T, params: &[&(dyn ToSql + Sync)]) -> Result<u64, Error>
        where
            T: ?Sized + ToStatement,
        {
            self.runner()?.execute(statement.source(), params).await
        }

        /// Prepares a statement.
        ///
        /// # Errors
        /// A refusal of what is not understood; the server's own.
        ///
        #[cfg_attr(feature = "testing", doc = "```")]
        #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
        #[doc = include_str!("doctest.txt")]
        /// # example(async |client| {
        /// let by_diagnosis = client.prepare("SELECT id FROM patient WHERE diagnosis = $1").await?;
        /// // The types that the application knows: the server has a tag there.
        /// assert_eq!(by_diagnosis.params(), [tokio_postgres::types::Type::TEXT]);
        /// assert_eq!(client.query(&by_diagnosis, &[&"none"]).await?.len(), 1);
        /// # Ok(())
        /// # });
        /// ```
        pub async fn prepare(&self, text: &str) -> Result<Statement, Error> {
            self.prepare_typed(text, &[]).await
        }

        /// Prepares a statement whose parameters, or the first of them, have these types.
        ///
        /// # Errors
        /// As [`Self::prepare`].
        ///
        #[cfg_attr(feature = "testing", doc = "```")]
        #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
        #[doc = include_str!("doctest.txt")]
        /// # example(async |client| {
        /// use tokio_postgres::types::Type;
        ///
        /// let shifted = client.prepare_typed("SELECT id + $1 FROM patient WHERE id = $2", &[Type::INT8]).await?;
        /// assert_eq!(client.query_one(&shifted, &[&100_i64, &7_i64]).await?.try_get::<_, i64>(0)?, 107);
        /// # Ok(())
        /// # });
        /// ```
        pub async fn prepare_typed(&self, text: &str, types: &[Type]) -> Result<Statement, Error> {
            let declared: Vec<u32> = types.iter().map(Type::oid).collect();
            let runner = self.runner()?;
            let prepared = runner.prepare(text, &declared).await?;
            Ok(Statement { prepared, connection: Arc::clone(runner.connection) })
        }

        /// Runs the statements of a text, as a simple query through the proxy is run; their rows are shown to nobody. At one
        /// that is refused the text ends, and what stood before it counts as PostgreSQL has it where a statement of a text
        /// fails. Statements of several steps, like an UPDATE of some columns of a signed row, are refused beside others.
        ///
        /// # Errors
        /// A refusal; the server's own.
        ///
        #[cfg_attr(feature = "testing", doc = "```")]
        #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
        #[doc = include_str!("doctest.txt")]
        /// # example(async |client| {
        /// client.batch_execute("CREATE TEMP TABLE visitor (name text); SET statement_timeout = '5s'").await?;
        /// client.batch_execute("BEGIN; DELETE FROM patient WHERE id = 9; COMMIT").await?;
        /// let refused = client.batch_execute("SELECT 1; SELECT upper(diagnosis) FROM patient").await.unwrap_err();
        /// assert_eq!(refused.kind(), pgseal::sealer::Kind::Refused);
        /// # Ok(())
        /// # });
        /// ```
        pub async fn batch_execute(&self, text: &str) -> Result<(), Error> {
            self.runner()?.batch(text).await
        }
    };
}

pub(super) use verbs;
