-- The table of clinic.toml. `pgseal schema apply` sealed it once, in an empty database, and wrote clinic.toml.lock.
CREATE TABLE patient (
    id        bigint PRIMARY KEY,
    ward      text NOT NULL,
    name      text NOT NULL,
    insurance text NOT NULL UNIQUE,
    born      date,
    findings  jsonb
);
