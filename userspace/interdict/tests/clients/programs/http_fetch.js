// Node's fetch and its client of HTTP/2. Arguments: the port of HTTP/1.1, the port of HTTP/2 in clear.
"use strict";

const http2 = require("node:http2");

const [one, two] = process.argv.slice(2);
const files = ["patients.json", "patients.ndjson", "patients.csv", "notes.txt", "plain.json", "pixels.bin"];

async function fetched(path, options) {
  const answer = await fetch(`http://127.0.0.1:${one}/${path}`, options);
  const body = Buffer.from(await answer.arrayBuffer());
  return [answer.status, answer.headers.get("content-type"), body.toString("latin1")];
}

function asked(session, path, method = "GET") {
  return new Promise((resolve, reject) => {
    const request = session.request({ ":path": `/${path}`, ":method": method });
    let status;
    const pieces = [];
    request.on("response", (headers) => { status = headers[":status"]; });
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => resolve([status, Buffer.concat(pieces).toString("latin1")]));
    request.on("error", reject);
    request.end();
  });
}

async function with_session(work) {
  const session = http2.connect(`http://127.0.0.1:${two}`);
  try {
    return await work(session);
  } finally {
    session.close();
  }
}

const steps = {
  fetch_files: async () => {
    const all = [];
    for (const name of files) all.push(await fetched(name));
    return all;
  },
  fetch_gzip: () => fetched("gzip/patients.json"),
  fetch_at_once: () => Promise.all(files.map((name) => fetched(name))),
  fetch_refused: async () => {
    const answer = await fetch(`http://127.0.0.1:${one}/plain.json`, { method: "DELETE" });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  },
  http2_files: () => with_session((session) => Promise.all(files.map((name) => asked(session, name)))),
  http2_refused: () => with_session(async (session) => {
    const [status, body] = await asked(session, "plain.json", "DELETE");
    if (status >= 300) throw new Error(`${status} ${body}`);
  }),
};

(async () => {
  for (const [name, work] of Object.entries(steps)) {
    let result;
    try {
      result = (await work()) ?? null;
    } catch (error) {
      result = { failed: error.constructor.name, text: String(error.message) };
    }
    console.log(JSON.stringify([name, result]));
  }
})();
