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
        pub async fn query<T>(&self, statement: &T, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error>
        where
            T: ?Sized + ToStatement,
        {
            self.runner()?.query(statement.source(), params.to_vec()).await
        }

        /// Runs a statement that gives exactly one row.
        ///
        /// # Errors
        /// As [`Self::query`]; another number of rows.
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
        pub async fn query_opt<T>(&self, statement: &T, params: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>, Error>
        where
            T: ?Sized + ToStatement,
        {
            self.runner()?.query_opt(statement.source(), params.to_vec()).await
        }

        /// Runs a statement and gives its rows as they come. A stream that is not read holds the server back, and with
        /// it the later statements of this connection.
        ///
        /// # Errors
        /// As [`Self::query`]; what is met at a row comes with the stream.
        pub async fn query_raw<T, P, I>(&self, statement: &T, params: I) -> Result<RowStream<'_>, Error>
        where
            T: ?Sized + ToStatement,
            P: BorrowToSql,
            I: IntoIterator<Item = P>,
        {
            let params = params.into_iter().collect();
            Ok(RowStream::new(self.runner()?.start(statement.source(), params).await?))
        }

        /// Runs a statement and says how many rows it wrote, or gave.
        ///
        /// # Errors
        /// As [`Self::query`].
        pub async fn execute<T>(&self, statement: &T, params: &[&(dyn ToSql + Sync)]) -> Result<u64, Error>
        where
            T: ?Sized + ToStatement,
        {
            self.runner()?.execute(statement.source(), params.to_vec()).await
        }

        /// Prepares a statement.
        ///
        /// # Errors
        /// A refusal of what is not understood; the server's own.
        pub async fn prepare(&self, text: &str) -> Result<Statement, Error> {
            self.prepare_typed(text, &[]).await
        }

        /// Prepares a statement whose parameters, or the first of them, have these types.
        ///
        /// # Errors
        /// As [`Self::prepare`].
        pub async fn prepare_typed(&self, text: &str, types: &[Type]) -> Result<Statement, Error> {
            let declared: Vec<u32> = types.iter().map(Type::oid).collect();
            let runner = self.runner()?;
            let prepared = runner.prepare(text, &declared).await?;
            Ok(Statement { prepared, connection: Arc::clone(runner.connection) })
        }

        /// Runs the statements of a text, none of which touches a protected table.
        ///
        /// # Errors
        /// A refusal if one does; the server's own.
        pub async fn batch_execute(&self, text: &str) -> Result<(), Error> {
            self.runner()?.batch(text).await
        }
    };
}

pub(super) use verbs;
