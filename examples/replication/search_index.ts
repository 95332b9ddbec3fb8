/**
 * A search index that is kept up to date by the changes of a table.
 *
 * The index is filled by the initial copy and then follows the changes. It lives in memory here; an index on
 * a disk or in another service works likewise: a change is confirmed after `put()` or `remove()` has fulfilled,
 * and one that comes again after a crash has the same effect.
 */
import { replicate, type ReplicateOptions } from "../../src/replication/replication.ts";

/** The columns of the indexed table. */
interface Article {
  readonly id: number;
  readonly title: string;
  readonly body: string | null;
}

/** The tables of the stream, which give the types of its rows. */
interface Tables {
  "public.articles": Article;
}

/** Words, and the articles that have them. */
export class SearchIndex {
  readonly #articles = new Map<number, Article>();
  readonly #found = new Map<string, Set<number>>();

  /** Adds or replaces an article. A column that the change does not have stays as it was. */
  put(id: number, change: Partial<Article>): void {
    const article = { id, title: "", body: null, ...this.#articles.get(id), ...change };
    this.remove(id);
    this.#articles.set(id, article);
    for (const word of wordsOf(article)) {
      const ids = this.#found.get(word) ?? new Set();
      this.#found.set(word, ids.add(id));
    }
  }

  /** Removes an article. */
  remove(id: number): void {
    const article = this.#articles.get(id);
    if (article === undefined) return;
    for (const word of wordsOf(article)) this.#found.get(word)?.delete(id);
    this.#articles.delete(id);
  }

  /** Removes all articles. */
  clear(): void {
    this.#articles.clear();
    this.#found.clear();
  }

  /** Returns the titles of the articles that have a word. */
  search(word: string): string[] {
    const ids = [...this.#found.get(word.toLowerCase()) ?? []];
    return ids.map((id) => this.#articles.get(id)!.title).sort();
  }
}

function wordsOf({ title, body }: Article): Set<string> {
  return new Set(`${title} ${body ?? ""}`.toLowerCase().match(/\p{L}+/gu));
}

/** Keeps an index up to date until the options' signal aborts. */
export async function keepIndex(
  index: SearchIndex,
  options: Partial<ReplicateOptions>,
): Promise<void> {
  const changes = replicate<Tables>({
    slot: "search",
    publication: { name: "search", create: { tables: ["public.articles"] } },
    snapshot: "initial",
    ...options,
  });
  for await (const change of changes) {
    switch (change.kind) {
      case "snapshot":
      case "insert":
        index.put(change.new.id, change.new);
        break;
      case "update":
        if (change.key.id !== undefined && change.key.id !== change.new.id) {
          index.remove(change.key.id);
        }
        // An unchanged large body is not part of `change.new`, and stays in the index.
        index.put(change.new.id ?? change.key.id!, change.new);
        break;
      case "delete":
        index.remove(change.key.id!);
        break;
      case "truncate":
        index.clear();
        break;
    }
  }
}
