// Node's mysql2: texts, prepared statements (`execute`), streams, several results, a pool, the session's commands.
"use strict";
const mysql = require("mysql2");
const promises = require("mysql2/promise");

const where = {
  host: "127.0.0.1",
  port: Number(process.argv[2]),
  user: "agent",
  password: "secret of the agent",
  database: "clinic",
  dateStrings: true,
};
const masked = "select id, name, ssn, mrn, email, phone, dob, notes from patients order by id";
const types =
  "select cast(1.5 as decimal(5, 2)), date '2026-01-02', timestamp '2026-01-02 03:04:05.678', time '-12:34:56', hex(x'00ff'), " +
  "1e10, -9223372036854775808, 18446744073709551615, null, 'ü€😀', true, json_object('a', 1)";
const big = { supportBigNumbers: true, bigNumberStrings: true };

const steps = {
  text: async (client) => (await client.query(masked))[0],
  prepared: async (client) => (await client.execute(masked))[0],
  columns: async (client) => {
    const of = async (ask) => (await ask)[1].map((column) => [column.name, column.columnType, column.table, column.schema]);
    return [await of(client.query(masked)), await of(client.execute(masked))];
  },
  parameters: async (client) => {
    const found = [];
    for (const id of [1, 2, 3, 1]) found.push((await client.execute("select name, ssn from patients where id = ?", [id]))[0]);
    return found;
  },
  parameters_in_text: async (client) => (await client.query("select ?? from patients where id in (?)", [["name", "ssn"], [1, 2]]))[0],
  kept_statement: async (client) => {
    const statement = await client.prepare("select ssn, dob from patients where id = ?");
    const found = [];
    for (const id of [2, 1]) found.push((await statement.execute([id]))[0]);
    await statement.close();
    return found;
  },
  forgotten_statements: async () => {
    const client = await promises.createConnection({ ...where, maxPreparedStatements: 2 });
    const found = [];
    for (const at of [1, 2, 3, 4, 1]) found.push((await client.execute(`select ${at}, ssn from patients where id = ?`, [1]))[0]);
    await client.end();
    return found;
  },
  types: async () => {
    const client = await promises.createConnection({ ...where, ...big });
    const found = [(await client.query({ sql: types, rowsAsArray: true }))[0], (await client.execute({ sql: types, rowsAsArray: true }))[0]];
    await client.end();
    return found;
  },
  given_types: async (client) =>
    (await client.execute("select ?, ?, ?, ?, hex(?)", [1.5, "ü€😀", null, new Date(Date.UTC(2026, 0, 2)), Buffer.from([0, 255])]))[0],
  large_values: async (client) => {
    const [rows] = await client.execute("select length(?) as length, repeat('y', 2000000) as big", ["x".repeat(3000000)]);
    return [rows[0].length, rows[0].big.length, (await client.query("select 'on'"))[0]];
  },
  stream: async () => {
    const client = mysql.createConnection(where);
    let sum = 0;
    for await (const row of client.query("select id from visits where id <= 500").stream()) sum += row.id;
    client.end();
    return sum;
  },
  prepared_stream: async () => {
    const client = mysql.createConnection(where);
    const found = [];
    for await (const row of client.execute("select name, ssn from patients where id > ? order by id", [0]).stream()) found.push(row);
    client.end();
    return found;
  },
  several_statements: async () => {
    const client = await promises.createConnection({ ...where, multipleStatements: true });
    const [results] = await client.query("select 1; select ssn from patients where id = 1; select 'last'");
    await client.end();
    return results;
  },
  transaction: async (client) => {
    await client.beginTransaction();
    await client.execute("insert into visits (id, patient, specimen) values (?, ?, ?)", [9000, 1, "node"]);
    const [inside] = await client.query("select count(*) as count from visits where id = 9000");
    await client.rollback();
    return [inside, (await client.query("select count(*) as count from visits where id = 9000"))[0]];
  },
  many_at_once: async (client) =>
    Promise.all([1, 2, 3].map(async (id) => (await client.execute("select ssn from patients where id = ?", [id]))[0])),
  duplicate_key: async (client) => {
    const error = await client.execute("insert into visits (id) values (?)", [1]).catch((error) => error);
    return [error.code, error.sqlState, error.message, (await client.query("select 'on'"))[0]];
  },
  another_user: async (client) => {
    await client.changeUser({ user: "other", password: "other", database: "clinic" });
    return (await client.query("select current_user(), ssn from patients where id = 2"))[0];
  },
  pinged: async (client) => {
    await client.ping();
    return (await client.query("select ssn from patients where id = 2"))[0];
  },
  pool: async () => {
    const pool = promises.createPool({ ...where, connectionLimit: 3 });
    const found = await Promise.all(
      [...Array(20).keys()].map(async (at) => (await pool.execute("select ? as at, ssn from patients where id = 1", [at]))[0]),
    );
    await pool.end();
    return found;
  },
  compressed: async () => {
    const client = await promises.createConnection({ ...where, compress: true });
    const found = [(await client.query("select repeat('x', 100000) as x, ssn from patients where id = 1"))[0], (await client.execute(masked))[0]];
    await client.end();
    return found;
  },
  untraceable: async (client) => (await client.query("select name from patients order by ssn"))[0],
  prepared_untraceable: async (client) => (await client.execute("select name from patients where id > ? order by ssn", [0]))[0],
  // Past the daemon they are rolled back.
  destructive: async (client) => {
    await client.beginTransaction();
    return (await client.query("delete from visits where true"))[0];
  },
  prepared_destructive: async (client) => {
    await client.beginTransaction();
    return (await client.execute("delete from visits where true"))[0];
  },
  too_many_rows: async (client) => (await client.query("select * from visits"))[0],
  prepared_too_many_rows: async (client) => (await client.execute("select * from visits"))[0],
};

(async () => {
  for (const [name, step] of Object.entries(steps)) {
    let client;
    let result;
    try {
      client = await promises.createConnection(where);
      result = await step(client);
    } catch (error) {
      result = { failed: error.code ?? "Error", text: error.message };
    }
    await client?.end().catch(() => {});
    console.log(JSON.stringify([name, result ?? null]));
  }
})();
