//! diesel: libpq, statements prepared and kept, binary both ways, every name in quotes.

use bigdecimal::BigDecimal;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use pgseal_orms::{Secrets, Stage};
use serde_json::{Value, json};

diesel::table! {
    payment_card (id) {
        id -> BigInt,
        customer_id -> BigInt,
        status -> Text,
        pan -> Text,
        iban -> Nullable<Text>,
        #[max_length = 120]
        holder -> Varchar,
        credit_limit -> Numeric,
    }
}

diesel::table! {
    payment (id) {
        id -> BigInt,
        card_id -> BigInt,
        amount -> Numeric,
        reference -> Nullable<Text>,
        details -> Nullable<Jsonb>,
    }
}

diesel::joinable!(payment -> payment_card (card_id));
diesel::allow_tables_to_appear_in_same_query!(payment, payment_card);

#[derive(Debug, PartialEq, Queryable, Selectable, AsChangeset)]
#[diesel(table_name = payment_card)]
struct Card {
    id: i64,
    customer_id: i64,
    status: String,
    pan: String,
    iban: Option<String>,
    holder: String,
    credit_limit: BigDecimal,
}

#[derive(Insertable)]
#[diesel(table_name = payment_card)]
struct NewCard<'a> {
    customer_id: i64,
    pan: &'a str,
    iban: Option<&'a str>,
    holder: &'a str,
    credit_limit: BigDecimal,
}

#[derive(Insertable)]
#[diesel(table_name = payment)]
struct NewPayment<'a> {
    card_id: i64,
    amount: BigDecimal,
    reference: &'a str,
    details: Value,
}

#[test]
fn diesel_reads_writes_searches_and_rolls_back() {
    let stage = Stage::new("diesel");
    let (plain, sealed) = (Secrets::new(7_310_264_811), Secrets::new(7_310_264_812));
    work(&stage.plain(), &plain);
    work(&stage.sealed(), &sealed);
    stage.assert_sealed(&plain.all(), &sealed.all());
}

fn find(connection: &mut PgConnection, pan: &str) -> Option<Card> {
    let found = payment_card::table.filter(payment_card::pan.eq(pan)).select(Card::as_select());
    found.first(connection).optional().unwrap()
}

fn decimal(text: &str) -> BigDecimal {
    text.parse().unwrap()
}

fn work(url: &str, secrets: &Secrets) {
    let connection = &mut PgConnection::establish(url).unwrap();
    let [pan, new_pan] = &secrets.pan;

    // Create: diesel asks for every column back.
    let new = NewCard {
        customer_id: 21,
        pan,
        iban: Some(&secrets.iban),
        holder: &secrets.holder,
        credit_limit: decimal("1234.50"),
    };
    let insert = diesel::insert_into(payment_card::table).values(&new);
    let card: Card = insert.returning(Card::as_returning()).get_result(connection).unwrap();
    assert_eq!((card.status.as_str(), &card.pan, &card.credit_limit), ("active", pan, &decimal("1234.50")));

    // Read, by a sealed column.
    assert_eq!(find(connection, pan).as_ref(), Some(&card));
    assert_eq!(find(connection, "4111000000000000"), None);
    let some =
        payment_card::table.filter(payment_card::pan.eq_any([pan.as_str(), "nobody's"])).select(payment_card::id);
    assert_eq!(some.load::<i64>(connection).unwrap(), [card.id]);

    // Update: two columns of a signed row, then all of them.
    let update = diesel::update(payment_card::table.find(card.id));
    let set = (payment_card::pan.eq(new_pan), payment_card::credit_limit.eq(decimal("10")));
    assert_eq!(update.set(set).execute(connection), Ok(1));
    assert_eq!(find(connection, pan), None);
    let mut changed = find(connection, new_pan).unwrap();
    assert_eq!(changed.credit_limit, decimal("10"));
    changed.iban = None;
    changed.status = "blocked".into();
    let update = diesel::update(payment_card::table.find(card.id)).set(&changed);
    assert_eq!(update.execute(connection), Ok(1));
    let back = find(connection, new_pan).unwrap();
    // diesel leaves out what is None.
    assert_eq!((back.iban.as_ref(), back.status.as_str()), (Some(&secrets.iban), "blocked"));

    // The database's own rules.
    let again = NewCard { pan: new_pan, ..new };
    let error = diesel::insert_into(payment_card::table).values(&again).execute(connection).unwrap_err();
    let Error::DatabaseError(DatabaseErrorKind::UniqueViolation, info) = error else { panic!("{error}") };
    assert_eq!(info.constraint_name(), Some("payment_card_pan_key"));

    // A transaction that is rolled back, and one that is committed.
    let details = json!({ "items": [1, 2], "gift": false });
    let pay = |connection: &mut PgConnection| {
        let (amount, details) = (decimal("99.95"), details.clone());
        let payment = NewPayment { card_id: card.id, amount, reference: &secrets.reference, details };
        diesel::insert_into(payment::table).values(&payment).execute(connection).map(drop)
    };
    let paid =
        payment::table.filter(payment::reference.eq(&secrets.reference)).select((payment::amount, payment::details));
    let rolled_back = connection.transaction(|connection| {
        pay(connection)?;
        assert_eq!(paid.load::<(BigDecimal, Option<Value>)>(connection)?.len(), 1);
        Err::<(), Error>(Error::RollbackTransaction)
    });
    assert_eq!(rolled_back, Err(Error::RollbackTransaction));
    assert_eq!(paid.load::<(BigDecimal, Option<Value>)>(connection), Ok(vec![]));
    connection.transaction(pay).unwrap();
    assert_eq!(paid.load(connection), Ok(vec![(decimal("99.95"), Some(details.clone()))]));

    // A savepoint inside a transaction.
    let survived = connection.transaction(|outer| {
        let inner = outer.transaction(|inner| {
            diesel::delete(payment::table.filter(payment::reference.eq(&secrets.reference))).execute(inner)?;
            Err::<(), Error>(Error::RollbackTransaction)
        });
        assert_eq!(inner, Err(Error::RollbackTransaction));
        payment::table.count().get_result::<i64>(outer)
    });
    assert_eq!(survived, Ok(1));

    // Delete.
    let second = NewCard { customer_id: 22, pan, iban: None, holder: &secrets.holder, credit_limit: decimal("0") };
    diesel::insert_into(payment_card::table).values(&second).execute(connection).unwrap();
    assert_eq!(diesel::delete(payment_card::table.filter(payment_card::pan.eq(pan))).execute(connection), Ok(1));
    assert_eq!(find(connection, pan), None);
}

#[test]
fn what_is_refused_to_diesel_has_another_spelling() {
    let stage = Stage::new("diesel_refused");
    respelled(&stage.sealed(), &Secrets::new(7_310_264_813));
}

/// What the hint of a statement says that is refused.
fn hint<T: std::fmt::Debug>(told: QueryResult<T>) -> String {
    match told.unwrap_err() {
        Error::DatabaseError(DatabaseErrorKind::Unknown, info) => info.hint().unwrap().to_owned(),
        other => panic!("{other}"),
    }
}

fn respelled(url: &str, secrets: &Secrets) {
    let connection = &mut PgConnection::establish(url).unwrap();
    let [pan, _] = &secrets.pan;
    let new = NewCard { customer_id: 1, pan, iban: None, holder: &secrets.holder, credit_limit: decimal("1") };
    let insert = || diesel::insert_into(payment_card::table).values(&new);
    assert_eq!(insert().execute(connection), Ok(1));

    // An upsert is an insert that may do nothing, and an update.
    let upsert = insert().on_conflict(payment_card::pan).do_update().set(payment_card::holder.eq("Bob"));
    assert!(hint(upsert.execute(connection)).contains("ON CONFLICT DO NOTHING is answered"));
    assert_eq!(insert().on_conflict(payment_card::pan).do_nothing().execute(connection), Ok(0));
    let of_pan = payment_card::table.filter(payment_card::pan.eq(pan));
    assert_eq!(diesel::update(of_pan).set(payment_card::holder.eq("Bob")).execute(connection), Ok(1));

    // Whether there is one, and what belongs to it, by a join or by two statements as `belonging_to` writes them.
    let exists = diesel::select(diesel::dsl::exists(of_pan)).get_result::<bool>(connection);
    assert_eq!(exists, Ok(true));
    let id = of_pan.select(payment_card::id).first::<i64>(connection).unwrap();
    let paid = (payment::card_id.eq(id), payment::amount.eq(decimal("4.20")), payment::reference.eq("r"));
    assert_eq!(diesel::insert_into(payment::table).values(paid).execute(connection), Ok(1));
    let joined = payment::table.inner_join(payment_card::table).select((payment::amount, payment_card::holder));
    assert_eq!(joined.load::<(BigDecimal, String)>(connection), Ok(vec![(decimal("4.20"), "Bob".to_owned())]));
    let joined = payment_card::table.left_join(payment::table).select((payment_card::pan, payment::amount.nullable()));
    let expected = vec![(pan.clone(), Some(decimal("4.20")))];
    assert_eq!(joined.filter(payment_card::pan.eq(pan)).load::<(String, Option<BigDecimal>)>(connection), Ok(expected));
    let payments = payment::table.filter(payment::card_id.eq_any([id])).select(payment::amount);
    assert_eq!(payments.load::<BigDecimal>(connection), Ok(vec![decimal("4.20")]));
}
