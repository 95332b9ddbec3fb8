import type { ListenEvent, Subscription } from "../../mod.ts";

/** The next events of a pool's subscription, in short: `gap`, `end`, or the payload. */
export async function nextEvents(
  subscription: Subscription<ListenEvent>,
  count: number,
): Promise<string[]> {
  const events: string[] = [];
  while (events.length < count) {
    const { value } = await subscription.next();
    events.push(value === undefined ? "end" : value.type === "gap" ? "gap" : value.payload);
  }
  return events;
}
