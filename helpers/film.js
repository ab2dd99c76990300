// A film of a training: the codes of some digits from moment to moment, and what a point decoded to *then*.
//
// No page could carry the decoder of each moment. It carries what they make of a grid of points, as shares of a few
// pictures, and mixes those of the nearest four points.

import { buildCross, buildMapPicture, decodeBackdrop, mapScale } from "./map.js";
import { inflate, unpackHalves } from "./network.js";
import { PIXELS, box, button, clamp, digitCanvas, paintDigit, spoken } from "./page.js";

const SECONDS_PER_MOMENT = 0.4;
const SPEEDS = [1, 2, 0.5];
const BACKDROP_SIDE = 12; // digits
const DOT = 4; // CSS pixels

const mix = (a, b, share) => a + share * (b - a);

/** Frames from their changes; each part has its own moments. */
function summed(counts, frame, moments) {
  const part = frame * moments;
  for (let start = 0; start < counts.length; start += part) {
    for (let i = start + frame; i < start + part; i++) counts[i] += counts[i - frame];
  }
  return counts;
}

/** What Python packed, as arrays. Counts come as their changes from moment to moment, modulo 256. */
export async function unpackFilm({ codes, sizes, labels, mean, basis, counts, ...rest }) {
  const halves = async (packed) => unpackHalves(await inflate(packed));
  const film = { ...rest, labels: new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength) };
  film.codes = await halves(codes);
  film.sizes = sizes && (await halves(sizes));
  film.mean = await halves(mean);
  film.basis = await halves(basis);
  film.counts = summed(new Int8Array((await inflate(counts)).buffer), film.grid ** 2, film.epochs.length);
  return film;
}

/** A function from a point and a moment, whole or not, to 784 pixels, which it overwrites next time. */
export function buildProjector({ counts, mean, basis, grid, edges, epochs }) {
  const parts = basis.length / PIXELS;
  const pixels = new Float32Array(PIXELS);
  const frame = grid ** 2;
  function cornersAround(point) {
    const [x, y] = point.map((value, axis) => {
      const [low, high] = edges[axis];
      return clamp((value - low) / (high - low), [0, 1]) * (grid - 1);
    });
    const [column, row] = [x, y].map((value) => Math.min(Math.floor(value), grid - 2));
    const shares = [1 - (x - column), x - column];
    return [0, 1].flatMap((up) =>
      [0, 1].map((right) => [(row + up) * grid + column + right, (up ? y - row : 1 - (y - row)) * shares[right]]),
    );
  }
  return (point, moment) => {
    const before = Math.min(Math.floor(moment), epochs.length - 1);
    const later = moment - before;
    const frames = later ? [[before, 1 - later], [before + 1, later]] : [[before, 1]];
    pixels.set(mean);
    const corners = cornersAround(point);
    for (let part = 0; part < parts; part++) {
      let count = 0;
      for (const [index, weight] of frames) {
        const start = (part * epochs.length + index) * frame;
        for (const [place, share] of corners) count += weight * share * counts[start + place];
      }
      const start = part * PIXELS;
      for (let i = 0; i < PIXELS; i++) pixels[i] += count * basis[start + i];
    }
    for (let i = 0; i < PIXELS; i++) pixels[i] = 1 / (1 + Math.exp(-pixels[i]));
    return pixels;
  };
}

/** Everything on the map at a moment, whole or not: between two, codes glide. */
function at(moment, { codes, sizes, labels, colors, edges }) {
  const count = 2 * labels.length;
  const before = Math.floor(moment);
  const between = (values) => {
    const now = values.slice(before * count, (before + 1) * count);
    if (moment > before) now.forEach((value, i) => (now[i] = mix(value, values[(before + 1) * count + i], moment - before)));
    return now;
  };
  return { codes: between(codes), sizes: sizes && between(sizes), labels, colors, edges };
}

function spreadOf(codes) {
  const axis = (first) => codes.filter((_, i) => i % 2 === first);
  const variance = (values) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  };
  return Math.sqrt((variance(axis(0)) + variance(axis(1))) / 2);
}

export async function renderFilm({ controls, content, el, signal, heldBy, onChange }) {
  const film = await unpackFilm(content);
  const [slider, ...sliders] = controls;
  const point = heldBy(sliders);
  const project = buildProjector(film);
  const scale = mapScale(film.edges);
  const cross = buildCross(film.edges, scale, point, signal);
  const digit = digitCanvas("The digit at the chosen point");
  const [words, say] = spoken(signal, "explorer-words");
  const picture = buildScene(film, project, scale, signal, () => slider.get("value"));
  const player = buildPlayer(slider, film.epochs.length - 1, signal);

  function draw() {
    const moment = slider.get("value");
    picture.draw();
    cross.draw(point.at());
    paintDigit(digit, project(point.at(), moment));
    say(() => {
      const spread = spreadOf(at(moment, film).codes).toFixed(2);
      return `After ${epochAt(moment, film.epochs).toFixed(2)} epochs: spread of the codes ${spread}`;
    });
  }
  const toolbar = box("explorer-buttons", ...player, ...picture.switches);
  toolbar.setAttribute("role", "group");
  toolbar.setAttribute("aria-label", "Film");
  const frame = box("explorer-map", picture.canvas, cross.canvas);
  el.append(box("explorer-panels", frame, box("explorer-figure", digit, words, toolbar)));
  onChange(controls, signal, draw);
  draw();
}

function epochAt(moment, epochs) {
  const before = Math.floor(moment);
  return moment > before ? mix(epochs[before], epochs[before + 1], moment - before) : epochs[before];
}

/** The map at a moment, and what can be switched on below and above its codes. */
function buildScene(film, project, scale, signal, moment) {
  const decode = (codes, paint) => codes.forEach((code, across) => paint(project(code, moment()), across));
  const backdrop = () => decodeBackdrop(decode, film.edges, BACKDROP_SIDE);
  const neighborhoods = film.sizes ? true : null;
  const scene = { edges: film.edges, content: () => at(moment(), film), backdrop, dot: DOT, neighborhoods };
  return buildMapPicture(scene, scale, signal);
}

/** Buttons that play the film, smoothly, or moment by moment where motion is unwelcome. */
function buildPlayer(slider, last, signal) {
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  let [speed, frame, shown] = [SPEEDS[0], null, null];

  const go = (moment) => {
    slider.set("value", clamp(moment, [0, last]));
    slider.save_changes();
    shown = slider.get("value");
  };
  const step = (by) => () => {
    pause();
    const moment = slider.get("value"); // between two, after playing
    go(by > 0 ? Math.floor(moment) + by : Math.ceil(moment) + by);
  };
  function play(before, moment) {
    frame = requestAnimationFrame((now) => {
      if (slider.get("value") !== shown) return pause(); // a hand has moved it
      const next = Math.min(last, moment + ((now - before) / 1000 / SECONDS_PER_MOMENT) * speed);
      if (!calm.matches || Math.floor(next) > shown) go(calm.matches ? Math.floor(next) : next);
      if (next === last) return pause();
      play(now, next);
    });
  }
  function pause() {
    cancelAnimationFrame(frame);
    frame = null;
    playing.textContent = "Play";
  }
  const playing = button("Play", signal, () => {
    if (frame) return pause();
    if (slider.get("value") >= last) go(0);
    shown = slider.get("value");
    playing.textContent = "Pause";
    play(performance.now(), shown);
  });
  const faster = button(`Speed ${speed}`, signal, () => {
    speed = SPEEDS[(SPEEDS.indexOf(speed) + 1) % SPEEDS.length];
    faster.textContent = `Speed ${speed}`;
  });
  signal.addEventListener("abort", pause);
  return [playing, button("Step back", signal, step(-1)), button("Step on", signal, step(1)), faster];
}
