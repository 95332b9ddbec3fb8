import { diag } from "@opentelemetry/api";

/**
 * Calls a function of the application or of its SDK. An error is logged by OpenTelemetry's `diag` and
 * goes no further: thrown to a channel, it would end the process.
 */
export function guarded<T>(what: string, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    diag.error(`@cornac/pg: ${what} has thrown an error`, error);
    return undefined;
  }
}
