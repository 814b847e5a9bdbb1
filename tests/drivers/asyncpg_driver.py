"""asyncpg on the sample tables: prints what it sees, one JSON object a line. Where: the PG* variables.

asyncpg prepares everything, asks once for the types of parameters and columns, and speaks binary only.
"""

import asyncio
import datetime as dt
import json
import os
import uuid
from decimal import Decimal

import asyncpg

WORD, NUMBER, CONTROL = os.environ["WORD"], os.environ["NUMBER"], os.environ["CONTROL"]
LIMIT = Decimal(NUMBER + ".25")
CARD = "INSERT INTO payment_card (customer_id, pan, iban, holder, credit_limit) VALUES ($1, $2, $3, $4, $5)"


def show(value):
    """A value with its Python type: bytes in hexadecimal."""
    if isinstance(value, bytes):
        return "bytes:" + value.hex()
    return value if value is None or isinstance(value, (bool, int, str)) else f"{type(value).__name__}:{value}"


def rows(records):
    return [[[name, show(value)] for name, value in record.items()] for record in records]


async def step(connection, name, action):
    """Awaits it and prints what came of it."""
    try:
        told = await action
        told = told if isinstance(told, dict) else {"told": told}
    except asyncpg.PostgresError as error:
        told = {"error": error.sqlstate, "kind": type(error).__name__}
    except asyncpg.DataError as error:
        told = {"error": "client", "kind": str(error)}
    print(json.dumps({"step": name, **told, "in_transaction": connection.is_in_transaction()}))


async def run(connection, sql, *args):
    """One statement as asyncpg's users write it, with what its description said."""
    statement = await connection.prepare(sql)
    result = await statement.fetch(*args)
    return {
        "parameters": [[kind.oid, kind.name] for kind in statement.get_parameters()],
        "columns": [[column.name, column.type.oid, column.type.name] for column in statement.get_attributes()],
        "tag": statement.get_statusmsg(),
        "rows": rows(result),
    }


async def crud(c):
    await step(c, "create", run(
        c, "INSERT INTO payment_card (customer_id, status, pan, iban, holder, credit_limit) "
           "VALUES ($1, $2, $3, $4, $5, $6) RETURNING id, status",
        7, CONTROL, WORD + "-1", WORD + "-iban", "Zoë " + WORD, LIMIT))
    await step(c, "create with defaults", run(
        c, "INSERT INTO payment_card (customer_id, pan, holder) VALUES ($1, $2, $3) RETURNING *",
        8, WORD + "-2", "李 " + WORD))
    await step(c, "read all", run(c, "SELECT * FROM payment_card ORDER BY id"))
    await step(c, "search", run(c, "SELECT id, pan, holder, credit_limit FROM payment_card WHERE pan = $1", WORD + "-1"))
    await step(c, "search IN", run(c, "SELECT id FROM payment_card WHERE pan IN ($1, $2) ORDER BY id", WORD + "-2", "x"))
    await step(c, "search ANY", run(c, "SELECT id FROM payment_card WHERE pan = ANY($1) ORDER BY id",
                                    [WORD + "-1", WORD + "-2", None]))
    await step(c, "search ANY of nothing", run(c, "SELECT id FROM payment_card WHERE pan = ANY($1)", []))
    await step(c, "search ANY of NULL", run(c, "SELECT id FROM payment_card WHERE pan = ANY($1)", None))
    await step(c, "search NULL", run(c, "SELECT id FROM payment_card WHERE iban IS NULL"))
    await step(c, "search for NULL", run(c, "SELECT id FROM payment_card WHERE iban = $1", None))
    await step(c, "search cast", run(c, "SELECT id FROM payment_card WHERE pan = $1::text", WORD + "-1"))
    await step(c, "count", run(c, "SELECT count(*), count(iban) FROM payment_card WHERE customer_id > $1", 0))
    await step(c, "update", run(
        c, "UPDATE payment_card SET holder = $1, credit_limit = $2 WHERE pan = $3 RETURNING *",
        "Änne " + WORD, Decimal("1.5"), WORD + "-1"))
    await step(c, "update a searched column", run(c, "UPDATE payment_card SET iban = $1 WHERE id = $2", WORD + "-n", 2))
    await step(c, "it is found", run(c, "SELECT id FROM payment_card WHERE iban = $1", WORD + "-n"))
    await step(c, "update to NULL", run(c, "UPDATE payment_card SET iban = $2 WHERE iban = $1", WORD + "-n", None))
    await step(c, "delete", run(c, "DELETE FROM payment_card WHERE pan = $1 RETURNING id, pan", WORD + "-2"))
    await step(c, "what is left", run(c, "SELECT pan, credit_limit FROM payment_card"))
    await step(c, "one value", c.fetchval("SELECT holder FROM payment_card WHERE pan = $1", WORD + "-1"))
    await step(c, "no parameters: a simple query", c.execute(
        f"INSERT INTO kinds (id, t) VALUES (1000, 'simple'); SELECT pan FROM payment_card WHERE pan = '{WORD}-1'"))
    await step(c, "several steps beside another statement", c.execute(
        "UPDATE payment_card SET holder = 'simple' WHERE pan = 'none'; SELECT pan FROM payment_card"))


async def payments(c):
    details = json.dumps({"note": WORD, "n": [1, 2.50, None], "é": "ü"})
    await step(c, "payment", run(
        c, "INSERT INTO payment (card_id, paid_at, amount, reference, details) VALUES ($1, $2, $3, $4, $5) RETURNING *",
        1, dt.datetime(2024, 2, 29, 23, 59, tzinfo=dt.timezone.utc), 12, WORD + "-r", details))
    await step(c, "payment search", run(c, "SELECT amount, details FROM payment WHERE reference = $1", WORD + "-r"))
    await step(c, "join", run(c, "SELECT p.id, c.pan FROM payment p JOIN payment_card c ON c.id = p.card_id"))


async def kinds(c):
    row = dict(label="one", b=True, i2=-5, i4=70000, i8=int(NUMBER), n=Decimal("1E+3"), money=LIMIT, t=WORD, v="é" * 20,
               raw=WORD.encode() + b"\x00\xff\\", u=uuid.UUID(int=7), d=dt.date(1999, 1, 8),
               ts=dt.datetime(1999, 1, 8, 4, 5, 6, 789), tz=dt.datetime(1999, 1, 8, 4, 5, 6, tzinfo=dt.timezone.utc),
               j=json.dumps({"b": 1, "a": WORD}), jb=json.dumps({"b": 1, "a": WORD}))
    insert = (f"INSERT INTO kinds ({', '.join(row)}) VALUES ({', '.join(f'${n + 1}' for n in range(len(row)))}) "
              "RETURNING *")
    await step(c, "a row of every type", run(c, insert, *row.values()))
    await step(c, "a row of NULLs", run(c, insert, *[None] * len(row)))
    await step(c, "infinities", run(c, "INSERT INTO kinds (n, d, ts, tz) VALUES ($1, $2, $3, $4) RETURNING n, d, ts, tz",
                                    Decimal("NaN"), dt.date.max, dt.datetime.min,
                                    dt.datetime.max.replace(tzinfo=dt.timezone.utc)))
    for name in ("i2", "i4", "i8", "n", "money", "t", "v", "raw", "u", "d", "ts", "tz"):
        await step(c, f"kinds by {name}", run(c, f"SELECT {name} FROM kinds WHERE {name} = $1", row[name]))
        await step(c, f"kinds by any {name}", run(c, f"SELECT id FROM kinds WHERE {name} = ANY($1) ORDER BY id",
                                                  [None, row[name]]))
    await step(c, "wrong: out of range", run(c, "INSERT INTO kinds (i2) VALUES (70000)"))
    await step(c, "wrong: too long", run(c, "INSERT INTO kinds (v) VALUES ($1)", "x" * 21))
    await step(c, "rounded", run(c, "INSERT INTO kinds (money) VALUES ($1) RETURNING money", Decimal("2.345")))
    await step(c, "two parameters of other types", run(
        c, "SELECT id FROM kinds WHERE i8 = $1::int4 OR money = $2::int8 ORDER BY id", 5, 12))


async def prepared(c):
    """One statement, one description, many runs; two of them interleaved."""
    insert = await c.prepare(CARD + " RETURNING id")
    search = await c.prepare("SELECT holder, iban FROM payment_card WHERE pan = $1")
    for number in range(8):
        pan = f"{WORD}-p{number}"
        await step(c, "prepared insert", insert.fetchval(number, pan, None if number % 2 else WORD, "h", number))
        await step(c, "prepared search", wrapped(search.fetch(pan)))
    await step(c, "prepared, a row at most", wrapped(search.fetch(WORD + "-p1")))
    await step(c, "wrong: prepared duplicate", insert.fetchval(1, WORD + "-p1", None, "h", 0))
    await step(c, "prepared after an error", wrapped(search.fetch(WORD + "-p1")))
    for number in range(7):
        await step(c, "cached", run(c, "SELECT credit_limit FROM payment_card WHERE pan = $1", f"{WORD}-p{number}"))
    await c.reload_schema_state()
    await step(c, "after a reload", wrapped(c.fetch("SELECT pan, iban FROM payment_card WHERE pan = $1", WORD + "-p2")))


async def wrapped(result):
    return {"rows": rows(await result)}


async def many(c):
    await step(c, "executemany", c.executemany(CARD, [(50, f"{WORD}-m{n}", None, "m", n) for n in range(300)]))
    await step(c, "wrong: executemany", c.executemany(CARD, [(51, f"{WORD}-{n % 5}x", None, "m", n) for n in range(9)]))
    await step(c, "nothing of it stayed", run(c, "SELECT count(*) FROM payment_card WHERE customer_id = $1", 51))
    await step(c, "fetchmany", fetch_many(c))
    await step(c, "many", run(c, "SELECT pan FROM payment_card WHERE customer_id = 50 ORDER BY id"))
    await step(c, "portions of a portal", portions(c))
    await step(c, "move", move(c))


async def fetch_many(c):
    return {"rows": rows(await c.fetchmany(
        "UPDATE payment_card SET holder = $1 WHERE pan = $2 RETURNING id, holder",
        [(f"h{n}", f"{WORD}-m{n}") for n in range(5)]))}


async def portions(c):
    """A portal that is suspended and goes on, and another one between."""
    async with c.transaction():
        one = await c.cursor("SELECT id, pan FROM payment_card WHERE customer_id = $1 ORDER BY id", 50)
        two = await c.cursor("SELECT iban FROM payment_card WHERE customer_id = $1 ORDER BY id", 50)
        seen = [rows(await one.fetch(3)), rows(await two.fetch(2)), rows([await one.fetchrow()])]
        seen += [rows(await one.fetch(100)), rows(await two.fetch(10)), rows(await one.fetch(5))]
        async for record in c.cursor("SELECT id, pan FROM payment_card WHERE customer_id < $1 ORDER BY id", 3, prefetch=2):
            seen.append(rows([record]))
        return {"rows": seen}


async def move(c):
    """MOVE names in SQL what a message opened."""
    async with c.transaction():
        cursor = await c.cursor("SELECT id, pan FROM payment_card ORDER BY id")
        return {"moved": await cursor.forward(2)}


async def transactions(c):
    async def rolled_back(sql, *args):
        transaction = c.transaction()
        await transaction.start()
        try:
            await c.execute("UPDATE payment_card SET holder = $1 WHERE pan = $2", "gone", WORD + "-1")
            return {"tag": await c.execute(sql, *args)}
        finally:
            await transaction.rollback()

    async def savepoint():
        async with c.transaction():
            try:
                async with c.transaction():
                    await c.execute(CARD, 1, WORD + "-1", None, "h", 0)
            except asyncpg.UniqueViolationError as error:
                code = error.sqlstate
            return {"code": code, "then": await c.execute("UPDATE payment_card SET holder = 'kept' WHERE pan = $1", WORD + "-1")}

    await step(c, "wrong: duplicate", run(c, CARD, 1, WORD + "-1", None, "h", 0))
    await step(c, "wrong: NULL", run(c, CARD, 1, None, None, "h", 0))
    await step(c, "wrong: no such column", run(c, "SELECT pann FROM payment_card"))
    await step(c, "like", run(c, "SELECT id FROM payment_card WHERE pan LIKE $1", WORD + "%"))
    await step(c, "wrong: an error in a transaction", rolled_back(CARD, 1, WORD + "-1", None, "h", 0))
    await step(c, "like", rolled_back("SELECT id FROM payment_card WHERE pan LIKE $1", WORD + "%"))
    await step(c, "arithmetic in an update", rolled_back("UPDATE payment_card SET credit_limit = credit_limit + $1", 10))
    await step(c, "nothing of it stayed", run(c, "SELECT holder FROM payment_card WHERE pan = $1", WORD + "-1"))
    await step(c, "savepoint", savepoint())
    await step(c, "what followed it stayed", run(c, "SELECT holder FROM payment_card WHERE pan = $1", WORD + "-1"))
    async with c.transaction(isolation="repeatable_read", readonly=True):
        await step(c, "read only", run(c, "SELECT holder FROM payment_card WHERE pan = $1", WORD + "-1"))
        await step(c, "wrong: read only", c.execute(CARD, 1, WORD + "-ro", None, "h", 0))


async def ledger(c):
    insert = "INSERT INTO ledger (account, owner, balance, note) VALUES ($1, $2, $3, $4) RETURNING *"
    await step(c, "signed insert", run(c, insert, "acc-1", WORD, LIMIT, "n"))
    await step(c, "signed insert, again", run(c, insert, "acc-2", WORD, 5, None))
    update = await c.prepare("UPDATE ledger SET balance = $1 WHERE account = $2 RETURNING *")
    for number in range(7):
        await step(c, "signed update", wrapped(update.fetch(Decimal(number) / 4, "acc-1")))
    await step(c, "signed update, many", c.executemany("UPDATE ledger SET owner = $1 WHERE id = $2", [(WORD, 1), ("x", 2)]))
    await step(c, "signed search", run(c, "SELECT * FROM ledger WHERE owner = $1", WORD))
    await step(c, "signed delete", run(c, "DELETE FROM ledger WHERE account = $1", "acc-2"))
    await step(c, "signed rest", run(c, "SELECT id, balance FROM ledger"))


async def copy(c):
    """CopyData is sent before the server has said CopyInResponse."""
    await step(c, "copy", c.copy_records_to_table(
        "payment_card", columns=["customer_id", "pan", "holder"], records=[(60, WORD + "-c1", "h"), (60, WORD + "-c2", "h")]))
    await step(c, "after the copy", run(c, "SELECT id, holder FROM payment_card WHERE pan = $1", WORD + "-1"))


async def main():
    connection = await asyncpg.connect()
    for part in (crud, payments, kinds, prepared, many, transactions, ledger, copy):
        await part(connection)
    await connection.close()


asyncio.run(main())
