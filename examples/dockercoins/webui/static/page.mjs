// Copyright (c) 2026 the apiary.swarm authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

import { speeds, stretches, ticks } from "./speed.mjs";

const SPAN = 120;
const PERIOD = 1000;
const MARGIN = { top: 24, right: 12, bottom: 26, left: 40 };

const graph = document.getElementById("graph");
const readings = [];
let newest = null;
let newestAt = 0;
let pointer = null;

const show = (id, text) => { document.getElementById(id).textContent = text; };
const rounded = (speed) => speed.toFixed(speed < 100 ? 1 : 0);
const ago = (seconds) => (seconds === 0 ? "now" : `−${seconds} s`);

// The clock of the last reading, running on while nothing can be read.
const present = () => newest.now + (performance.now() - newestAt) / 1000;

async function read() {
  const answer = await fetch("/json", { cache: "no-store", signal: AbortSignal.timeout(5000) }).catch(() => null);
  if (!answer) throw new Error("Could not reach this page's server. Is the webui service running?");
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok || !("hashes" in body)) {
    throw new Error(body.error || `Could not read the counters: the server answered ${answer.status}.`);
  }
  return body;
}

function draw() {
  const { clientWidth: width, clientHeight: height } = graph;
  const right = width - MARGIN.right;
  const bottom = height - MARGIN.bottom;
  const known = newest ? speeds(readings) : [];
  const points = known.filter(Boolean).filter((point) => point.now >= present() - SPAN);
  const levels = ticks(Math.max(0, ...points.map((point) => point.speed)) * 1.05 || 10);
  const top = levels.at(-1);
  const x = (now) => right - ((present() - now) / SPAN) * (right - MARGIN.left);
  const y = (speed) => bottom - (speed / top) * (bottom - MARGIN.top);
  const at = (point) => `${x(point.now).toFixed(1)},${y(point.speed).toFixed(1)}`;

  const parts = levels.map((level) => `<line class="grid" x1="${MARGIN.left}" x2="${right}" y1="${y(level)}" y2="${y(level)}"/>
    <text x="${MARGIN.left - 8}" y="${y(level) + 4}" text-anchor="end">${level}</text>`);
  for (const seconds of width < 480 ? [120, 60, 0] : [120, 90, 60, 30, 0]) {
    const anchor = { 0: "end", 120: "start" }[seconds] ?? "middle";
    const left = right - (seconds / SPAN) * (right - MARGIN.left);
    parts.push(`<text x="${left}" y="${height - 6}" text-anchor="${anchor}">${ago(seconds)}</text>`);
  }
  for (const run of stretches(known.map((point) => (points.includes(point) ? point : null)))) {
    const path = run.map(at).join(" L");
    parts.push(`<path class="area" d="M${x(run[0].now).toFixed(1)},${bottom} L${path} L${x(run.at(-1).now).toFixed(1)},${bottom}Z"/>`);
    parts.push(`<path class="speed" d="M${path}"/>`);
  }
  const last = known.at(-1);
  if (last) parts.push(`<circle class="dot" r="5" cx="${x(last.now)}" cy="${y(last.speed)}"/>`);
  if (!points.length) {
    const note = newest ? "Measuring: the line begins after a few seconds." : "No readings yet.";
    parts.push(`<text class="note" x="${(MARGIN.left + right) / 2}" y="${(MARGIN.top + bottom) / 2}" text-anchor="middle">${note}</text>`);
  }
  if (pointer !== null && points.length) {
    const near = points.reduce((a, b) => (Math.abs(x(b.now) - pointer) < Math.abs(x(a.now) - pointer) ? b : a));
    const anchor = x(near.now) > width / 2 ? "end" : "start";
    parts.push(`<line class="cursor" x1="${x(near.now)}" x2="${x(near.now)}" y1="${MARGIN.top}" y2="${bottom}"/>
      <circle class="dot" r="5" cx="${x(near.now)}" cy="${y(near.speed)}"/>
      <text class="tip" x="${x(near.now)}" y="14" text-anchor="${anchor}">${rounded(near.speed)} hashes/s, ${ago(Math.round(present() - near.now))}</text>`);
  }
  graph.innerHTML = parts.join("");
  show("speed", last ? rounded(last.speed) : "–");
}

async function update() {
  try {
    newest = await read();
    newestAt = performance.now();
    readings.push(newest);
    show("coins", newest.coins.toLocaleString("en"));
    show("hashes", newest.hashes.toLocaleString("en"));
    show("status", `Read from redis at ${new Date(newest.now * 1000).toLocaleTimeString()}.`);
    document.body.classList.remove("failing");
  } catch (error) {
    readings.push(null);
    const since = newest ? ` The last reading is ${Math.round(present() - newest.now)} s old.` : "";
    show("status", error.message + since);
    document.body.classList.add("failing");
  }
  readings.splice(0, readings.length - SPAN - 10);
  draw();
  setTimeout(update, PERIOD);
}

graph.addEventListener("pointermove", (event) => { pointer = event.offsetX; draw(); });
graph.addEventListener("pointerleave", () => { pointer = null; draw(); });
new ResizeObserver(draw).observe(graph);
update();
