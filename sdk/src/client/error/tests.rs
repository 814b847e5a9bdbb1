use super::*;
use crate::{keys, value};

fn fields(fields: &[(u8, &'static str)]) -> DbError {
    let fields: Vec<(u8, Cow<'_, [u8]>)> =
        fields.iter().map(|(code, text)| (*code, Cow::Borrowed(text.as_bytes()))).collect();
    DbError::from_fields(&fields).unwrap()
}

#[test]
fn a_server_error_keeps_its_fields_and_shows_no_rows() {
    let error = fields(&[
        (b'S', "FEHLER"),
        (b'V', "ERROR"),
        (b'C', "23505"),
        (b'M', "duplicate key value violates unique constraint \"note_key\""),
        (b'D', "Key (note)=(s3cret) already exists."),
        (b'H', "try another"),
        (b'P', "12"),
        (b's', "public"),
        (b't', "notes"),
        (b'c', "note"),
        (b'd', "text"),
        (b'n', "note_key"),
        (b'R', "_bt_check_unique"),
        (b'Y', "new"),
    ]);
    assert_eq!((error.severity(), error.code(), error.position()), ("ERROR", "23505", Some(12)));
    assert_eq!((error.schema(), error.table(), error.column()), (Some("public"), Some("notes"), Some("note")));
    assert_eq!((error.constraint(), error.data_type()), (Some("note_key"), Some("text")));
    assert_eq!(error.routine(), Some("_bt_check_unique"));
    assert_eq!(error.detail(), Some("Key (note)=(s3cret) already exists."));
    let error = Error::from(error);
    assert_eq!((error.kind(), error.code(), error.position()), (Kind::Database, Some("23505"), Some(12)));
    assert_eq!(error.hint().as_deref(), Some("try another"));
    assert!(error.as_db_error().is_some());
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

#[test]
fn an_error_response_without_its_fields_is_malformed() {
    for missing in [b'S', b'C', b'M'] {
        let fields: Vec<(u8, Cow<'_, [u8]>)> = [b'S', b'C', b'M']
            .into_iter()
            .filter(|code| *code != missing)
            .map(|code| (code, Cow::Borrowed(&b"x"[..])))
            .collect();
        assert!(DbError::from_fields(&fields).is_err());
    }
}

#[test]
fn kinds_follow_what_a_caller_can_do() {
    let db = |code: &'static str| Error::from(fields(&[(b'S', "ERROR"), (b'C', code), (b'M', "m")])).kind();
    assert_eq!(db("40001"), Kind::Database);
    assert_eq!(db("XX001"), Kind::Tampered);
    assert_eq!((db("42501"), db("28P01")), (Kind::Denied, Kind::Denied));
    let key = |error| Error::from(seal::Error::Key(error)).kind();
    let (id, what, reason) = (String::from("k"), String::from("kms"), String::from("down"));
    assert!(key(keys::Error::Missing { id: id.clone() }).is_retryable());
    assert!(key(keys::Error::Unavailable { what, reason: reason.clone() }).is_retryable());
    assert_eq!(key(keys::Error::Unwrap { id: id.clone(), reason: reason.clone() }), Kind::Tampered);
    assert_eq!(key(keys::Error::Inconsistent { id, reason }), Kind::Tampered);
    let column = || String::from("card.pan");
    assert_eq!(Error::from(seal::Error::Tampered { column: column() }).kind(), Kind::Tampered);
    assert_eq!(Error::from(seal::Error::NullContext { column: column(), writing: false }).kind(), Kind::WrongContext);
    assert_eq!(Error::from(seal::Error::NullContext { column: column(), writing: true }).kind(), Kind::Refused);
    assert_eq!(Error::from(exec::Error::Protocol("odd")).kind(), Kind::Database);
    let error = value::Error::new(SqlState::STRING_DATA_RIGHT_TRUNCATION, "too long");
    let error = Error::from(exec::Error::Literal { error, at: 3 });
    assert_eq!((error.kind(), error.code(), error.position()), (Kind::Refused, Some("22001"), Some(4)));
    for error in [Error::Broken, Error::RowCount(RowCount::None), PoolError::Closed.into()] {
        assert_eq!((error.kind(), error.code()), (Kind::Database, None));
    }
}

#[test]
fn the_column_is_named_alone_wherever_one_is_to_blame() {
    use crate::error::ColumnName;
    let name = || ColumnName { schema: "public".into(), table: "card".into(), column: "pan".into() };
    let place = |column: &str| Error::from(seal::Error::Tampered { column: column.into() });
    for error in [
        Error::refused(Refusal::new("no").of(name()), ""),
        exec::Error::Refused(Refusal::new("no").of(name())).into(),
        exec::Error::NotNull(Box::new(name())).into(),
        place("card.pan"),
        Error::from(fields(&[(b'S', "ERROR"), (b'C', "23502"), (b'M', "m"), (b'c', "pan")])),
        Error::Column { column: "pan".into(), ty: Type::TEXT, rust: "i64", problem: "no" },
    ] {
        assert_eq!(error.column(), Some("pan"), "{error}");
    }
    for error in [place("a.b.c"), Error::refused(Refusal::new("no"), ""), Error::Broken] {
        assert_eq!(error.column(), None, "{error}");
    }
}

#[test]
fn a_refusal_points_into_the_statement_in_characters() {
    let error = Error::refused(Refusal::new("no").hint("try").at(8), "SELÉCT ü");
    assert_eq!((error.code(), error.position()), (Some("0A000"), Some(8)), "É has two bytes");
    assert_eq!((error.message().as_ref(), error.hint().as_deref()), ("no", Some("try")));
    for at in [4, 99] {
        assert_eq!(Error::refused(Refusal::new("no").at(at), "SELÉCT ü").position(), None, "no place in this text");
    }
}

#[test]
fn the_pool_says_which_of_its_limits_it_was() {
    use deadpool_postgres::{HookError, PoolError as Pool, TimeoutType};
    let of = |error: Pool| match Error::from(error) {
        Error::Pool(error) => error,
        other => panic!("{other}"),
    };
    assert_eq!(of(Pool::Timeout(TimeoutType::Wait)), PoolError::Exhausted);
    assert_eq!(of(Pool::Timeout(TimeoutType::Create)), PoolError::Connecting);
    assert_eq!(of(Pool::Timeout(TimeoutType::Recycle)), PoolError::Recycling);
    assert_eq!(of(Pool::Closed), PoolError::Closed);
    assert_eq!(of(Pool::NoRuntimeSpecified), PoolError::NoRuntime);
    assert_eq!(of(Pool::PostCreateHook(HookError::message("not today"))), PoolError::Hook("not today".into()));
}

#[tokio::test]
async fn a_lost_link_has_its_cause_and_its_code() {
    let failed = tokio_postgres::connect("host=/nowhere user=me", tokio_postgres::NoTls).await.err().unwrap();
    let error = Error::from(deadpool_postgres::PoolError::Backend(failed));
    assert!(matches!(error, Error::Connection { problem: Link::Refused, .. }));
    assert_eq!((error.code(), error.kind()), (Some("08001"), Kind::Database));
    assert!(matches!(error, Error::Connection { cause: Some(_), .. }));
    let failed = tokio_postgres::connect("host=/nowhere user=me", tokio_postgres::NoTls).await.err().unwrap();
    assert_eq!(Error::from(failed).code(), Some("08006"));
}

#[test]
fn counts_are_told_in_words() {
    assert_eq!(Error::RowCount(RowCount::None).to_string(), "the statement returned no row, where one was expected");
    assert_eq!(
        Error::RowCount(RowCount::Several).to_string(),
        "the statement returned more than one row, where at most one was expected"
    );
    assert_eq!(
        Error::Parameter { index: 0, ty: Type::INT4, wrong: None }.to_string(),
        "parameter $1 cannot be encoded as int4"
    );
}

/// Who adds a variant adds it to the list below.
fn is_listed(error: &Error) {
    match error {
        Error::Refused { .. }
        | Error::Exec(_)
        | Error::Database(_)
        | Error::Connection { .. }
        | Error::Pool(_)
        | Error::Parameters { .. }
        | Error::Parameter { .. }
        | Error::NoColumn { .. }
        | Error::Column { .. }
        | Error::Record { .. }
        | Error::RowCount(_)
        | Error::RolledBack
        | Error::Broken => {}
    }
}

#[tokio::test]
async fn every_error_says_its_cause_and_holds_no_value() {
    use tokio_postgres::types::WrongType;
    const CAUSE: &str = "No such file or directory";
    let failed = async || tokio_postgres::connect("host=/nowhere user=me", tokio_postgres::NoTls).await.err().unwrap();
    let wrong = WrongType::new::<&str>(Type::INT8);
    let unavailable = keys::Error::Unavailable { what: "the key store".into(), reason: "the disk is full".into() };
    let too_long =
        value::Error::new(SqlState::STRING_DATA_RIGHT_TRUNCATION, "value too long for type character varying(3)");
    let error =
        fields(&[(b'S', "ERROR"), (b'C', "23505"), (b'M', "duplicate key"), (b'D', "Key (a)=(s3cret) exists.")]);
    for (error, says) in [
        (Error::refused(Refusal::new("the column is sealed"), ""), vec!["the column is sealed"]),
        (seal::Error::from(unavailable).into(), vec!["the key store", "the disk is full"]),
        (exec::Error::Literal { error: too_long.clone(), at: 0 }.into(), vec!["value too long", "varying(3)"]),
        (exec::Error::Value(too_long.clone()).into(), vec!["value too long"]),
        (seal::Error::Value { column: "card.pan".into(), error: too_long.clone() }.into(), vec!["value too long"]),
        (seal::Error::Tampered { column: "card.pan".into() }.into(), vec!["card.pan"]),
        (exec::Error::Protocol("a row of another shape").into(), vec!["a row of another shape"]),
        (error.into(), vec!["duplicate key"]),
        (Error::connecting(failed().await), vec!["no connection to the server", "error connecting", CAUSE]),
        (failed().await.into(), vec!["the connection to the server was lost", "error connecting", CAUSE]),
        (deadpool_postgres::PoolError::Backend(failed().await).into(), vec!["error connecting", CAUSE]),
        (PoolError::Hook("not today".into()).into(), vec!["hook", "not today"]),
        (PoolError::Exhausted.into(), vec!["exhausted"]),
        (Error::Parameters { expected: 2, given: 1 }, vec!["2 parameters", "1 were given"]),
        (
            Error::Parameter { index: 0, ty: Type::INT8, wrong: Some(wrong.into()) },
            vec!["parameter $1", "as int8", "Rust type `&str`", "Postgres type `int8`"],
        ),
        (Error::NoColumn { column: "pan".into() }, vec!["pan"]),
        (
            Error::Column { column: "pan".into(), ty: Type::TEXT, rust: "i64", problem: "other type" },
            vec!["pan", "text", "i64", "other type"],
        ),
        (Error::Record { rust: "Card", problem: "no field pan".into() }, vec!["Card", "no field pan"]),
        (Error::RowCount(RowCount::Several), vec!["more than one row"]),
        (Error::RolledBack, vec!["rolled back", "a statement in it had failed"]),
        (Error::Broken, vec!["cancelled midway"]),
    ] {
        is_listed(&error);
        for says in says {
            assert!(error.to_string().contains(says), "{error}: {says}");
            assert!(error.message().contains(says), "{}: {says}", error.message());
        }
        // Who prints one line has it all, and who prints every cause behind it has nothing twice.
        let line = with_causes(&error);
        assert_eq!(line, error.to_string());
        for says in [CAUSE, "error connecting", "cannot convert", "value too long", "the disk is full", "hook"] {
            assert!(line.matches(says).count() <= 1, "{line}");
        }
        assert!(!format!("{error} {error:?} {}", error.message()).contains("s3cret"), "{error:?}");
    }
    // PostgreSQL's words do not name the column.
    let error = Error::from(seal::Error::Value { column: "card.pan".into(), error: too_long });
    assert!(error.to_string().contains("card.pan") && !error.message().contains("card.pan"), "{error}");
}
