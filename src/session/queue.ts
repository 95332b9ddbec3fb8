import type { Exchange, Request } from "./exchange.ts";

/** A queue of requests; a linked list, because shifting a long array is slow. */
export class Queue {
  first: Exchange | undefined;
  last: Exchange | undefined;
  length = 0;

  push(exchange: Exchange): void {
    if (this.last === undefined) this.first = exchange;
    else this.last.next = exchange;
    this.last = exchange;
    this.length++;
  }

  /** Inserts a request before all that were made after it. */
  insert(exchange: Exchange): void {
    if (this.last === undefined || this.last.number < exchange.number) return this.push(exchange);
    let before: Exchange | undefined;
    let here = this.first;
    while (here !== undefined && here.number < exchange.number) {
      before = here;
      here = here.next;
    }
    exchange.next = here;
    if (before === undefined) this.first = exchange;
    else before.next = exchange;
    this.length++;
  }

  shift(): Exchange | undefined {
    const { first } = this;
    if (first === undefined) return undefined;
    this.first = first.next;
    if (this.first === undefined) this.last = undefined;
    first.next = undefined;
    this.length--;
    return first;
  }

  /** Finds the exchange of a request, or of the first one that may be cancelled. */
  find(request: Request<unknown> | undefined): Exchange | undefined {
    const isOther = ({ request: { isFinal, isSpared } }: Exchange): boolean =>
      isFinal === true || isSpared === true;
    let here = this.first;
    while (here && (request === undefined ? isOther(here) : here.request !== request)) {
      here = here.next;
    }
    return here;
  }

  /** Takes a request out; returns `false` if it is not here. */
  remove(exchange: Exchange): boolean {
    let before: Exchange | undefined;
    for (let here = this.first; here !== undefined; before = here, here = here.next) {
      if (here !== exchange) continue;
      if (before === undefined) this.first = here.next;
      else before.next = here.next;
      if (this.last === here) this.last = before;
      here.next = undefined;
      this.length--;
      return true;
    }
    return false;
  }
}
