//! sea-orm: sqlx below, every name in quotes and with its table, every write with RETURNING.

use pgseal_orms::{Secrets, Stage, block_on};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, Database, DatabaseConnection, IntoActiveModel, LoaderTrait, QuerySelect, SqlErr, TransactionTrait,
};
use serde_json::json;

mod card {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "payment_card")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub customer_id: i64,
        pub status: String,
        #[sea_orm(unique)]
        pub pan: String,
        pub iban: Option<String>,
        #[sea_orm(column_type = "String(StringLen::N(120))")]
        pub holder: String,
        #[sea_orm(column_type = "Decimal(Some((12, 2)))")]
        pub credit_limit: Decimal,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(has_many = "super::payment::Entity")]
        Payment,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod payment {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "payment")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub card_id: i64,
        #[sea_orm(column_type = "Decimal(Some((12, 2)))")]
        pub amount: Decimal,
        pub reference: Option<String>,
        #[sea_orm(column_type = "JsonBinary")]
        pub details: Option<Json>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(belongs_to = "super::card::Entity", from = "Column::CardId", to = "super::card::Column::Id")]
        Card,
    }

    impl Related<super::card::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Card.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

#[test]
fn sea_orm_reads_writes_searches_and_rolls_back() {
    let stage = Stage::new("sea_orm");
    let (plain, sealed) = (Secrets::new(7_310_264_821), Secrets::new(7_310_264_822));
    block_on(work(&stage.plain(), &plain));
    block_on(work(&stage.sealed(), &sealed));
    stage.assert_sealed(&plain.all(), &sealed.all());
}

async fn find(db: &DatabaseConnection, pan: &str) -> Option<card::Model> {
    card::Entity::find().filter(card::Column::Pan.eq(pan)).one(db).await.unwrap()
}

async fn work(url: &str, secrets: &Secrets) {
    let db = Database::connect(url).await.unwrap();
    let [pan, new_pan] = &secrets.pan;

    // Create.
    let limit: Decimal = "1234.50".parse().unwrap();
    let new = card::ActiveModel {
        customer_id: Set(21),
        pan: Set(pan.clone()),
        iban: Set(Some(secrets.iban.clone())),
        holder: Set(secrets.holder.clone()),
        credit_limit: Set(limit),
        ..Default::default()
    };
    let card = new.clone().insert(&db).await.unwrap();
    assert_eq!((card.status.as_str(), &card.pan, card.credit_limit), ("active", pan, limit));

    // Read, by a sealed column.
    assert_eq!(find(&db, pan).await.as_ref(), Some(&card));
    assert_eq!(find(&db, "4111000000000000").await, None);
    let some = card::Entity::find().filter(card::Column::Pan.is_in([pan.as_str(), "nobody's"]));
    assert_eq!(some.all(&db).await.unwrap().as_slice(), std::slice::from_ref(&card));
    assert_eq!(card::Entity::find_by_id(card.id).one(&db).await.unwrap(), Some(card.clone()));

    // Update: two columns of a signed row.
    let mut change = card.clone().into_active_model();
    change.pan = Set(new_pan.clone());
    change.credit_limit = Set(Decimal::TEN);
    let changed = change.update(&db).await.unwrap();
    assert_eq!((&changed.pan, changed.credit_limit, &changed.iban), (new_pan, Decimal::TEN, &card.iban));
    assert_eq!(find(&db, pan).await, None);
    assert_eq!(find(&db, new_pan).await, Some(changed));

    // The database's own rules.
    let again = card::ActiveModel { pan: Set(new_pan.clone()), ..new.clone() };
    let error = again.insert(&db).await.unwrap_err();
    assert!(matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))), "{error}");

    // A transaction that is rolled back, one that is dropped, one that is committed.
    let details = json!({ "items": [1, 2], "gift": false });
    let payment = payment::ActiveModel {
        card_id: Set(card.id),
        amount: Set("99.95".parse().unwrap()),
        reference: Set(Some(secrets.reference.clone())),
        details: Set(Some(details.clone())),
        ..Default::default()
    };
    let paid = payment::Entity::find().filter(payment::Column::Reference.eq(&secrets.reference));
    for commit in [Some(false), None, Some(true)] {
        let transaction = db.begin().await.unwrap();
        payment.clone().insert(&transaction).await.unwrap();
        assert_eq!(paid.clone().all(&transaction).await.unwrap().len(), 1);
        match commit {
            Some(true) => transaction.commit().await.unwrap(),
            Some(false) => transaction.rollback().await.unwrap(),
            None => drop(transaction),
        }
        assert_eq!(paid.clone().all(&db).await.unwrap().len(), usize::from(commit == Some(true)));
    }
    let stored = paid.one(&db).await.unwrap().unwrap();
    assert_eq!((stored.amount.to_string(), stored.details), ("99.95".to_owned(), Some(details)));

    // Delete.
    let second = card::ActiveModel { customer_id: Set(22), pan: Set(pan.clone()), ..new };
    let second = second.insert(&db).await.unwrap();
    let deleted = card::Entity::delete_many().filter(card::Column::Pan.eq(&second.pan)).exec(&db).await.unwrap();
    assert_eq!(deleted.rows_affected, 1);
    assert_eq!(find(&db, pan).await, None);
    db.close().await.unwrap();
}

#[test]
fn what_is_refused_to_sea_orm_has_another_spelling() {
    let stage = Stage::new("sea_orm_refused");
    block_on(respelled(&stage.sealed(), &Secrets::new(7_310_264_823)));
}

/// Whether it is a refusal of the proxy's.
fn refused<T>(told: Result<T, DbErr>) -> bool {
    told.err().is_some_and(|error| error.to_string().contains("cannot be answered"))
}

async fn respelled(url: &str, secrets: &Secrets) {
    let db = Database::connect(url).await.unwrap();
    let new = card::ActiveModel {
        customer_id: Set(21),
        pan: Set(secrets.pan[0].clone()),
        holder: Set(secrets.holder.clone()),
        credit_limit: Set(Decimal::TEN),
        ..Default::default()
    };
    let card = new.clone().insert(&db).await.unwrap();
    let amount = Set(Decimal::ONE);
    let payment = payment::ActiveModel { card_id: Set(card.id), amount, ..Default::default() };
    payment.insert(&db).await.unwrap();

    // `count` counts the rows of a subquery; an aggregate of the table itself is the shorter way.
    let of_pan = card::Entity::find().filter(card::Column::Pan.eq(&secrets.pan[0]));
    assert_eq!(of_pan.clone().count(&db).await.unwrap(), 1);
    let count = of_pan.select_only().column_as(card::Column::Id.count(), "count");
    assert_eq!(count.into_tuple::<i64>().one(&db).await.unwrap(), Some(1));

    // Relations by join; the loaders ask for one table at a time.
    let payments = payment::Entity::find().all(&db).await.unwrap();
    let related = payment::Entity::find().find_also_related(card::Entity).all(&db).await.unwrap();
    assert_eq!(related, [(payments[0].clone(), Some(card.clone()))]);
    assert_eq!(payments[0].find_related(card::Entity).one(&db).await.unwrap(), Some(card.clone()));
    assert_eq!(payments.load_one(card::Entity, &db).await.unwrap(), [Some(card.clone())]);

    // An upsert is an insert that may do nothing, and an update.
    let on_pan = || OnConflict::column(card::Column::Pan);
    let upsert = card::Entity::insert(new.clone()).on_conflict(on_pan().update_column(card::Column::Holder).to_owned());
    assert!(refused(upsert.exec(&db).await));
    let insert = card::Entity::insert(new).on_conflict(on_pan().do_nothing().to_owned());
    insert.exec_without_returning(&db).await.unwrap();
    let change = card::ActiveModel { holder: Set("Bob".into()), ..Default::default() };
    let update = card::Entity::update_many().set(change).filter(card::Column::Pan.eq(&secrets.pan[0]));
    assert_eq!(update.exec(&db).await.unwrap().rows_affected, 1);
    db.close().await.unwrap();
}
