import { describeExamples } from "./describe_examples.ts";
import { pg8000Examples } from "./found.ts";

// As many as in pg8000's README, some of them two in one.
describeExamples("PG8000.md", pg8000Examples(), 36);
