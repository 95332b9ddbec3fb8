import { describeExamples } from "./describe_examples.ts";
import { docCommentExamples } from "./found.ts";

describeExamples("doc comments", docCommentExamples(), 11);
