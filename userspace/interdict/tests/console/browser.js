// Drives Chromium over its debugging pipe: a script of steps on standard input, what happened on standard output.
// Steps: {go}, {wait: selector}, {key}, {type}, {click}, {size: [w, h]}, {scheme}, {shot: file}, {eval}, {sleep: ms}
const { spawn } = require("node:child_process");
const { mkdtempSync, rmSync, writeFileSync, readFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");

const [program] = process.argv.slice(2);
const steps = JSON.parse(readFileSync(0, "utf8"));
const profile = mkdtempSync(join(tmpdir(), "interdict-browser-"));
const browser = spawn(program, [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--ignore-certificate-errors", "--font-render-hinting=none", `--user-data-dir=${profile}`, "about:blank",
], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });

const problems = [];
const waiting = new Map();
const listeners = [];
let last = 0, session, buffer = "";
browser.stdio[4].on("data", (data) => {
  buffer += data.toString("utf8");
  for (let end; (end = buffer.indexOf("\0")) >= 0; buffer = buffer.slice(end + 1)) {
    const message = JSON.parse(buffer.slice(0, end));
    if (message.id) {
      const { done, failed } = waiting.get(message.id);
      waiting.delete(message.id);
      message.error ? failed(new Error(JSON.stringify(message.error))) : done(message.result);
    } else {
      for (const listener of [...listeners]) listener(message);
    }
  }
});
const send = (method, params = {}) => new Promise((done, failed) => {
  waiting.set(++last, { done, failed });
  browser.stdio[3].write(JSON.stringify({ id: last, method, params, sessionId: session }) + "\0");
});
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const evaluate = async (expression) => {
  const { result, exceptionDetails } = await send("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true });
  if (exceptionDetails) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
  return result.value;
};
const until = async (expression, what) => {
  for (const end = Date.now() + 10_000; Date.now() < end; await sleep(50)) {
    try { if (await evaluate(`!!(${expression})`)) return; } catch { /* the page changes */ }
  }
  throw new Error(`waited in vain: ${what}; at ${await evaluate("location.href + document.body.innerText.slice(0, 600)")}`);
};
const KEYS = { Enter: 13, Escape: 27, ArrowRight: 39, ArrowLeft: 37, Tab: 9, " ": 32 };
const key = async (name) => {
  const text = name.length === 1 ? name : name === "Enter" ? "\r" : undefined;
  const event = { key: name, code: name, text, windowsVirtualKeyCode: KEYS[name] ?? name.toUpperCase().charCodeAt(0) };
  await send("Input.dispatchKeyEvent", { type: "keyDown", ...event });
  await send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
  await sleep(60);
};

(async () => {
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  session = (await send("Target.attachToTarget", { targetId, flatten: true })).sessionId;
  listeners.push(({ method, params }) => {
    if (method === "Runtime.exceptionThrown") problems.push(`exception: ${params.exceptionDetails.text} ${params.exceptionDetails.exception?.description ?? ""}`);
    if (method === "Runtime.consoleAPICalled" && ["error", "warning"].includes(params.type)) problems.push(`console: ${JSON.stringify(params.args)}`);
    if (method === "Log.entryAdded" && ["error", "warning"].includes(params.entry.level)) problems.push(`log: ${params.entry.text} ${params.entry.url ?? ""}`);
  });
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await send(`${domain}.enable`);
  const answers = [];
  for (const step of steps) {
    if (step.go) {
      const loaded = new Promise((done) => listeners.push(({ method }) => method === "Page.loadEventFired" && done()));
      await send("Page.navigate", { url: step.go });
      await Promise.race([loaded, sleep(8000)]);
    }
    if (step.wait) await until(`!!document.querySelector(${JSON.stringify(step.wait)})`, step.wait);
    if (step.key) await key(step.key);
    if (step.type) await send("Input.insertText", { text: step.type });
    if (step.click) {
      await until(`!!document.querySelector(${JSON.stringify(step.click)})`, step.click);
      await evaluate(`document.querySelector(${JSON.stringify(step.click)}).click()`);
    }
    if (step.until) await until(step.until, step.until);
    if (step.size) await send("Emulation.setDeviceMetricsOverride", { width: step.size[0], height: step.size[1], deviceScaleFactor: 1, mobile: step.size[0] < 600 });
    if (step.scheme) await send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: step.scheme }] });
    if (step.sleep) await sleep(step.sleep);
    if (step.shot) {
      const { data } = await send("Page.captureScreenshot", { format: "png", captureBeyondViewport: step.whole === true });
      writeFileSync(step.shot, Buffer.from(data, "base64"));
    }
    if (step.eval) answers.push(await evaluate(step.eval));
  }
  return { answers, problems };
})().then((outcome) => console.log(JSON.stringify(outcome)), (error) => console.log(JSON.stringify({ error: String(error), problems })))
  .finally(() => { browser.kill(); browser.on("exit", () => { rmSync(profile, { recursive: true, force: true, maxRetries: 5 }); process.exit(0); }); });
