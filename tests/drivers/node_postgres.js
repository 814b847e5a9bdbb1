// node-postgres on the sample tables: prints what it sees, one JSON object a line. Where: the PG* variables.
//
// It sends every parameter as text without a type, a whole batch in one write, and reads text.
'use strict';

const { Client, Pool } = require('pg');

const { WORD, NUMBER, CONTROL } = process.env;
const LIMIT = `${NUMBER}.25`;
const CARD = 'INSERT INTO payment_card (customer_id, pan, iban, holder, credit_limit) VALUES ($1, $2, $3, $4, $5)';

// A value with its JavaScript type where JSON does not show it.
function show(value) {
  if (Buffer.isBuffer(value)) return `Buffer:${value.toString('hex')}`;
  if (value instanceof Date) return `Date:${value.toISOString()}`;
  return typeof value === 'number' && !Number.isFinite(value) ? `number:${value}` : value;
}

function seen(result) {
  if (Array.isArray(result)) return { results: result.map(seen) };
  return {
    tag: result.command,
    count: result.rowCount,
    columns: result.fields.map((f) => [f.name, f.dataTypeID, f.dataTypeSize, f.dataTypeModifier, f.format]),
    rows: result.rows.map((row) => Object.entries(row).map(([name, value]) => [name, show(value)])),
  };
}

let client;

// Runs it and prints what came of it. A failure that is not the server's is one of this script.
async function step(name, query, params) {
  let told;
  try {
    told = seen(typeof query === 'function' ? await query() : await client.query(query, params));
  } catch (error) {
    if (!error.code || !error.severity) throw error;
    told = { error: error.code };
  }
  console.log(JSON.stringify({ step: name, ...told }));
}

async function crud() {
  await step('create', 'INSERT INTO payment_card (customer_id, status, pan, iban, holder, credit_limit) ' +
    'VALUES ($1, $2, $3, $4, $5, $6) RETURNING id, status', [7, CONTROL, `${WORD}-1`, `${WORD}-iban`, `Zoë ${WORD}`, LIMIT]);
  await step('create with defaults', 'INSERT INTO payment_card (customer_id, pan, holder) VALUES ($1, $2, $3) RETURNING *',
    [8, `${WORD}-2`, `李 ${WORD}`]);
  await step('read all', 'SELECT * FROM payment_card ORDER BY id');
  await step('search', 'SELECT id, pan, holder, credit_limit FROM payment_card WHERE pan = $1', [`${WORD}-1`]);
  await step('search in a simple query', `SELECT id, iban FROM payment_card WHERE pan = '${WORD}-1'`);
  await step('search, binary', { text: 'SELECT id, pan FROM payment_card WHERE pan = $1', values: [`${WORD}-1`], binary: true });
  await step('search IN', 'SELECT id FROM payment_card WHERE pan IN ($1, $2) ORDER BY id', [`${WORD}-2`, 'none']);
  await step('search ANY', 'SELECT id FROM payment_card WHERE pan = ANY($1) ORDER BY id', [[`${WORD}-1`, `${WORD}-2`, null, 'a"b']]);
  await step('search ANY of nothing', 'SELECT id FROM payment_card WHERE pan = ANY($1)', [[]]);
  await step('search NULL', 'SELECT id FROM payment_card WHERE iban IS NULL');
  await step('search for NULL', 'SELECT id FROM payment_card WHERE iban = $1', [null]);
  await step('search a number', 'SELECT id FROM payment_card WHERE pan = $1', [4111111111111111]);
  await step('count', 'SELECT count(*), count(iban) FROM payment_card WHERE customer_id > $1', [0]);
  await step('update', 'UPDATE payment_card SET holder = $1, credit_limit = $2 WHERE pan = $3 RETURNING *',
    [`Änne ${WORD}`, 1.5, `${WORD}-1`]);
  await step('update a searched column', 'UPDATE payment_card SET iban = $1 WHERE id = $2', [`${WORD}-n`, 2]);
  await step('it is found', 'SELECT id FROM payment_card WHERE iban = $1', [`${WORD}-n`]);
  await step('update to NULL', 'UPDATE payment_card SET iban = $2 WHERE iban = $1', [`${WORD}-n`, null]);
  await step('delete', 'DELETE FROM payment_card WHERE pan = $1 RETURNING id, pan', [`${WORD}-2`]);
  await step('what is left', { text: 'SELECT id, pan, status FROM payment_card', rowMode: 'array' });
  await step('several statements', "INSERT INTO kinds (id, t) VALUES (1000, 'simple'); SELECT pan, holder FROM payment_card");
  await step('several steps beside another statement', "UPDATE payment_card SET holder = 'x' WHERE pan = 'none'; SELECT 1");
  await step('join', 'SELECT c.pan FROM payment p JOIN payment_card c ON c.id = p.card_id WHERE c.pan = $1', [`${WORD}-1`]);
}

async function kinds() {
  const row = {
    label: 'one', b: true, i2: -5, i4: 70000, i8: NUMBER, n: '1E+3', money: LIMIT, t: WORD, v: 'é'.repeat(20),
    raw: Buffer.concat([Buffer.from(WORD), Buffer.from([0, 255, 92])]), u: '00000000-0000-0000-0000-000000000007',
    d: '1999-01-08', ts: new Date(Date.UTC(1999, 0, 8, 4, 5, 6, 789)), tz: new Date(Date.UTC(1999, 0, 8, 4, 5, 6, 789)),
    j: { b: 1, a: WORD }, jb: JSON.stringify({ b: [1, 'é', null], a: WORD }),
  };
  const names = Object.keys(row);
  const insert = `INSERT INTO kinds (${names}) VALUES (${names.map((_, n) => `$${n + 1}`)}) RETURNING *`;
  await step('a row of every type', insert, Object.values(row));
  await step('a row of NULLs', insert, names.map(() => null));
  await step('small numbers', 'INSERT INTO kinds (i2, i4, i8, n, money, t) VALUES ($1, $2, $3, $4, $5, $6) RETURNING *',
    [1, 2, 3, 1e-7, 2.345, 7]);
  await step('infinities', 'INSERT INTO kinds (n, d, ts, tz) VALUES ($1, $2, $3, $4) RETURNING n, d, ts, tz',
    [NaN, 'infinity', '-infinity', Infinity]);
  for (const name of ['i2', 'i4', 'i8', 'n', 'money', 't', 'v', 'raw', 'u', 'd', 'ts', 'tz']) {
    await step(`kinds by ${name}`, `SELECT id, ${name} FROM kinds WHERE ${name} = $1`, [row[name]]);
  }
  await step('kinds by any', 'SELECT id FROM kinds WHERE i4 = ANY($1) OR u = ANY($2) ORDER BY id',
    [[70000, null], ['00000000-0000-0000-0000-000000000009']]);
  await step('wrong: out of range', 'INSERT INTO kinds (i2) VALUES ($1)', [70000]);
  await step('wrong: no number', 'INSERT INTO kinds (i4) VALUES ($1)', ['1.5']);
  await step('wrong: no JSON', 'INSERT INTO kinds (jb) VALUES ($1)', ['{']);
  await step('wrong: no date', 'SELECT id FROM kinds WHERE d = $1', ['1999-02-30']);
}

async function payments() {
  await step('payment', 'INSERT INTO payment (card_id, paid_at, amount, reference, details) VALUES ($1, $2, $3, $4, $5) RETURNING *',
    [1, new Date(0), 12, `${WORD}-r`, { note: WORD, é: [1, 2.5] }]);
  await step('payment search', 'SELECT amount, details FROM payment WHERE reference = $1', [`${WORD}-r`]);
}

async function prepared() {
  const insert = (n) => ({ name: 'insert', text: CARD, values: [n, `${WORD}-p${n}`, n % 2 ? null : WORD, 'h', n] });
  const search = (n) => ({ name: 'search', text: 'SELECT holder, iban FROM payment_card WHERE pan = $1', values: [`${WORD}-p${n}`] });
  const update = (n) => ({ name: 'update', text: 'UPDATE payment_card SET holder = $1 WHERE pan = $2 RETURNING id', values: [`h${n}`, `${WORD}-p${n}`] });
  for (let n = 0; n < 8; n++) {
    await step('prepared insert', insert(n));
    await step('prepared search', search(n));
    await step('prepared update', update(n));
  }
  await step('wrong: prepared duplicate', insert(3));
  await step('prepared after an error', search(3));
  await step('like', { name: 'like', text: 'SELECT id FROM payment_card WHERE pan LIKE $1', values: [`${WORD}%`] });
  await step('prepared after a refusal', search(3));
  await step('a row at a time', { text: 'SELECT pan FROM payment_card WHERE customer_id < $1 ORDER BY id', values: [8], rows: 3 });
}

async function queued() {
  // All of these are handed to the client at once; it sends each when the one before was answered.
  const pending = [];
  for (let n = 0; n < 30; n++) pending.push(client.query(CARD, [50, `${WORD}-m${n}`, null, 'm', n]));
  pending.push(client.query('SELECT id FROM payment_card WHERE pan LIKE $1', [`${WORD}%`]).catch((error) => error));
  pending.push(client.query('SELECT count(*) FROM payment_card WHERE customer_id = $1', [50]));
  const results = await Promise.all(pending);
  await step('queued', async () => [results[0], results.at(-1)]);
  await step('many rows', 'SELECT pan, holder, credit_limit FROM payment_card WHERE customer_id = 50 ORDER BY id');

  const pool = new Pool({ max: 4 });
  const found = await Promise.all(Array.from({ length: 12 }, (_, n) =>
    pool.query('SELECT pan, credit_limit FROM payment_card WHERE pan = $1', [`${WORD}-m${n}`])));
  await pool.end();
  await step('a pool', async () => found);
}

async function transactions() {
  const fail = 'UPDATE payment_card SET holder = $1 WHERE pan = $2';
  await step('wrong: duplicate', CARD, [1, `${WORD}-1`, null, 'h', 0]);
  await step('wrong: NULL', CARD, [1, null, null, 'h', 0]);
  await step('wrong: no such column', 'SELECT pann FROM payment_card');
  await step('wrong: too few parameters', CARD, [1, `${WORD}-f`]);
  await step('like', 'SELECT id FROM payment_card WHERE pan LIKE $1', [`${WORD}%`]);
  for (const [name, text, values] of [
    ['wrong: an error in a transaction', CARD, [1, `${WORD}-1`, null, 'h', 0]],
    ['like', 'SELECT id FROM payment_card WHERE pan LIKE $1', [`${WORD}%`]],
    ['arithmetic in an update', 'UPDATE payment_card SET credit_limit = credit_limit + $1', [10]],
  ]) {
    await step('begin', 'BEGIN');
    await step('an update in it', fail, ['gone', `${WORD}-1`]);
    await step(name, text, values);
    if (name.startsWith('wrong')) await step('wrong: the transaction is aborted', 'SELECT 1');
    await step('rollback', 'ROLLBACK');
  }
  await step('nothing of it stayed', 'SELECT holder FROM payment_card WHERE pan = $1', [`${WORD}-1`]);
  await step('begin', 'BEGIN');
  await step('savepoint', 'SAVEPOINT here');
  await step('wrong: duplicate in it', CARD, [1, `${WORD}-1`, null, 'h', 0]);
  await step('back', 'ROLLBACK TO here');
  await step('an update after it', fail, ['kept', `${WORD}-1`]);
  await step('commit', 'COMMIT');
  await step('it stayed', 'SELECT holder FROM payment_card WHERE pan = $1', [`${WORD}-1`]);
}

async function ledger() {
  const insert = 'INSERT INTO ledger (account, owner, balance, note) VALUES ($1, $2, $3, $4) RETURNING *';
  await step('signed insert', insert, ['acc-1', WORD, LIMIT, 'n']);
  await step('signed insert, again', insert, ['acc-2', WORD, 5, null]);
  for (let n = 0; n < 7; n++) {
    await step('signed update', { name: 'sign', text: 'UPDATE ledger SET balance = $1 WHERE account = $2 RETURNING *', values: [n / 4, 'acc-1'] });
  }
  await step('signed update of a signed column', 'UPDATE ledger SET account = $1 WHERE id = $2', ['acc-9', 2]);
  await step('signed search', 'SELECT * FROM ledger WHERE owner = $1 ORDER BY id', [WORD]);
  await step('signed delete', 'DELETE FROM ledger WHERE account = $1', ['acc-9']);
  await step('signed rest', 'SELECT id, balance FROM ledger');
}

async function main() {
  client = new Client();
  await client.connect();
  for (const part of [crud, payments, kinds, prepared, queued, transactions, ledger]) await part();
  await client.end();
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
