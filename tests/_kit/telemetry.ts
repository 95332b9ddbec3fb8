/** OpenTelemetry's SDK for tests: spans and metrics are collected in memory. */
import { context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";

/** A reader that exports nothing by itself. */
class Reader extends MetricReader {
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }
  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}

/** One value of a metric; of a histogram, the count of its values. */
export interface Measured {
  readonly name: string;
  readonly unit: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly value: number;
}

let manager: AsyncLocalStorageContextManager | undefined;

/** Returns providers that collect in memory; the process has one context manager. */
export function telemetry(): Telemetry {
  if (manager === undefined) {
    manager = new AsyncLocalStorageContextManager().enable();
    context.setGlobalContextManager(manager);
  }
  return new Telemetry();
}

/** Providers of tracers and meters, and what they have collected. */
export class Telemetry {
  readonly #exporter = new InMemorySpanExporter();
  readonly #reader = new Reader();
  readonly tracers: BasicTracerProvider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(this.#exporter)],
  });
  readonly meters: MeterProvider = new MeterProvider({ readers: [this.#reader] });

  /** Returns the spans that have ended, in the order of their ends. */
  get spans(): ReadableSpan[] {
    return this.#exporter.getFinishedSpans();
  }

  /** Returns the names of the spans that have ended, each with that of its parent. */
  get names(): string[] {
    const byId = new Map(this.spans.map((span) => [span.spanContext().spanId, span.name]));
    return this.spans.map(({ name, parentSpanContext: parent }) => {
      return parent === undefined ? name : `${name} in ${byId.get(parent.spanId) ?? "another"}`;
    });
  }

  /** Returns all values of the metrics. */
  async measured(): Promise<Measured[]> {
    const { resourceMetrics } = await this.#reader.collect();
    return resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics).flatMap((metric) =>
      metric.dataPoints.map(({ attributes, value }) => ({
        name: metric.descriptor.name,
        unit: metric.descriptor.unit,
        attributes,
        value: typeof value === "number" ? value : Number((value as { count: number }).count),
      }))
    );
  }
}
