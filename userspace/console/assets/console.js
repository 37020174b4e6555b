// What pages do besides being read. Every page works without it but for the replay's player and what is live.
"use strict";

const THEME = "interdict-theme";
// Before the page is drawn: the script is in its head.
try {
  const kept = localStorage.getItem(THEME);
  if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
} catch { /* storage may be forbidden */ }

function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem(THEME, root.dataset.theme); } catch { /* as above */ }
}

const $ = (id) => document.getElementById(id);

// Times are UTC; the title tells the reader's own.
function localTimes(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.valueOf())) time.title = `${time.dateTime} (UTC)\n${at.toLocaleString()} here`;
  }
}

// A part of the page, as the server makes it.
async function fetchPart(address, target) {
  const answer = await fetch(address, { headers: { "x-background": "1" }, credentials: "same-origin" });
  if (!answer.ok) return null;
  const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
  const at = [...rows()].indexOf(current());
  target.replaceChildren(...parsed.body.childNodes);
  localTimes(target);
  if (at >= 0 && !current()) focusRow(rows()[Math.min(at, rows().length - 1)]);
  return target;
}

// --- rows -----------------------------------------------------------------------------------------------------------

const rows = () => [...document.querySelectorAll("main a.main, main summary.main")].filter((one) => one.offsetParent !== null);
const current = () => document.activeElement && document.activeElement.classList.contains("main") ? document.activeElement : null;

function focusRow(row) {
  if (!row) return;
  row.focus();
  row.scrollIntoView({ block: "nearest" });
}

function move(by) {
  const all = rows();
  const at = all.indexOf(current());
  focusRow(at < 0 ? all[by > 0 ? 0 : all.length - 1] : all[Math.min(Math.max(at + by, 0), all.length - 1)]);
}

function moveDenied(by) {
  if (player) return player.denied(by);
  const denied = [...document.querySelectorAll("[data-denied]")];
  const here = denied.indexOf(document.activeElement?.closest("[data-denied]"));
  const next = denied[here < 0 ? (by > 0 ? 0 : denied.length - 1) : here + by];
  if (next) focusRow(next.querySelector(".main"));
}

// --- keys -----------------------------------------------------------------------------------------------------------

let going = 0;

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const target = event.target;
  const typing = target.matches("input, textarea, select, [contenteditable]");
  if (event.key === "Escape" && typing) { target.blur(); return; }
  if (typing || document.querySelector("dialog[open]")) return;
  if (going && Date.now() - going < 1500) {
    going = 0;
    const link = document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`);
    if (link) { event.preventDefault(); location.assign(link.href); }
    return;
  }
  const onButton = target.matches("button, summary, a");
  switch (event.key) {
    case "g": going = Date.now(); break;
    case "?": $("keys")?.showModal(); break;
    case "j": move(1); break;
    case "k": move(-1); break;
    case "n": moveDenied(1); break;
    case "p": moveDenied(-1); break;
    case "d": toggleTheme(); break;
    case "/": {
      const search = document.querySelector("main input[type=search]");
      if (!search) return;
      search.focus();
      search.select();
      break;
    }
    case " ": if (!player || onButton) return; player.toggle(); break;
    case "ArrowRight": if (!player) return; player.step(1); break;
    case "ArrowLeft": if (!player) return; player.step(-1); break;
    default: return;
  }
  event.preventDefault();
}

// --- replay ---------------------------------------------------------------------------------------------------------

let player = null;

function replay() {
  const list = $("steps");
  if (!list) return;
  const steps = [...list.children];
  let at = steps.length - 1, timer = 0, playing = false;
  const show = (to, scroll = true) => {
    at = Math.min(Math.max(to, 0), steps.length - 1);
    steps.forEach((step, index) => {
      step.classList.toggle("later", index > at);
      step.classList.toggle("now", index === at);
    });
    $("place").textContent = `${at + 1} of ${steps.length}`;
    if (scroll) steps[at].scrollIntoView({ block: "center" });
  };
  const stop = () => {
    clearTimeout(timer);
    playing = false;
    $("play").textContent = "Play";
    $("play").setAttribute("aria-pressed", "false");
  };
  const next = () => {
    if (at >= steps.length - 1) return stop();
    const speed = Number($("speed").value);
    const between = Number(steps[at + 1].dataset.after) - Number(steps[at].dataset.after);
    // Nobody waits for a night: the longest pause is five seconds.
    const wait = speed === 0 ? 60 : Math.min(Math.max(between, 0) / speed, 5000);
    timer = setTimeout(() => { show(at + 1); next(); }, wait);
  };
  const toggle = () => {
    if (playing) return stop();
    list.classList.add("playing");
    show(at >= steps.length - 1 ? 0 : at);
    playing = true;
    $("play").textContent = "Pause";
    $("play").setAttribute("aria-pressed", "true");
    next();
  };
  const step = (by) => { stop(); list.classList.add("playing"); show(at + by); };
  const find = (by, matches) => {
    for (let to = at + by; to >= 0 && to < steps.length; to += by) {
      if (matches(steps[to])) { stop(); show(to); return true; }
    }
    return false;
  };
  const denied = (by) => {
    const is = (one) => "denied" in one.dataset;
    if (!list.classList.contains("playing")) { list.classList.add("playing"); show(0, false); if (by > 0 && is(steps[0])) return; }
    find(by, is);
  };
  $("play").addEventListener("click", toggle);
  $("back").addEventListener("click", () => step(-1));
  $("forth").addEventListener("click", () => step(1));
  $("denied").addEventListener("click", () => denied(1));
  $("find").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const wanted = event.target.value.toLowerCase();
    if (!wanted) return;
    const has = (one) => one.textContent.toLowerCase().includes(wanted);
    if (!find(1, has)) { at = -1; if (!find(1, has)) { show(0); $("place").textContent = "not found"; } }
  });
  player = { toggle, step, denied };
  $("place").textContent = `${steps.length} steps`;
}

// --- what is live ---------------------------------------------------------------------------------------------------

function live() {
  if (!$("live")) return;
  let before = null;
  const events = new EventSource("/events");
  events.addEventListener("state", async (event) => {
    const { waiting, sequence } = JSON.parse(event.data);
    const count = $("waiting");
    count.hidden = waiting === 0;
    count.textContent = String(waiting);
    count.setAttribute("aria-label", `${waiting} waiting`);
    const tile = $("tile-waiting");
    if (tile) tile.textContent = String(waiting);
    if (before && before.waiting !== waiting) {
      $("live").textContent = waiting === 1 ? "One statement waits for approval" : `${waiting} statements wait for approval`;
    }
    const list = $("waiting-list");
    // What is left of their time goes on as well.
    if (list && (before === null || before.sequence !== sequence || waiting > 0) && before !== null) {
      await fetchPart("/approvals/waiting", list);
    }
    before = { waiting, sequence };
  });
  events.addEventListener("over", () => {
    events.close();
    $("live").classList.remove("hidden");
    $("live").classList.add("told", "bad");
    $("live").textContent = "You are logged out: open a page to log in again.";
  });
  addEventListener("pagehide", () => events.close());
}

async function verification() {
  const target = $("verification");
  if (!target) return;
  while (target.querySelector("[data-running]")) {
    await new Promise((done) => setTimeout(done, 1000));
    if (!await fetchPart("/record/state", target)) return;
  }
}

document.addEventListener("DOMContentLoaded", () => {
  localTimes(document);
  $("theme")?.addEventListener("click", toggleTheme);
  $("help")?.addEventListener("click", () => $("keys").showModal());
  $("menu")?.addEventListener("click", () => {
    const shown = $("nav").classList.toggle("shown");
    $("menu").setAttribute("aria-expanded", String(shown));
  });
  document.addEventListener("keydown", key);
  for (const button of document.querySelectorAll("button[data-confirm]")) {
    button.addEventListener("click", (event) => { if (!confirm(button.dataset.confirm)) event.preventDefault(); });
  }
  replay();
  live();
  verification();
});
