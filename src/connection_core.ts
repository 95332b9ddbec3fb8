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

/** A NOTICE, WARNING, INFO or LOG from the server, with the fields of a `DatabaseError`. */
export type Notice = ServerReport;

/** Functions that are called for messages of the server. An error that one throws is ignored. */
export interface ConnectionHooks {
  /** Called for every notice. */
  onNotice?: ((notice: Notice) => void) | undefined;
  /** Called for every notification. */
  onNotification?: ((notification: Notification) => void) | undefined;
  /** Called whenever the server reports a run-time parameter, also for those reported at login. */
  onParameterStatus?: ((name: string, value: string) => void) | undefined;
}

/** An observer of a connection. */
export interface Watcher {
  /** Called when the server has reported a parameter. */
  reported(): void;
  /** Called when the server has refused a request with this SQLSTATE. */
  refused(code: string): void;
}

/**
 * The core of a `Connection`. A pool lends one core to many `Connection` objects, one after another, so
 * that each can end separately.
 */
export interface ConnectionCore {
  readonly session: Session;
  /** The context of its queries. */
  readonly host: QueryContext;
  /** The latest notices, oldest first. */
  readonly notices: readonly Notice[];
  /** The latest notifications, oldest first. */
  readonly notifications: readonly Notification[];
  /** Further receivers of notifications. */
  readonly notified: Set<(notification: Notification) => void>;
  /** The observers of the connection. */
  readonly watchers: Set<Watcher>;
  /** A promise that resolves to the reason when the connection has ended. Never rejects. */
  readonly closed: Promise<Error | undefined>;
}

/** Makes the core of a connection from a session, and listens to the messages beside the replies. */
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
  if (hooks.onParameterStatus !== undefined) {
    for (const [name, value] of session.parameterStatuses) {
      tell(hooks.onParameterStatus, name, value);
    }
  }
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
    closed: session.ended,
  };
}

/** The number of kept items, and of their characters together. */
const MOST_ITEMS = 100;
const MOST_CHARACTERS = 1 << 20;

/** The latest items: at most 100, and at most a mebibyte, unless one alone is larger. */
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
  } catch { /* no request is at fault */ }
}
