import { type ServerReport, serverReport } from "./errors/errors.ts";
import { own } from "./errors/own.ts";
import type { Settings } from "./config/settings.ts";
import type { Notification } from "./protocol/backend.ts";
import type { Executor } from "./query/executor.ts";
import { NamedTexts } from "./query/named.ts";
import type { QueryContext } from "./query/query_context.ts";
import type { RowShape } from "./query/rows.ts";
import { Templates } from "./query/template.ts";
import type { Session } from "./session/session.ts";

/** A NOTICE, WARNING, INFO or LOG from the server: the same fields as a `DatabaseError`, no error. */
export type Notice = ServerReport;

/** Told as things arrive; a hook that throws is as if it had not been called. */
export interface ConnectionHooks {
  /** Called for every notice. */
  onNotice?: ((notice: Notice) => void) | undefined;
  /** Called for every notification. */
  onNotification?: ((notification: Notification) => void) | undefined;
  /** Called whenever the server reports a run-time parameter. */
  onParameterStatus?: ((name: string, value: string) => void) | undefined;
}

/** Somebody who watches a connection. */
export interface Watcher {
  /** The server has reported a parameter. */
  reported(): void;
  /** It has refused a request with this SQLSTATE. */
  refused(code: string): void;
}

/**
 * What a `Connection` consists of. A pool lends one core to many `Connection` objects, one after
 * another, so that each can be told when it is over.
 */
export interface ConnectionCore {
  readonly session: Session;
  /** What its queries run on. */
  readonly host: QueryContext;
  /** The last 100, oldest first. */
  readonly notices: readonly Notice[];
  /** The last 100, oldest first. */
  readonly notifications: readonly Notification[];
  /** Who else is told of notifications. */
  readonly notified: Set<(notification: Notification) => void>;
  /** Who is told what the server makes of it. */
  readonly watchers: Set<Watcher>;
  /** Resolves when the connection is over, and never rejects. */
  readonly closed: Promise<void>;
}

/** Makes a session into what queries can be run on, and listens to what arrives beside the replies. */
export function connectionCore(
  session: Session,
  executor: Executor,
  settings: Settings,
  rows: RowShape,
  hooks: ConnectionHooks,
): ConnectionCore {
  const { queryTimeout, runtime } = settings;
  const defaults = Object.freeze(own({ rows, timeout: queryTimeout }));
  const notices = new Latest<Notice>(({ fields }) => lengthOf(Object.values(fields)));
  const notifications = new Latest<Notification>(({ channel, payload }) =>
    lengthOf([channel, payload])
  );
  const notified = new Set<(notification: Notification) => void>();
  const watchers = new Set<Watcher>();
  session.listener = {
    notice: (fields) => {
      const notice = serverReport(fields);
      notices.add(notice);
      tell(hooks.onNotice, notice);
    },
    notification: (notification) => {
      notifications.add(notification);
      for (const deliver of notified) deliver(notification);
      tell(hooks.onNotification, notification);
    },
    parameterStatus: (name, value) => {
      executor.cache.reported(name);
      for (const watcher of watchers) watcher.reported();
      tell(hooks.onParameterStatus, name, value);
    },
    refused: ({ code = "" }) => {
      for (const watcher of watchers) watcher.refused(code);
    },
  };
  return {
    session,
    host: {
      executor,
      defaults,
      asyncStacks: runtime.asyncStacks,
      templates: new Templates(),
      names: new NamedTexts(),
    },
    notices: notices.items,
    notifications: notifications.items,
    notified,
    watchers,
    closed: session.ended.then(() => undefined),
  };
}

/** How many notices and notifications are kept, and how many characters of all of them. */
const MOST_ITEMS = 100;
const MOST_CHARACTERS = 1 << 20;

/** The latest of many items: at most 100, and at most a mebibyte unless one alone is larger. */
class Latest<T> {
  readonly items: T[] = [];
  readonly #sizeOf: (item: T) => number;
  #characters = 0;

  constructor(sizeOf: (item: T) => number) {
    this.#sizeOf = sizeOf;
  }

  add(item: T): void {
    this.items.push(item);
    this.#characters += this.#sizeOf(item);
    while (this.#isOver() && this.items.length > 1) {
      this.#characters -= this.#sizeOf(this.items.shift()!);
    }
  }

  #isOver(): boolean {
    return this.items.length > MOST_ITEMS || this.#characters > MOST_CHARACTERS;
  }
}

function lengthOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + text.length, 0);
}

function tell<Args extends unknown[]>(hook: ((...args: Args) => void) | undefined, ...args: Args) {
  try {
    hook?.(...args);
  } catch { /* no request is at fault, and nobody else waits for this */ }
}
