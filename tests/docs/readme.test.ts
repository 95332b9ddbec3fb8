import { describeExamples } from "./describe_examples.ts";
import { readmeExamples } from "./found.ts";

describeExamples("README.md", readmeExamples(), 30);
