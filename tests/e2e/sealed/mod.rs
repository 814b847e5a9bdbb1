//! A sealed table: the application works as if nothing were there, the server holds ciphertext.

mod describes;
mod failures;
mod followed;
mod logged;
mod mistakes;
mod pending;
mod positions;
mod refuses;
mod settings;
mod violations;
mod watched;
mod works;

use crate::harness::World;

const TABLE: &str = "
    CREATE TABLE person (
        id bigint PRIMARY KEY,
        name text NOT NULL,
        email text UNIQUE,
        born date,
        balance numeric(12,2),
        picture bytea,
        team text NOT NULL DEFAULT 'red'
    );
    CREATE TABLE note (id int PRIMARY KEY, text text);";

const SCHEMA: &str = r#"
version = 1
[keyrings.test]
generator = "local:test"
[branch_keys.people]
keyring = "test"
[tables.person]
name = "public.person"
branch_key = "people"
unlisted_columns = "DO_NOTHING"
[tables.person.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
name = { action = "ENCRYPT_AND_SIGN", type = "text" }
email = { action = "ENCRYPT_AND_SIGN", type = "text" }
born = { action = "ENCRYPT_AND_SIGN", type = "date" }
balance = { action = "ENCRYPT_AND_SIGN", type = "numeric(12,2)" }
picture = { action = "ENCRYPT_AND_SIGN", type = "bytea" }
[tables.person.beacons]
standard = [{ name = "email", length = "exact" }]
"#;

/// A world with the tables above.
fn world(name: &str) -> World {
    World::sealed(name, TABLE, SCHEMA)
}
