"""psycopg 3 on the sample tables: prints what it sees, one JSON object a line. Where: the PG* variables."""

import datetime as dt
import json
import os
import uuid
from decimal import Decimal

import psycopg
from psycopg.types.json import Json, Jsonb

WORD, NUMBER, CONTROL = os.environ["WORD"], os.environ["NUMBER"], os.environ["CONTROL"]
LIMIT = Decimal(NUMBER + ".25")
CARD = "INSERT INTO payment_card (customer_id, pan, iban, holder, credit_limit) VALUES (%s, %s, %s, %s, %s)"


def show(value):
    """A value with its Python type: bytes in hexadecimal, arrays member by member."""
    if isinstance(value, (bytes, memoryview)):
        return "bytes:" + bytes(value).hex()
    return value if value is None or isinstance(value, (bool, int, str, list, dict)) else f"{type(value).__name__}:{value}"


def seen(cursor):
    """Everything that a cursor tells."""
    told = {"tag": cursor.statusmessage, "count": cursor.rowcount}
    if cursor.description:
        told["columns"] = [[c.name, c.type_code, c.precision, c.scale, c.display_size] for c in cursor.description]
        told["rows"] = [[show(value) for value in row] for row in cursor.fetchall()]
    return told


def step(name, action):
    """Runs it and prints what came of it."""
    try:
        told = action() or {}
    except psycopg.Error as error:
        told = {"error": error.sqlstate, "kind": type(error).__name__}
    print(json.dumps({"step": name, **told, "status": connection.info.transaction_status.name}))


def run(sql, params=None, **options):
    """One statement on a cursor of its own."""
    def action():
        binary = options.pop("binary", False)
        with connection.cursor(binary=binary) as cursor:
            return seen(cursor.execute(sql, params, **options))
    return action


def crud():
    step("create", run("INSERT INTO payment_card (customer_id, status, pan, iban, holder, credit_limit) "
                       "VALUES (%s, %s, %s, %s, %s, %s) RETURNING id, status",
                       (7, CONTROL, WORD + "-1", WORD + "-iban", "Zoë " + WORD, LIMIT)))
    step("create with defaults", run("INSERT INTO payment_card (customer_id, pan, holder) "
                                     "VALUES (%s, %s, %s) RETURNING *", (8, WORD + "-2", "李 " + WORD)))
    step("read all", run("SELECT * FROM payment_card ORDER BY id"))
    step("read all, binary", run("SELECT * FROM payment_card ORDER BY id", binary=True))
    step("search", run("SELECT id, pan, holder, credit_limit FROM payment_card WHERE pan = %s", (WORD + "-1",)))
    step("search, binary", run("SELECT id, iban FROM payment_card WHERE pan = %b", (WORD + "-1",), binary=True))
    step("search IN", run("SELECT id FROM payment_card WHERE pan IN (%s, %s) ORDER BY id", (WORD + "-2", "none")))
    step("search ANY", run("SELECT id FROM payment_card WHERE pan = ANY(%s) ORDER BY id",
                           ([WORD + "-1", WORD + "-2", None],)))
    step("search NULL", run("SELECT id FROM payment_card WHERE iban IS NULL"))
    step("search for NULL", run("SELECT id FROM payment_card WHERE iban = %s", (None,)))
    step("search for nothing", run("SELECT * FROM payment_card WHERE pan = %s AND customer_id = %s", ("none", 7)))
    step("count", run("SELECT count(*), count(iban) FROM payment_card WHERE customer_id > %s", (0,)))
    step("update", run("UPDATE payment_card SET holder = %s, credit_limit = %s WHERE pan = %s RETURNING *",
                       ("Änne " + WORD, Decimal("1.5"), WORD + "-1")))
    step("update a searched column", run("UPDATE payment_card SET iban = %s WHERE id = %s", (WORD + "-new", 2)))
    step("it is found", run("SELECT id FROM payment_card WHERE iban = %s", (WORD + "-new",)))
    step("update to NULL", run("UPDATE payment_card SET iban = NULL WHERE iban = %s", (WORD + "-new",)))
    step("delete", run("DELETE FROM payment_card WHERE pan = %s RETURNING id, pan", (WORD + "-2",)))
    step("what is left", run("SELECT * FROM payment_card"))


def payments():
    details = {"note": WORD, "n": [1, 2.50, None], "é": "ü"}
    step("payment", run("INSERT INTO payment (card_id, paid_at, amount, reference, details) VALUES (%s, %s, %s, %s, %s) "
                        "RETURNING *", (1, dt.datetime(2024, 2, 29, 23, 59, tzinfo=dt.timezone.utc), 12,
                                        WORD + "-r", Jsonb(details))))
    step("payment search", run("SELECT amount, details FROM payment WHERE reference = %s", (WORD + "-r",)))
    step("join", run("SELECT p.id, c.customer_id FROM payment p JOIN payment_card c ON c.id = p.card_id"))


def kinds():
    """Integers by size, and whatever else psycopg dumps with a type of its own."""
    row = dict(label="one", b=True, i2=-5, i4=70000, i8=int(NUMBER), n=Decimal("1E+3"), money=LIMIT, t=WORD, v="é" * 20,
               raw=WORD.encode() + b"\x00\xff\\", u=uuid.UUID(int=7), d=dt.date(1999, 1, 8),
               ts=dt.datetime(1999, 1, 8, 4, 5, 6, 789), tz=dt.datetime(1999, 1, 8, 4, 5, 6, tzinfo=dt.timezone.utc),
               j=Json({"b": 1, "a": WORD}), jb=Jsonb({"b": 1, "a": WORD}))
    names = list(row)
    for mark, name in (("%s", "a row of every type"), ("%b", "in binary"), ("%t", "in text")):
        insert = f"INSERT INTO kinds ({', '.join(names)}) VALUES ({', '.join([mark] * len(names))}) RETURNING id"
        step(name, run(insert, [name if key == "label" else value for key, value in row.items()]))
    step("a row of NULLs", run(f"INSERT INTO kinds ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})",
                               [None] * len(names)))
    step("small numbers", run("INSERT INTO kinds (i2, i4, i8, n, money) VALUES (%s, %s, %s, %s, %s)", (1, 1, 1, 1, 1)))
    step("infinities", run("INSERT INTO kinds (n, d, ts) VALUES (%s, 'infinity', '-infinity')", (Decimal("NaN"),)))
    # Python has no infinite dates.
    step("kinds", run("SELECT id, b, i2, i4, i8, n, money, t, v, raw, u, tz, j, jb FROM kinds ORDER BY id"))
    step("kinds, binary", run("SELECT id, b, i2, i4, i8, n, money, t, v, raw, u, d, ts, tz, j, jb FROM kinds "
                              "WHERE id < 6 ORDER BY id", binary=True))
    for name in ("i2", "i4", "i8", "n", "money", "t", "v", "raw", "u", "d", "ts", "tz"):
        step(f"kinds by {name}", run(f"SELECT id FROM kinds WHERE {name} = %s ORDER BY id", (row[name],)))
        step(f"kinds by {name}, binary", run(f"SELECT id FROM kinds WHERE {name} = %b ORDER BY id", (row[name],)))
    step("int2 of a wider column", run("SELECT id FROM kinds WHERE i8 = %s OR n = %s ORDER BY id", (1, 1)))
    step("int8 of a narrow column", run("SELECT id FROM kinds WHERE i2 = %s", (2 ** 40,)))
    step("wrong: out of range", run("INSERT INTO kinds (i2) VALUES (%s)", (70000,)))
    step("wrong: too long", run("INSERT INTO kinds (v) VALUES (%s)", ("x" * 21,)))
    step("wrong: no date", run("INSERT INTO kinds (d) VALUES (%s)", ("1999-02-30",)))
    step("rounded", run("INSERT INTO kinds (money) VALUES (%s) RETURNING money", (Decimal("2.345"),)))


def prepared():
    """The sixth execution is prepared at the server; DEALLOCATE follows when there are too many."""
    connection.prepare_threshold, connection.prepared_max = 3, 2
    for number in range(8):
        step("prepared insert", run(CARD, (number, f"{WORD}-p{number}", None if number % 2 else WORD, "h", number)))
    for number in range(8):
        step("prepared search", run("SELECT holder, iban FROM payment_card WHERE pan = %s", (f"{WORD}-p{number}",)))
        step("prepared search, binary", run("SELECT holder, iban, credit_limit FROM payment_card WHERE pan = %s",
                                            (f"{WORD}-p{number}",), binary=True))
        step("prepared update", run("UPDATE payment_card SET holder = %s WHERE pan = %s",
                                    (f"h{number}", f"{WORD}-p{number}"), prepare=True))
    step("prepared types change", run("SELECT id FROM payment_card WHERE credit_limit IS NOT NULL AND customer_id = %s "
                                      "ORDER BY id", (2 ** 33,), prepare=True))


def many():
    def insert_many():
        with connection.cursor() as cursor:
            cursor.executemany(CARD + " RETURNING pan", [(50, f"{WORD}-m{n}", None, "m", n) for n in range(20)],
                               returning=True)
            results = [seen(cursor)]
            while cursor.nextset():
                results.append(seen(cursor))
            return {"results": results}
    step("executemany", insert_many)

    def pipeline():
        with connection.pipeline(), connection.cursor() as one, connection.cursor() as two:
            one.execute("SELECT id, holder FROM payment_card WHERE pan = %s", (WORD + "-m3",))
            two.execute("UPDATE payment_card SET holder = %s WHERE pan = %s", ("piped", WORD + "-m4"))
            return {"results": [seen(one), seen(two)]}
    step("pipeline", pipeline)

    def broken_pipeline():
        with connection.pipeline(), connection.cursor() as cursor:
            cursor.execute("SELECT pan FROM payment_card WHERE pan LIKE %s", (WORD + "%",))
            cursor.execute("UPDATE payment_card SET holder = 'not reached' WHERE pan = %s", (WORD + "-m4",))
            return seen(cursor)
    step("like", broken_pipeline)
    step("many", run("SELECT pan FROM payment_card WHERE customer_id = 50 ORDER BY id"))


def server_cursor():
    def portions(name):
        def action():
            with connection.transaction(), connection.cursor(name=name) as cursor:
                cursor.execute("SELECT id, pan FROM payment_card WHERE customer_id = %s ORDER BY id", (50,))
                return {"rows": [cursor.fetchmany(7), cursor.fetchone(), cursor.fetchall()]}
        return action
    step("server-side cursor", portions("walker"))

    def streamed():
        with connection.cursor() as cursor:
            return {"rows": list(cursor.stream("SELECT id, pan FROM payment_card WHERE customer_id = 50 ORDER BY id"))}
    step("single-row mode", streamed)


def transactions():
    def rolled_back(statement, params):
        def action():
            with connection.transaction():
                run("UPDATE payment_card SET holder = 'gone' WHERE pan = %s", (WORD + "-1",))()
                run(statement, params)()
                raise psycopg.Rollback
        return action
    step("wrong: duplicate", run(CARD, (1, WORD + "-1", None, "h", 0)))
    step("wrong: NULL", run(CARD, (1, None, None, "h", 0)))
    step("wrong: no such column", run("SELECT pann FROM payment_card"))
    step("wrong: an error in a transaction", rolled_back(CARD, (1, WORD + "-1", None, "h", 0)))
    step("like", rolled_back("SELECT id FROM payment_card WHERE pan LIKE %s", (WORD + "%",)))
    step("arithmetic in an update", rolled_back("UPDATE payment_card SET credit_limit = credit_limit + %s", (10,)))
    step("nothing of it stayed", run("SELECT holder FROM payment_card WHERE pan = %s", (WORD + "-1",)))

    def savepoint():
        with connection.transaction():
            try:
                with connection.transaction():
                    run(CARD, (1, WORD + "-1", None, "h", 0))()
            except psycopg.errors.UniqueViolation as error:
                code = error.sqlstate
            run("UPDATE payment_card SET holder = 'kept' WHERE pan = %s", (WORD + "-1",))()
            return {"code": code}
    step("savepoint", savepoint)
    step("what followed it stayed", run("SELECT holder FROM payment_card WHERE pan = %s", (WORD + "-1",)))


def ledger():
    insert = "INSERT INTO ledger (account, owner, balance, note) VALUES (%s, %s, %s, %s) RETURNING *"
    step("signed insert", run(insert, ("acc-1", WORD, LIMIT, "n")))
    step("signed insert, again", run(insert, ("acc-2", WORD, 5, None), binary=True))
    step("signed update", run("UPDATE ledger SET balance = %s WHERE account = %s RETURNING *", (Decimal("9.99"), "acc-1")))
    step("signed update of a signed column", run("UPDATE ledger SET account = %s WHERE id = %s", ("acc-9", 2)))
    step("signed search", run("SELECT * FROM ledger WHERE owner = %s ORDER BY id", (WORD,)))
    step("signed delete", run("DELETE FROM ledger WHERE account = %s", ("acc-9",)))
    step("signed rest", run("SELECT id, balance FROM ledger", binary=True))


with psycopg.connect(autocommit=True) as connection:
    for part in (crud, payments, kinds, prepared, many, server_cursor, transactions, ledger):
        part()
