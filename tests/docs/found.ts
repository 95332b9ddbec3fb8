/** All examples of the repository. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Block, blocksOf, docCommentBlocks } from "./blocks.ts";
import { ROOT } from "./run_block.ts";

/** An example, and the module whose names it may use without importing them. */
export interface Example {
  readonly block: Block;
  readonly module?: string;
}

/** The examples in README.md. */
export function readmeExamples(): Example[] {
  return blocksOf(text("README.md"), "README.md").map((block) => ({ block }));
}

/** The examples of the pages in docs/. */
export function pageExamples(): Example[] {
  return readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .sort()
    .flatMap((name) => blocksOf(text(`docs/${name}`), `docs/${name}`))
    .map((block) => ({ block }));
}

/** The examples in PG8000.md. */
export function pg8000Examples(): Example[] {
  return blocksOf(text("PG8000.md"), "PG8000.md").map((block) => ({ block }));
}

/** The examples in the modules' comments; the npm package has them in its declarations. */
export function docCommentExamples(): Example[] {
  const inSource = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
    .map((name) => join("src", name));
  return inSource.concat(readdirSync(ROOT).filter((name) => name.startsWith("mod.")))
    .filter((file) => file.endsWith(".ts"))
    .sort()
    .flatMap((file) => {
      const module = join(ROOT, file.replace(/\.d\.ts$/, ".js"));
      return docCommentBlocks(text(file), file).map((block) => ({ block, module }));
    });
}

function text(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}
