// What a page does besides being read: colors, contents, code that folds, and widgets that come to life.

const course = (() => {
  const root = document.documentElement;

  // ------------------------------------------------------------------------------ light and dark

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const kept = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // a browser may deny it
    }
  };
  const follow = () => (root.dataset.theme = kept() ?? (dark.matches ? "dark" : "light"));
  dark.addEventListener("change", follow);
  follow();

  function switchTheme() {
    const wanted = root.dataset.theme === "dark" ? "light" : "dark";
    try {
      if (wanted === (dark.matches ? "dark" : "light")) localStorage.removeItem("theme");
      else localStorage.setItem("theme", wanted);
    } catch {
      // then for this page alone
    }
    root.dataset.theme = wanted;
  }

  // ------------------------------------------------------------------------------------- reading

  /** What can be scrolled sideways has to be within reach of the keyboard. */
  function reachScrollers() {
    for (const box of document.querySelectorAll("pre, .table")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  }

  function foldAll(button) {
    const fold = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", fold);
    for (const code of document.querySelectorAll("details.code")) code.open = !fold;
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelector("#switch-theme")?.addEventListener("click", switchTheme);
    document.querySelector("#fold-all")?.addEventListener("click", ({ target }) => foldAll(target));
    reachScrollers();
    addEventListener("resize", reachScrollers);
  });

  // ------------------------------------------------------------------------------------- widgets

  function bytesOf(base64) {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
    return bytes;
  }

  /** What was packed, as the body of an answer. */
  function unpacked(packed) {
    const bytes = new Blob([bytesOf(packed)]).stream();
    return new Response(bytes.pipeThrough(new DecompressionStream("gzip")));
  }

  const blocks = new Map(); // number to the promise of what has come, and how to keep it
  function blockOf(number) {
    if (!blocks.has(number)) {
      const block = {};
      block.packed = new Promise((resolve) => (block.keep = resolve));
      blocks.set(number, block);
    }
    return blocks.get(number);
  }
  const keep = (number, packed) => blockOf(Number(number)).keep(packed);

  /** The promise of a block's bytes, unpacked when a widget first asks for them: many widgets may share them. */
  function bytesOfBlock(number) {
    const block = blockOf(number);
    block.bytes ??= block.packed.then((packed) => unpacked(packed).arrayBuffer());
    block.packed = null; // it need not be kept twice
    return block.bytes;
  }

  /** A network's weights in half precision, of which light.py made palettes and indices. */
  function weightsOf(packed, shapes) {
    const weights = new Uint16Array(shapes.reduce((sum, [outputs, inputs]) => sum + outputs * (inputs + 1), 0));
    let from = 0;
    const cut = (bytes) => packed.slice(from, (from += bytes)); // a copy begins at an even byte
    let to = 0;
    for (const [outputs, inputs] of shapes) {
      const palette = new Uint16Array(cut(512));
      paint(weights.subarray(to, (to += outputs * inputs)), new Uint8Array(cut(outputs * inputs)), palette);
      weights.set(new Uint16Array(cut(2 * outputs)), to);
      to += outputs;
    }
    return weights;
  }

  function paint(target, indices, palette) {
    for (let i = 0; i < indices.length; i++) target[i] = palette[indices[i]];
  }

  /** Halves as explorers may keep them: all low bytes, then all high ones, in deflate's form. */
  function planesOf(halves) {
    const planes = new Uint8Array(2 * halves.length);
    for (let i = 0; i < halves.length; i++) {
      planes[i] = halves[i] & 255;
      planes[halves.length + i] = halves[i] >> 8;
    }
    return deflated(planes);
  }

  const MOST_STORED = 65535;

  /** Bytes in deflate's form, but stored as they are: they need not get small again, and this costs no time. */
  function deflated(bytes) {
    const blocks = Math.ceil(bytes.length / MOST_STORED);
    const stored = new DataView(new ArrayBuffer(2 + 5 * blocks + bytes.length + 4));
    stored.setUint16(0, 0x7801);
    let [a, b, to] = [1, 0, 2];
    for (let from = 0; from < bytes.length; from += MOST_STORED) {
      const part = bytes.subarray(from, from + MOST_STORED);
      stored.setUint8(to, +(from + MOST_STORED >= bytes.length));
      stored.setUint16(to + 1, part.length, true);
      stored.setUint16(to + 3, ~part.length, true);
      new Uint8Array(stored.buffer).set(part, to + 5);
      to += 5 + part.length;
    }
    for (let i = 0; i < bytes.length; ) {
      for (const end = Math.min(i + 3800, bytes.length); i < end; i++) b += a += bytes[i]; // sums stay below 2 ** 32
      a %= 65521;
      b %= 65521;
    }
    stored.setUint32(to, ((b << 16) | a) >>> 0);
    return stored;
  }

  const FORMS = {
    text: (bytes) => new TextDecoder().decode(bytes),
    bytes: (bytes) => new DataView(bytes),
    halves: (bytes, shapes) => new DataView(weightsOf(bytes, shapes).buffer),
    planes: (bytes, shapes) => planesOf(weightsOf(bytes, shapes)),
  };

  const contentOf = async ({ block, kind, shapes }) => FORMS[kind](await bytesOfBlock(block), shapes);

  async function assemble({ models, parts }) {
    const contents = await Promise.all(
      parts.map((part) => (part.shapes ? { arriving: contentOf(part) } : contentOf(part))), // networks come last
    );
    parts.forEach(({ model, path }, i) => {
      const holder = path.slice(0, -1).reduce((place, step) => place[step], models[model].state);
      holder[path.at(-1)] = contents[i];
    });
    return models;
  }

  let runtime; // the promise of what draws widgets
  async function prepared(packed) {
    const script = await unpacked(packed).blob();
    return import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
  }

  const placeOf = (view) => document.querySelector(`.live[data-view="${view}"]`);

  const MOST_WAITING = 2000; // milliseconds: a network may be on its way much longer
  let first; // explorer of the page: those below wait until it is painted, and do not take its time

  function drawn(place) {
    let watch;
    const waited = new Promise((resolve) => {
      const painted = () => requestAnimationFrame(() => setTimeout(resolve));
      const look = () => place.querySelector("[data-begun], [data-drawn]") && painted();
      watch = new MutationObserver(look);
      watch.observe(place, { subtree: true, attributeFilter: ["data-begun", "data-drawn"] });
      setTimeout(resolve, MOST_WAITING);
      look();
    });
    return waited.then(() => watch.disconnect());
  }

  let before = Promise.resolve(); // groups build on those before them
  function show(view, packed) {
    before = before.then(async () => {
      const models = await assemble(await unpacked(packed).json());
      const place = placeOf(view);
      await (await runtime).show(models, view, place);
      place.dataset.alive = "";
      if (!first && place.querySelector(".explorer, .explorer-stepped")) await drawn((first = place));
    });
    before = before.catch((error) => console.error("A widget of this page could not be shown.", error));
  }

  const TAKEN = { runtime: (_, packed) => (runtime = prepared(packed)), block: keep, view: show };
  const take = (kind, name, packed) => TAKEN[kind](name, packed);

  /** Begin with a script element of a kind that the browser does not run, as soon as it has come. */
  function arrived({ previousElementSibling: element }) {
    const [[kind, name]] = Object.entries(element.dataset);
    take(kind, name, element.textContent);
    element.textContent = ""; // it need not be kept twice
  }

  const NEAR = "200%"; // of a screen, beyond it: some seconds of reading

  /** Load the script of these views, which lies beside the page, once one of them comes near. */
  function later(file, views) {
    const places = views.map(placeOf);
    const watch = new IntersectionObserver((seen) => {
      if (!seen.some((one) => one.isIntersecting)) return;
      watch.disconnect();
      const onerror = () => places.forEach((place) => tellMissing(file, place));
      document.head.append(Object.assign(document.createElement("script"), { src: file, onerror }));
    }, { rootMargin: NEAR });
    places.forEach((place) => watch.observe(place));
  }

  function tellMissing(file, place) {
    const words = Object.assign(document.createElement("p"), { className: "caption" });
    words.textContent = `This explorer needs the file ${file} in the same folder as this page.`;
    place.append(words);
  }

  return { arrived, take, later, FORMS };
})();
