/** The spans of operations. */
import {
  context,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import type { AnyTrace } from "./attributes.ts";
import { spanAttributes, spanName } from "./attributes.ts";
import { guarded } from "./guarded.ts";
import type { InstrumentationOptions, OperationKind } from "./options.ts";
import { cutText, sanitizedText } from "./query_text.ts";

/** The spans of the operations that run. */
export class Spans {
  tracer: Tracer;
  options: InstrumentationOptions;
  readonly #running = new WeakMap<object, Span>();

  constructor(tracer: Tracer, options: InstrumentationOptions) {
    this.tracer = tracer;
    this.options = options;
  }

  /** Starts the span of an operation and returns the context in which the operation runs. */
  start(kind: OperationKind, message: AnyTrace): ReturnType<typeof context.active> {
    const active = context.active();
    const { operations, requireParentSpan, onStart } = this.options;
    if (operations !== undefined && !operations.includes(kind)) return active;
    if (requireParentSpan && trace.getSpan(active) === undefined) return active;
    const attributes = spanAttributes(message);
    const text = this.#text(message);
    if (text !== undefined) attributes["db.query.text"] = text;
    const name = spanName(kind, message);
    const span = guarded("the tracer", () => {
      return this.tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, active);
    });
    if (span === undefined) return active;
    this.#running.set(message, span);
    if (onStart !== undefined) guarded("onStart", () => onStart(span, message));
    return trace.setSpan(active, span);
  }

  /** Ends the span of an operation. */
  end(kind: OperationKind, message: AnyTrace): void {
    const span = this.#running.get(message);
    if (span === undefined) return;
    this.#running.delete(message);
    if (span.isRecording()) {
      span.setAttributes(spanAttributes(message));
      span.updateName(spanName(kind, message));
      if ("error" in message) this.#fail(span, message);
    }
    const { onEnd } = this.options;
    if (onEnd !== undefined) guarded("onEnd", () => onEnd(span, message));
    guarded("the tracer", () => span.end());
  }

  #fail(span: Span, message: AnyTrace): void {
    const text = this.options.errorMessages ? messageOf(message.error) : describe(message);
    span.setStatus({ code: SpanStatusCode.ERROR, message: text });
    const name = message.error instanceof Error ? message.error.name : "Error";
    span.recordException({ name, message: text });
  }

  #text(message: AnyTrace): string | undefined {
    const text = message["db.query.text"];
    const { queryText = "sanitized" } = this.options;
    if (typeof text !== "string" || queryText === "none") return undefined;
    const isWithoutValues = queryText === "full" || Number(message.parameterCount) > 0;
    return isWithoutValues ? cutText(text) : sanitizedText(text);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Returns the class and the SQLSTATE of an error, which contain no values. The message has them: the
 * error may be of another copy of this package.
 */
function describe(message: AnyTrace): string {
  const { error, "error.type": type } = message;
  const name = error instanceof Error ? error.name : "Error";
  return type === undefined || type === name ? name : `${name} (${type})`;
}
