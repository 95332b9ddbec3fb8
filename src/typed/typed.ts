/**
 * Types for SQL: what a statement's parameters and columns are, NULL included, by PostgreSQL's own
 * analysis of it, and the TypeScript for them.
 *
 * @module
 */
export type { DescribedType } from "./described_type.ts";
export {
  inspect,
  type InspectedColumn,
  type InspectedParameter,
  type Inspection,
  type InspectOptions,
} from "./inspect.ts";
export type { JsonProperty, JsonShape, JsonValue } from "./json_shape.ts";
export { type Typescript, typescriptOf, type TypescriptOptions } from "./typescript.ts";
