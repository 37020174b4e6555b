"use strict";
const steps = [...document.querySelectorAll("section")];
const button = (id) => document.getElementById(id);
let at = -1, timer = null;
const show = (next) => {
  at = Math.max(-1, Math.min(next, steps.length - 1));
  steps.forEach((step, index) => {
    step.classList.toggle("now", index === at);
    step.classList.toggle("later", timer !== null && index > at);
  });
  if (at >= 0) steps[at].scrollIntoView({ block: "center" });
  button("place").textContent = `${at + 1} of ${steps.length}`;
};
const stop = () => { clearTimeout(timer); timer = null; button("play").textContent = "Play"; show(at); };
const go = () => {
  show(at + 1);
  if (at >= steps.length - 1) return stop();
  const wait = (Number(steps[at + 1].dataset.at) - Number(steps[at].dataset.at)) / 1000 / Number(button("speed").value);
  timer = setTimeout(go, Math.min(Math.max(wait, 50), 2000));
};
const play = () => { if (timer !== null) return stop(); if (at >= steps.length - 1) at = -1; timer = 0; button("play").textContent = "Pause"; go(); };
const search = (test) => {
  for (let n = 1; n <= steps.length; n++) {
    const index = (at + n) % steps.length;
    if (test(steps[index])) return show(index);
  }
};
const refused = () => search((step) => step.classList.contains("refused"));
const find = () => { const text = button("find").value.toLowerCase(); if (text) search((step) => step.textContent.toLowerCase().includes(text)); };
button("play").onclick = play;
button("back").onclick = () => show(at - 1);
button("next").onclick = () => show(at + 1);
button("denied").onclick = refused;
button("find").onkeydown = (event) => { if (event.key === "Enter") find(); event.stopPropagation(); };
document.onkeydown = (event) => {
  const keys = { " ": play, j: () => show(at + 1), k: () => show(at - 1), d: refused, "/": () => button("find").focus() };
  if (keys[event.key] && !event.ctrlKey && !event.metaKey) { event.preventDefault(); keys[event.key](); }
};
show(-1);
