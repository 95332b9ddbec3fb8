/** Where in the caller's code something was asked for: his stack, and the first line of it. */

/** Takes the stack of whoever called into the driver. */
export function here(what: string): Error {
  const place = new Error(what);
  place.name = "Place";
  return place;
}

/** The first frame that is not the driver's own: `at handler (server.ts:12:3)`. */
export function frameOf(place: Error | undefined): string {
  const lines = (place?.stack ?? "").split("\n").slice(1);
  const foreign = lines.find((line) => /:\d+:\d+/.test(line) && !line.includes(OWN));
  return foreign?.trim() ?? "at an unknown place";
}

/** The folder of the driver's sources, as it shows in stacks. */
const OWN: string = new URL("..", import.meta.url).pathname;
