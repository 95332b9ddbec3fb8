export { connect } from "@cornac/pg";
