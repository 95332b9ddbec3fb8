import { describeExamples } from "./describe_examples.ts";
import { pageExamples } from "./found.ts";

describeExamples("docs/", pageExamples(), 1);
