/** The options of the instrumentation. */
import type { Span } from "@opentelemetry/api";
import { InterfaceError } from "../errors/errors.ts";
import type { TraceMessage } from "../trace.ts";

/** A kind of operation; each has its channel, `cornac.pg:query` for example. */
export type OperationKind = "connect" | "query" | "batch" | "transaction" | "copy";

/** The kinds of operations. */
export const OPERATIONS: readonly OperationKind[] = ["connect", "query", "batch"]
  .concat("transaction", "copy") as OperationKind[];

/** Options of {@linkcode CornacInstrumentation}. */
export interface InstrumentationOptions {
  /** Whether {@linkcode CornacInstrumentation} starts enabled, as other instrumentations do; `false` by default. */
  readonly enabled?: boolean | undefined;
  /** The kinds of operations that get spans; all by default. Metrics do not depend on it. */
  readonly operations?: readonly OperationKind[] | undefined;
  /** Whether an operation gets a span only within another span; `false` by default. */
  readonly requireParentSpan?: boolean | undefined;
  /**
   * The text of queries in spans, `db.query.text`.
   *
   * - `"sanitized"`, the default: the text as written if it has parameters, whose values it does not
   *   contain; else with `?` in place of its literals.
   * - `"full"`: always the text as written.
   * - `"none"`: no text.
   */
  readonly queryText?: "sanitized" | "full" | "none" | undefined;
  /**
   * Whether spans contain the messages of errors, in which the server may quote values; `false` by
   * default: then they contain the error's class and its SQLSTATE.
   */
  readonly errorMessages?: boolean | undefined;
  /**
   * Called when a span has been started; to add attributes, for example. An error that it throws is
   * logged by OpenTelemetry's `diag`.
   */
  readonly onStart?: ((span: Span, message: TraceMessage) => void) | undefined;
  /** Called before a span ends. An error that it throws is logged by OpenTelemetry's `diag`. */
  readonly onEnd?: ((span: Span, message: TraceMessage) => void) | undefined;
}

const CHECKS: Readonly<Record<keyof InstrumentationOptions, (value: unknown) => string | false>> = {
  enabled: (value) => typeof value !== "boolean" && "a boolean",
  operations: (value) => !isListOfKinds(value) && `a list of ${OPERATIONS.join(", ")}`,
  requireParentSpan: (value) => typeof value !== "boolean" && "a boolean",
  queryText: (value) =>
    !["sanitized", "full", "none"].includes(value as string) && `"sanitized", "full" or "none"`,
  errorMessages: (value) => typeof value !== "boolean" && "a boolean",
  onStart: (value) => typeof value !== "function" && "a function",
  onEnd: (value) => typeof value !== "function" && "a function",
};

function isListOfKinds(value: unknown): boolean {
  return Array.isArray(value) && value.every((kind) => OPERATIONS.includes(kind));
}

/**
 * Returns a copy of the options.
 *
 * @throws {InterfaceError} an option is unknown, or has a wrong value.
 */
export function checkedOptions(options: InstrumentationOptions): InstrumentationOptions {
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(CHECKS, name)) {
      throw new InterfaceError(`unknown option "${name}" of CornacInstrumentation`);
    }
    const wanted = value !== undefined && CHECKS[name as keyof InstrumentationOptions](value);
    if (wanted) throw new InterfaceError(`${name} must be ${wanted}`);
  }
  return { ...options };
}
