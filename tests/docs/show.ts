/** Values as examples write them: the same on every runtime, whose own `console.log`s differ. */

/** A value as text: strings quoted, dates in ISO form, instances with their class's name. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `[Function ${value.name}]`;
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${Array.from(value, show).join(", ")}]`;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (value instanceof Uint8Array) return `Uint8Array [${value.join(", ")}]`;
  const tag = (value as { [Symbol.toStringTag]?: string })[Symbol.toStringTag];
  if (tag?.startsWith("Temporal.")) return `${tag} ${value}`;
  return showObject(value);
}

function showObject(value: object): string {
  const name = Object.getPrototypeOf(value)?.constructor.name ?? "Object";
  const entries = value instanceof Map
    ? Array.from(value, ([key, item]) => `${show(key)} => ${show(item)}`)
    : Object.entries(value).map(([key, item]) => `${showKey(key)}: ${show(item)}`);
  const inner = entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
  return name === "Object" ? inner : `${name} ${inner}`;
}

function showKey(key: string): string {
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? key : JSON.stringify(key);
}

/** Whether a text is what an example says; there `…` stands for anything, and spaces do not matter. */
export function matches(actual: string, expected: string): boolean {
  const parts = compact(expected).split("…").map((part) =>
    part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
  );
  return new RegExp(`^${parts.join(".*")}$`, "s").test(compact(actual));
}

function compact(text: string): string {
  return text.replaceAll(/\s+/g, "");
}
