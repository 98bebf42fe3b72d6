// Copyright (c) 2026 the apiary.swarm authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Workers count about once a second: a speed over less than a few seconds would jump up and down.
const WINDOW = 6;
const SHORTEST = 3;

// From readings ({now, hashes}, or null where none could be had) the speed at each, or null where it is not known.
export function speeds(readings) {
  return readings.map((reading, index) => {
    if (!reading) return null;
    let first = index;
    while (readings[first - 1] && reading.now - readings[first].now < WINDOW) first -= 1;
    const seconds = reading.now - readings[first].now;
    const hashes = reading.hashes - readings[first].hashes;
    // Fewer hashes than before: redis began anew.
    return seconds >= SHORTEST && hashes >= 0 ? { now: reading.now, speed: hashes / seconds } : null;
  });
}

// Round numbers from zero to just above the highest value.
export function ticks(highest) {
  const rough = Math.max(highest, 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const count = Math.max(Math.ceil(highest / step), 1);
  return Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(6)));
}

// Unbroken stretches of what is known.
export function stretches(points) {
  const runs = [[]];
  for (const point of points) {
    if (point) runs.at(-1).push(point);
    else runs.push([]);
  }
  return runs.filter((run) => run.length);
}
