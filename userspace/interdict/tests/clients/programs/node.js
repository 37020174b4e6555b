// node-postgres: simple, parametrised and named statements, a cursor, a stream, a pool.
"use strict";
const { Client, Pool } = require("pg");
const Cursor = require("pg-cursor");
const QueryStream = require("pg-query-stream");

const port = Number(process.argv[2]);
const where = { host: "127.0.0.1", port, user: "postgres", database: "clinic" };
const masked = "select id, ssn, dob::text as dob, zip from patients order by id";

const steps = {
  node_simple: async (client) => (await client.query("select id, name, beds from clinics order by id")).rows,
  node_parameters: async (client) => (await client.query("select * from visits where id = $1", [2])).rows,
  node_masked: async (client) => (await client.query("select id, ssn, dob, zip from patients order by id")).rows,
  node_masked_date_as_text: async (client) => (await client.query(masked)).rows,
  node_named: async (client) => {
    const found = [];
    for (const id of [1, 2, 1]) {
      found.push((await client.query({ name: "one", text: "select name from patients where id = $1", values: [id] })).rows[0]);
    }
    return found;
  },
  node_fields: async (client) => (await client.query("select id, name, cost from visits v join patients p using (id) limit 0")).fields.map((field) => [field.name, field.dataTypeID, field.format]),
  node_transaction: async (client) => {
    await client.query("begin");
    await client.query("insert into clinics (name) values ($1)", ["node"]);
    await client.query("rollback");
    return (await client.query("select count(*)::int from clinics where name = 'node'")).rows;
  },
  node_cursor: async (client) => {
    const cursor = client.query(new Cursor("select id from visits where id <= 50 order by id"));
    const sizes = [];
    for (let rows = await cursor.read(20); rows.length; rows = await cursor.read(20)) sizes.push(rows.length);
    await cursor.close();
    return sizes;
  },
  node_stream: async (client) => {
    let sum = 0;
    for await (const row of client.query(new QueryStream("select id::int from visits where id <= 100", [], { batchSize: 30 }))) sum += row.id;
    return sum;
  },
  node_many_at_once: async (client) => Promise.all([1, 2, 3].map(async (id) => (await client.query("select name from patients where id = $1", [id])).rows[0].name)),
  node_error: async (client) => client.query("select nosuch from visits"),
  node_pool: async () => {
    const pool = new Pool({ ...where, max: 3 });
    const found = await Promise.all([...Array(20).keys()].map(async (at) => (await pool.query("select $1::int as at", [at])).rows[0].at));
    await pool.end();
    return found;
  },
};

(async () => {
  for (const [name, step] of Object.entries(steps)) {
    const client = new Client(where);
    let result;
    try {
      await client.connect();
      result = await step(client);
    } catch (error) {
      result = { failed: error.code ?? "Error", text: error.message };
    }
    await client.end().catch(() => {});
    console.log(JSON.stringify([name, result ?? null]));
  }
})();
