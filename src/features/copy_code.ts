/** The code of COPY, which is loaded with the first one. */
export { copyIn } from "./copy_in.ts";
export { CopyOut } from "./copy_out.ts";
export { copyRowsFrom, copyRowsTo } from "./copy_rows.ts";
