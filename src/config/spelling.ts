/**
 * Returns `; did you mean "…"?` with the candidate nearest to a misspelt name, or an empty string if
 * none is near. Near is a distance of two letters, three for a long name; case, `_` and `-` are ignored.
 */
export function suggestion(name: string, candidates: readonly string[]): string {
  const wanted = plain(name);
  const limit = Math.min(wanted.length > 8 ? 3 : 2, Math.floor(wanted.length / 2));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, plain(candidate), bestDistance);
    if (distance >= bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best === undefined ? "" : `; did you mean "${best}"?`;
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[_-]/g, "");
}

/** Returns Levenshtein's distance, or `limit` if the distance is not below it. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitute = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(substitute, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return Math.min(previous[b.length]!, limit);
}
