/**
 * Texts that need a session, and that a pool therefore does not run by itself: after a query of the
 * pool its connection goes to another caller, so that BEGIN, SET or LISTEN would have no effect.
 *
 * A text of several statements is one use of a session: what it begins or sets serves the statements
 * that follow. So only what reaches past its end is refused.
 */
import { statementsOf, type Token } from "./statements.ts";

/** The ways in which a statement depends on its session. */
type Need =
  /** A transaction begins. */
  | "begins"
  /** A transaction ends. */
  | "ends"
  /** A transaction ends, and the next one begins. */
  | "chains"
  /** Only within a transaction. */
  | "inside"
  /** Something for the statements that follow in the session. */
  | "leaves"
  /** Something that an earlier statement has left in the session. */
  | "takes"
  /** A session for as long as the program wants to hear. */
  | "listens"
  | "nothing";

/** The calls that run a statement of each kind. */
const TRANSACTION = "pool.transaction(), or pool.connect() for a connection of your own";
const SESSION = "pool.connect() for a connection of your own";
const SETTING =
  "set local in pool.transaction(), pool.connect() for a connection of your own, or " +
  "onConnect for all connections";
const LOCK = "pg_advisory_xact_lock() in pool.transaction(), or pool.connect()";

/** A statement's need, by its first word; `undefined`: {@linkcode Reading} looks further. */
const NEEDS: ReadonlyMap<string, readonly [need: Need, instead: string]> = new Map([
  ["begin", ["begins", TRANSACTION]],
  ["start", ["begins", TRANSACTION]],
  ["commit", ["ends", TRANSACTION]],
  ["end", ["ends", TRANSACTION]],
  ["abort", ["ends", TRANSACTION]],
  ["rollback", ["ends", TRANSACTION]],
  ["savepoint", ["inside", TRANSACTION]],
  ["release", ["inside", TRANSACTION]],
  ["set", ["leaves", SETTING]],
  ["reset", ["takes", SETTING]],
  ["listen", ["listens", "pool.listen()"]],
  ["unlisten", ["listens", "pool.listen(), whose subscriptions end by close()"]],
  ["prepare", ["leaves", `pool.prepare(), or ${SESSION}`]],
  ["execute", ["takes", `pool.prepare(), or ${SESSION}`]],
  ["deallocate", ["takes", `pool.prepare(), or ${SESSION}`]],
  ["declare", ["leaves", `for await (… of pool.query(…)), or ${SESSION}`]],
  ["fetch", ["takes", SESSION]],
  ["move", ["takes", SESSION]],
  ["close", ["takes", SESSION]],
]);

/** Returns why a pool does not run these texts as one use of a session, if it does not. */
export function refusalOf(texts: readonly string[]): string | undefined {
  const statements = texts.flatMap(statementsOf);
  let isOpen = false;
  for (const [at, tokens] of statements.entries()) {
    const [need, instead] = needOf(tokens);
    const isLast = at === statements.length - 1;
    const isAlone = statements.length === 1;
    const isVain = need === "listens" || isAlone && (need === "takes" || need === "inside") ||
      (need === "ends" || need === "chains") && !isOpen || need === "leaves" && isLast && !isOpen ||
      (need === "begins" || need === "chains") && isLast;
    if (isVain) return refusal(nameOf(tokens), instead);
    if (need === "begins" || need === "chains") isOpen = true;
    if (need === "ends") isOpen = false;
    if (isLast && isOpen) return refusal("a transaction that is left open", TRANSACTION);
  }
  return undefined;
}

function refusal(what: string, instead: string): string {
  return `${what} has no effect through the pool, whose connection goes to another caller after ` +
    `this call: use ${instead}`;
}

/** The words that name a statement in an error. */
function nameOf(tokens: readonly Token[]): string {
  const [first, second] = tokens.map(({ text }) => text.toUpperCase());
  if (first === "SELECT" || first === "WITH") return calledIn(tokens) ?? "a temporary table";
  if (first === "CREATE") return "a temporary object";
  const isPair = first === "START" || second === "LOCAL" || second === "TRANSACTION";
  return isPair ? `${first} ${second}` : first!;
}

function needOf(tokens: readonly Token[]): readonly [need: Need, instead: string] {
  const words = tokens.map(({ text }) => text);
  const [first, second, third] = words;
  const [need, instead] = NEEDS.get(first!) ?? contentOf(tokens, words);
  // COMMIT PREPARED and ROLLBACK PREPARED need no transaction; PREPARE TRANSACTION ends one.
  if (need === "ends" && second === "prepared") return ["nothing", ""];
  if (need === "ends") return [endOf(words), instead];
  if (first === "prepare" && second === "transaction") return ["ends", TRANSACTION];
  const isLocal = second === "local" && third !== ".";
  if (first === "set" && (isLocal || second === "transaction" || second === "constraints")) {
    return ["inside", TRANSACTION];
  }
  if (first === "declare" && !hasPair(words, "with", "hold")) return ["inside", instead];
  return [need, instead];
}

/** COMMIT and ROLLBACK may chain, and ROLLBACK may go back to a savepoint. */
function endOf([, ...rest]: readonly string[]): Need {
  const words = rest.filter((word) => word !== "work" && word !== "transaction");
  if (words[0] === "to") return "inside";
  return words[0] === "and" && words[1] === "chain" ? "chains" : "ends";
}

/** Returns the need of a command by its content. */
function contentOf(
  tokens: readonly Token[],
  words: readonly string[],
): readonly [need: Need, instead: string] {
  if (words[0] === "create" && isTemporary(tokens, words)) return ["leaves", SESSION];
  if (words[0] === "do" || words[0] === "create") return ["nothing", ""];
  if (intoTemporary(tokens, words)) return ["leaves", SESSION];
  const call = calledIn(tokens);
  if (call === undefined) return ["nothing", ""];
  return call === "set_config()" ? ["leaves", SETTING] : ["leaves", LOCK];
}

function isTemporary(tokens: readonly Token[], words: readonly string[]): boolean {
  const at = words[1] === "or" ? 3 : 1;
  const kind = words[at] === "global" || words[at] === "local" ? at + 1 : at;
  if (tokens[kind]?.kind === "word" && TEMP.has(words[kind]!)) return true;
  // The name of what is made comes before any parenthesis.
  const named = words.slice(0, 8).indexOf("pg_temp");
  const open = words.indexOf("(");
  return named > 0 && words[named + 1] === "." && (open < 0 || named < open) &&
    CREATED.has(words[named - 1]!);
}

const TEMP: ReadonlySet<string> = new Set(["temp", "temporary"]);

/** Words before the name of what is made. */
const CREATED: ReadonlySet<string> = new Set(["table", "view", "sequence", "exists", "function"]);

/** `select … into temp t`, where `insert into temp` names a table. */
function intoTemporary(tokens: readonly Token[], words: readonly string[]): boolean {
  return words.some((word, i) => {
    if (word !== "into" || words[i - 1] === "insert" || words[i - 1] === "merge") return false;
    const at = words[i + 1] === "local" || words[i + 1] === "global" ? i + 2 : i + 1;
    return tokens[at]?.kind === "word" && TEMP.has(words[at]!) && at + 1 < words.length;
  });
}

const LOCKS: ReadonlySet<string> = new Set([
  "pg_advisory_lock",
  "pg_advisory_lock_shared",
  "pg_try_advisory_lock",
  "pg_try_advisory_lock_shared",
]);
const UNLOCKS: ReadonlySet<string> = new Set([
  "pg_advisory_unlock",
  "pg_advisory_unlock_shared",
  "pg_advisory_unlock_all",
]);

/** Returns the function of a session that a statement calls in vain: a lock that it does not release. */
function calledIn(tokens: readonly Token[]): string | undefined {
  const calls = tokens.flatMap(({ kind, text }, i) =>
    kind === "word" && tokens[i + 1]?.text === "(" ? [text] : []
  );
  const lock = calls.find((name) => LOCKS.has(name));
  const unlock = calls.find((name) => UNLOCKS.has(name));
  if ((lock === undefined) !== (unlock === undefined)) return `${lock ?? unlock}()`;
  return setsOnly(tokens) ? "set_config()" : undefined;
}

/** Whether a statement is a SELECT of one `set_config(…, false)` and nothing else. */
function setsOnly(tokens: readonly Token[]): boolean {
  const words = tokens.map(({ text }) => text);
  const at = words[1] === "pg_catalog" ? 3 : 1;
  if (words[0] !== "select" || words[at] !== "set_config" || words[at + 1] !== "(") return false;
  let depth = 0;
  const end = words.findIndex((word, i) => {
    if (i <= at) return false;
    if (word === "(") depth++;
    return word === ")" && --depth === 0;
  });
  return words[end - 1] === "false" && !words.includes("from");
}

function hasPair(words: readonly string[], first: string, second: string): boolean {
  return words.some((word, i) => word === first && words[i + 1] === second);
}
