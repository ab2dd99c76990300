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

  /** The answer of a stream of what a block holds. */
  async function unpacked(element) {
    const packed = await fetch(`data:application/gzip;base64,${element.textContent}`);
    return new Response(packed.body.pipeThrough(new DecompressionStream("gzip")));
  }

  const opened = new Map(); // a block's number to the promise of its bytes: many widgets share one
  function bytesOf(number) {
    if (!opened.has(number)) {
      const element = document.getElementById(`block-${number}`);
      opened.set(number, unpacked(element).then((answer) => answer.arrayBuffer()));
    }
    return opened.get(number);
  }

  /** A network's weights in half precision, of which light.py made palettes and indices. */
  function weightsOf(packed, shapes) {
    const weights = new Uint16Array(shapes.reduce((sum, [outputs, inputs]) => sum + outputs * (inputs + 1), 0));
    const bytes = new Uint8Array(packed);
    let [from, to] = [0, 0];
    const halves = (count) => new Uint16Array(packed.slice(from, (from += 2 * count)));
    for (const [outputs, inputs] of shapes) {
      const palette = halves(256);
      for (const end = to + outputs * inputs; to < end; ) weights[to++] = palette[bytes[from++]];
      weights.set(halves(outputs), to);
      to += outputs;
    }
    return weights;
  }

  /** Halves as explorers may keep them: all low bytes, then all high ones, in deflate's form. */
  function planesOf(halves) {
    const planes = new Uint8Array(2 * halves.length);
    halves.forEach((half, i) => {
      planes[i] = half & 255;
      planes[halves.length + i] = half >> 8;
    });
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

  const contentOf = async ({ block, kind, shapes }) => FORMS[kind](await bytesOf(block), shapes);

  async function assemble({ models, parts }) {
    const contents = await Promise.all(parts.map(contentOf));
    parts.forEach(({ model, path }, i) => {
      const holder = path.slice(0, -1).reduce((place, step) => place[step], models[model].state);
      holder[path.at(-1)] = contents[i];
    });
    return models;
  }

  let runtime; // the promise of what draws widgets
  async function load() {
    const script = await (await unpacked(document.getElementById("runtime"))).text();
    return import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
  }

  let before = Promise.resolve(); // groups build on those before them
  function show(element) {
    const described = unpacked(element).then((answer) => answer.json());
    runtime ??= load();
    before = before.then(async () => {
      const group = await described;
      const place = document.querySelector(`.live[data-view="${group.view}"]`);
      await (await runtime).show(await assemble(group), group.view, place);
      place.dataset.alive = "";
    });
    before = before.catch((error) => console.error("A widget of this page could not be shown.", error));
  }

  return { show, FORMS };
})();
