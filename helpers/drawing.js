// A drawing, and what MNIST would have made of it: scaled to fit 20 by 20 pixels, its center of mass in the middle
// of 28 by 28. Lengths are in pixels of a digit.

export const SIDE = 28;
export const USUAL_PEN = 1.25; // half the width of MNIST's strokes
export const EMPTY = { strokes: [], digit: null, turn: 0, shift: [0, 0], pen: USUAL_PEN, centered: true };

const BOX = 20;
const MIDDLE = SIDE / 2;
const CENTER_OF_MASS = 14.5; // where MNIST's digits have theirs, from 14 to 15
const MOST_SCALE = 4; // so that a dot stays a dot

export const isEmpty = ({ strokes, digit }) => !strokes.length && !digit;

/** From the drawing's own points to the pad, which turns it around its middle and shifts it, and back. */
export function rigid({ turn, shift: [right, down] }) {
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  return {
    there: ([x, y]) => [
      MIDDLE + right + cos * (x - MIDDLE) - sin * (y - MIDDLE),
      MIDDLE + down + sin * (x - MIDDLE) + cos * (y - MIDDLE),
    ],
    back: ([x, y]) => [
      MIDDLE + cos * (x - MIDDLE - right) + sin * (y - MIDDLE - down),
      MIDDLE - sin * (x - MIDDLE - right) + cos * (y - MIDDLE - down),
    ],
  };
}

/** The bytes (784) that the network gets to see. */
export function asMnist(drawing) {
  if (isEmpty(drawing)) return new Uint8Array(SIDE * SIDE);
  const untouched = !drawing.strokes.length && !drawing.turn && drawing.pen === USUAL_PEN;
  if (drawing.centered && untouched) return Uint8Array.from(drawing.digit); // which is as MNIST has it
  const seen = drawing.centered ? centered(drawing) : ink(drawing, { scale: 1, shift: [0, 0] });
  return Uint8Array.from(seen, (share) => Math.round(255 * share));
}

function centered(drawing) {
  const [[left, top], [right, bottom]] = extent(drawing);
  const margin = drawing.strokes.length ? drawing.pen : 0.5;
  const longest = Math.max(right - left, bottom - top, 1e-6);
  const scale = Math.min((BOX - 2 * margin) / longest, MOST_SCALE);
  const shift = [MIDDLE - (scale * (left + right)) / 2, MIDDLE - (scale * (top + bottom)) / 2];
  const [x, y] = centerOfMass(ink(drawing, { scale, shift }));
  return ink(drawing, { scale, shift: [shift[0] + CENTER_OF_MASS - x, shift[1] + CENTER_OF_MASS - y] });
}

/** The corners of all points of the drawing, as it lies on the pad. */
function extent({ strokes, digit, ...how }) {
  const { there } = rigid(how);
  const inked = [...(digit ?? []).keys()].filter((i) => digit[i]);
  const points = [...strokes.flat(), ...inked.map((i) => [(i % SIDE) + 0.5, Math.floor(i / SIDE) + 0.5])].map(there);
  const ends = (end) => [0, 1].map((axis) => points.reduce((found, point) => end(found, point[axis]), points[0][axis]));
  return [ends(Math.min), ends(Math.max)];
}

function centerOfMass(pixels) {
  let [mass, x, y] = [0, 0, 0];
  pixels.forEach((share, i) => {
    mass += share;
    x += share * ((i % SIDE) + 0.5);
    y += share * (Math.floor(i / SIDE) + 0.5);
  });
  return mass ? [x / mass, y / mass] : [CENTER_OF_MASS, CENTER_OF_MASS];
}

/** Pixels from 0 to 1, the drawing being scaled and shifted; the pen does not grow with it. */
function ink({ strokes, digit, pen, ...how }, { scale, shift }) {
  const { there, back } = rigid(how);
  const pixels = new Float32Array(SIDE * SIDE);
  if (digit) {
    const sample = inkOfDigit(digit, pen - USUAL_PEN);
    for (let i = 0; i < pixels.length; i++) {
      const place = [(i % SIDE) + 0.5, Math.floor(i / SIDE) + 0.5];
      pixels[i] = sample(back(place.map((value, axis) => (value - shift[axis]) / scale)));
    }
  }
  const placed = (point) => there(point).map((value, axis) => scale * value + shift[axis]);
  for (const stroke of strokes) inkStroke(pixels, stroke.map(placed), pen);
  return pixels;
}

const DIRECTIONS = Array.from({ length: 8 }, (_, i) => [Math.cos((i * Math.PI) / 4), Math.sin((i * Math.PI) / 4)]);

/** A function from a point to the ink of a real digit there, whose strokes have grown by `more` on each side. */
function inkOfDigit(digit, more) {
  const pixel = (x, y) => (x >= 0 && y >= 0 && x < SIDE && y < SIDE ? digit[y * SIDE + x] / 255 : 0);
  const between = ([px, py]) => {
    const [x, y] = [Math.floor(px - 0.5), Math.floor(py - 0.5)];
    const [right, down] = [px - 0.5 - x, py - 0.5 - y];
    const upper = (1 - right) * pixel(x, y) + right * pixel(x + 1, y);
    const lower = (1 - right) * pixel(x, y + 1) + right * pixel(x + 1, y + 1);
    return (1 - down) * upper + down * lower;
  };
  if (!more) return between;
  const choose = more > 0 ? Math.max : Math.min;
  return ([x, y]) => DIRECTIONS.reduce(
    (found, [right, down]) => choose(found, between([x + right * Math.abs(more), y + down * Math.abs(more)])),
    between([x, y]),
  );
}

/** Draw a line from point to point with a round, soft pen. */
function inkStroke(pixels, points, pen) {
  const reach = pen + 0.5;
  for (let p = 0; p < points.length; p++) {
    const [[x0, y0], [x1, y1]] = [points[Math.max(0, p - 1)], points[p]];
    const [dx, dy] = [x1 - x0, y1 - y0];
    const squared = dx * dx + dy * dy;
    const from = (a, b) => Math.max(0, Math.floor(Math.min(a, b) - reach));
    const to = (a, b) => Math.min(SIDE - 1, Math.ceil(Math.max(a, b) + reach));
    for (let row = from(y0, y1); row <= to(y0, y1); row++) {
      for (let column = from(x0, x1); column <= to(x0, x1); column++) {
        const [x, y] = [column + 0.5 - x0, row + 0.5 - y0];
        const along = squared ? Math.min(1, Math.max(0, (x * dx + y * dy) / squared)) : 0;
        const share = reach - Math.hypot(x - along * dx, y - along * dy);
        const place = row * SIDE + column;
        pixels[place] = Math.max(pixels[place], Math.min(1, share));
      }
    }
  }
}
