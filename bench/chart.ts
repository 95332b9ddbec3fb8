import { FLOOR, type Line, OURS } from "./figures.ts";

/** The lines of one runtime. */
export interface Part {
  readonly title: string;
  readonly lines: readonly Line[];
}

const WIDTH = 860;
const LABEL = 210;
const BAR = 9;
const GAP = 8;
const HEAD = 30;
const COLOURS: Readonly<Record<string, string>> = {
  [OURS]: "#2563eb",
  [FLOOR]: "#9ca3af",
  pg: "#d97706",
  postgres: "#059669",
  bun_sql: "#db2777",
};
const NAMES: Readonly<Record<string, string>> = { [OURS]: "@cornac/pg", bun_sql: "Bun.SQL" };

/**
 * Draws bars of the client's CPU time for each standard workload, as multiples of this driver's. A
 * shorter bar is better. Bars that would leave the chart are cut, and say how long they are.
 */
export function chart(parts: readonly Part[]): string {
  const shapes: string[] = [];
  let y = 50;
  for (const { title, lines } of parts) {
    shapes.push(text(0, y, title, 'font-weight="bold"'));
    y += HEAD - 14;
    for (const line of lines.filter(({ group }) => group === "standard")) {
      y = group(shapes, line, y);
    }
    y += HEAD;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-10 -10 ${WIDTH + 20} ${y}" \
font-family="system-ui, sans-serif" font-size="12">
<rect x="-10" y="-10" width="${WIDTH + 20}" height="${y}" fill="#ffffff"/>
${text(0, 8, "Client CPU time per unit of work, this driver = 1. Shorter is better.")}
${legend()}
${shapes.join("\n")}
</svg>
`;
}

const MOST = 6;

function group(shapes: string[], line: Line, top: number): number {
  const unit = (WIDTH - LABEL - 40) / MOST;
  const ours = line.peers[OURS]?.cpu ?? NaN;
  const order = Object.keys(COLOURS).filter((peer) => peer in line.peers);
  shapes.push(text(LABEL - 8, top + (order.length * BAR) / 2 + 4, line.name, 'text-anchor="end"'));
  let y = top;
  for (const peer of order) {
    const times = line.peers[peer]!.cpu / ours;
    const width = (Math.min(times, MOST) * unit).toFixed(1);
    shapes.push(
      `<rect x="${LABEL}" y="${y}" width="${width}" height="${BAR - 1}" fill="${COLOURS[peer]}"/>`,
      text(LABEL + Number(width) + 4, y + BAR - 1, times.toFixed(2), 'font-size="9"'),
    );
    y += BAR;
  }
  return y + GAP;
}

function legend(): string {
  return Object.entries(COLOURS).map(([peer, colour], i) => {
    const x = i * 110;
    return `<rect x="${x}" y="18" width="10" height="10" fill="${colour}"/>` +
      text(x + 15, 27, NAMES[peer] ?? peer);
  }).join("");
}

function text(x: number, y: number, content: string, more = ""): string {
  const safe = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x}" y="${y}" fill="#111827" ${more}>${safe}</text>`;
}
