import type { Client } from "./client.ts";
import { readText } from "./node_library.ts";
import { PendingQuery } from "./pending_query.ts";
import type { FileOptions } from "./sql_types.ts";
import type { QueryOptions, Runnable } from "./runnable.ts";
import type { Source } from "./source.ts";

/** A query whose text is in a file, which is read before it is sent. */
export class FileQuery extends PendingQuery {
  /** For the driver: use `sql.file()`. */
  constructor(
    client: Client,
    source: Source,
    path: string | URL,
    args: readonly unknown[],
    options: FileOptions & QueryOptions,
  ) {
    const texts: string[] = [];
    super(
      new FileSource(client, source, path, texts, options),
      texts,
      args,
      false,
      options,
      undefined,
    );
  }
}

/** Reads the file of a query before it is run. */
class FileSource implements Source {
  readonly #client: Client;
  readonly #source: Source;
  readonly #path: string | URL;
  readonly #texts: string[];
  readonly #options: FileOptions;

  constructor(
    client: Client,
    source: Source,
    path: string | URL,
    texts: string[],
    options: FileOptions,
  ) {
    this.#client = client;
    this.#source = source;
    this.#path = path;
    this.#texts = texts;
    this.#options = options;
  }

  dispatch(query: Runnable): void {
    this.#read().then(() => this.#source.dispatch(query), (error) => query.reject(error));
  }

  forget(query: Runnable): boolean {
    return this.#source.forget(query);
  }

  async take(): ReturnType<Source["take"]> {
    await this.#read();
    return await this.#source.take();
  }

  async #read(): Promise<void> {
    if (this.#texts.length > 0) return;
    const { files } = this.#client;
    const name = String(this.#path);
    const kept = this.#options.cache === false ? undefined : files.get(name);
    const text = kept ?? await readText(this.#path);
    if (this.#options.cache !== false) files.set(name, text);
    this.#texts.push(text);
  }
}
