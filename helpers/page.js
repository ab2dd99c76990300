// What all explorers are made of: elements, buttons, canvases for digits, words that are read aloud.

export const DIGIT_SIDE = 28;
export const PIXELS = DIGIT_SIDE * DIGIT_SIDE;
export const KEYS_STAY_HERE = { "data-lm-suppress-shortcuts": "true" }; // else JupyterLab's command mode takes them

export function element(tag, properties = {}, attributes = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export function box(className, ...children) {
  const made = element("div", { className });
  made.append(...children);
  return made;
}

/** Paint digit number `place` of a canvas that holds a row of them: black ink on white paper. */
export function paintDigit(canvas, pixels, place = 0) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(DIGIT_SIDE, DIGIT_SIDE);
  for (let i = 0; i < PIXELS; i++) {
    image.data.fill(Math.round(255 * (1 - pixels[i])), 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, place * DIGIT_SIDE, 0);
}

export const digitCanvas = (label, columns = 1) =>
  element(
    "canvas",
    { className: "explorer-digits", width: DIGIT_SIDE * columns, height: DIGIT_SIDE },
    { role: "img", "aria-label": label },
  );

export const clamp = (value, [low, high]) => Math.min(high, Math.max(low, value));

/** A canvas that is sharp on any screen, to be drawn on in CSS pixels. */
export function sharpCanvas(width, properties, attributes, height = width) {
  const ratio = window.devicePixelRatio || 1;
  const canvas = element("canvas", { width: width * ratio, height: height * ratio, ...properties }, attributes);
  canvas.getContext("2d").scale(ratio, ratio);
  return canvas;
}

export function button(text, signal, action) {
  const made = element("button", { type: "button", textContent: text, className: "explorer-button" }, KEYS_STAY_HERE);
  made.addEventListener("click", action, { signal });
  return made;
}

export function toggle(text, signal, action) {
  const made = button(text, signal, () => {
    const on = made.getAttribute("aria-pressed") !== "true";
    made.setAttribute("aria-pressed", on);
    action(on);
  });
  made.setAttribute("aria-pressed", "false");
  return made;
}

export const REST_MILLISECONDS = 250; // without a change: then screen readers and Python may hear of the last one

/** Text that is read aloud once the hand rests. */
export function spoken(signal, className) {
  const made = element("div", { className });
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));
  const say = (words) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (made.textContent) made.setAttribute("aria-live", "polite"); // what stands there at first is not news
      made.textContent = words();
    }, REST_MILLISECONDS);
  };
  return [made, say];
}

const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
export const normals = (count) => Array.from({ length: count }, normal);

/** Call `draw` whenever the page changes between light and dark. */
export function onNewColors(element, signal, draw) {
  let color = getComputedStyle(element).color;
  const observer = new MutationObserver(() => {
    const now = getComputedStyle(element).color;
    if (now !== color) draw();
    color = now;
  });
  for (const root of [document.documentElement, document.body]) {
    observer.observe(root, { attributes: true, attributeFilter: ["class", "data-jp-theme-light", "data-theme"] });
  }
  signal.addEventListener("abort", () => observer.disconnect());
}
