/** Reads the JUnit reports of `deno test`, `bun test` and `node --test`, which differ a little. */

/** One test of a report. A test that has subtests is not listed, its subtests are. */
export interface TestCase {
  /** Names from the outside in, joined by " > ". */
  readonly name: string;
  readonly file: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it was skipped, or how it failed, as far as the report says. */
  readonly detail: string;
  /** The time that it took, as far as the report says. */
  readonly seconds?: number;
}

/** All tests of a report. */
export function parseJunit(xml: string): TestCase[] {
  const cases: TestCase[] = [];
  const suites: string[] = [];
  for (const element of elements(xml)) {
    if (element.tag === "testsuite") suites.push(suiteName(element));
    else if (element.tag === "/testsuite") suites.pop();
    else cases.push(testCase(element, suites.filter((name) => name !== "")));
  }
  return withoutParents(cases.filter((test) => !isFile(test)));
}

/** Node lists a file without tests, and one that crashed, as a test. */
function isFile({ name, outcome }: TestCase): boolean {
  return outcome === "passed" && /\.test\.[tj]s$/.test(name);
}

interface Element {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly body: string;
}

function* elements(xml: string): Generator<Element> {
  const pattern =
    /<testcase\b([^>]*?)\/>|<testcase\b([^>]*[^/])>([\s\S]*?)<\/testcase>|<(\/?testsuite)\b([^>]*)>/g;
  // In tags alone: Node writes quotes into a failure's text as they are.
  const quoted = xml.replace(
    /<\w(?:[^"<>]|"[^"]*")*>/g,
    (tag) => tag.replace(/"[^"]*"/g, (value) => value.replaceAll(">", "&gt;")),
  );
  for (const [, empty, open, body = "", tag, suite] of quoted.matchAll(pattern)) {
    if (tag?.startsWith("/") === false && suite?.endsWith("/")) continue;
    const text = empty ?? open ?? suite ?? "";
    yield { tag: tag ?? "testcase", attributes: attributesOf(text), body };
  }
}

function attributesOf(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([\w-]+)="([^"]*)"/g)];
  return Object.fromEntries(pairs.map(([, name, value]) => [name!, unescape(value!)]));
}

/** Deno's and Bun's outer suites are files. */
function suiteName({ attributes }: Element): string {
  return /\.ts$|\.js$|^ext:/.test(attributes.name ?? "") ? "" : attributes.name ?? "";
}

function testCase({ attributes, body }: Element, suites: readonly string[]): TestCase {
  const skipped = /<skipped\b([^>]*)>/.exec(body);
  const failed = /<(?:failure|error)\b([^>]*)>([\s\S]*?)<\//.exec(body);
  const empty = /<(?:failure|error)\b([^>]*)\/>/.exec(body);
  const message = attributesOf((skipped ?? failed ?? empty)?.[1] ?? "").message ?? "";
  const text = unescape(failed?.[2]?.trim() ?? "");
  return {
    name: [...suites, attributes.name ?? ""].join(" > "),
    file: attributes.file ?? attributes.classname ?? "",
    outcome: skipped ? "skipped" : failed ?? empty ? "failed" : "passed",
    detail: skipped ? message.replace(/^true$/, "") : text || message,
    seconds: Number(attributes.time ?? 0),
  };
}

/** Deno lists parents too. One that failed by itself stays. */
function withoutParents(cases: readonly TestCase[]): TestCase[] {
  return cases.filter((parent) => {
    const children = cases.filter(({ name }) => name.startsWith(`${parent.name} > `));
    if (children.length === 0) return true;
    return parent.outcome === "failed" && children.every(({ outcome }) => outcome !== "failed");
  });
}

function unescape(text: string): string {
  const plain = text.replace(
    /&(lt|gt|quot|apos|#10|#x27|#39);/g,
    (_, name) => ENTITIES[name] ?? "",
  );
  return plain.replaceAll("&amp;", "&").replaceAll("&quot;", '"');
}

const ENTITIES: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  "#10": "\n",
  "#x27": "'",
  "#39": "'",
};
