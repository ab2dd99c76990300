// A rough guess, in words, of what a point of a latent space decodes to.

const VOTING_NEIGHBORS = 10;

/** A function from a point to a rough guess of the digit, by a vote of the nearest codes. */
export function buildGuesser({ codes, labels, dim }) {
  const count = labels.length;
  const nearest = (point) => {
    const distances = Array.from({ length: count }, (_, i) => {
      let sum = 0;
      for (let j = 0; j < dim; j++) sum += (codes[i * dim + j] - point[j]) ** 2;
      return [sum, labels[i]];
    });
    return distances.sort((a, b) => a[0] - b[0]).slice(0, VOTING_NEIGHBORS);
  };
  const reach = (neighbors) => neighbors.at(-1)[0];
  function usualReaches() {
    const codeOf = (i) => codes.subarray(i * dim, (i + 1) * dim);
    return Array.from({ length: Math.min(count, 50) }, (_, i) => reach(nearest(codeOf(i)))).sort((a, b) => a - b);
  }
  let usual; // found out when first asked for, since it would hold up the first picture
  return (point) => {
    usual ??= usualReaches();
    const neighbors = nearest(point);
    const votes = new Array(10).fill(0);
    for (const [, label] of neighbors) votes[label]++;
    const ranked = [...votes.keys()].sort((a, b) => votes[b] - votes[a]);
    const share = votes[ranked[0]] / neighbors.length;
    const far = reach(neighbors) > 1.5 ** 2 * usual[Math.floor(0.95 * usual.length)];
    const times = Math.sqrt(reach(neighbors) / usual[usual.length >> 1]);
    return { digit: ranked[0], rival: ranked[1], share, far, times };
  };
}

export const named = (digit) => `${digit === 8 ? "an" : "a"} ${digit}`;

export function inWords({ digit, rival, share, far }) {
  if (far) return `far from all codes, nearest to ${named(digit)}`;
  if (share >= 0.9) return `${named(digit)}, sure`;
  if (share >= 0.6) return `probably ${named(digit)}`;
  return `between ${named(digit)} and ${named(rival)}`;
}

/** How far from the codes of real digits a point lies. */
export function distanceInWords({ times }) {
  return `its nearest codes are ${times.toFixed(1)} times as far away as those of a real digit`;
}
