export { connect, createPool } from "@cornac/pg";
