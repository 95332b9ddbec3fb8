import process from "node:process";
import { test } from "node:test";
import { connect } from "../../mod.ts";
import { EXTENSION_CODECS } from "../../src/types/extensions.ts";
import { roundTrip } from "./types_round_trip.ts";
import type { Family, Row } from "./types_tables.ts";

const SQUARE = [[0, 0], [1, 0], [1, 1], [0, 0]];

/** A geometry, and the text that ST_GeomFromEWKT reads it from; the server prints its EWKB. */
const geometry = (type: string, coordinates: unknown, ewkt: string, more: object = {}): Row => {
  const value = { type, coordinates, ...more };
  return [value, ewkt, EXTENSION_CODECS.get("geometry")!.encodeText(value)];
};

const collection = (ewkt: string, geometries: unknown[], more: object = {}): Row => {
  const value = { type: "GeometryCollection", geometries, ...more };
  return [value, ewkt, EXTENSION_CODECS.get("geometry")!.encodeText(value)];
};

const CURVE =
  "01080000000300000000000000000000000000000000000000000000000000F03F000000000000F03F00000000000000400000000000000000";

/** By extension: the environment variable with the URL of a server, and the tables of the types. */
const EXTENSIONS: Readonly<Record<string, { variable: string; family: Family }>> = {
  postgis: {
    variable: "CORNAC_POSTGIS",
    family: {
      geometry: [
        geometry("Point", [1, 2], "POINT(1 2)"),
        geometry("Point", [1, 2, 3], "SRID=4326;POINT Z (1 2 3)", { srid: 4326 }),
        geometry("Point", [1, 2, 3], "POINT M (1 2 3)", { layout: "XYM" }),
        geometry("Point", [1, 2, 3, 4], "POINT ZM (1 2 3 4)", { layout: "XYZM" }),
        geometry("Point", [], "POINT EMPTY"),
        geometry("LineString", [[0, 0], [1, 1]], "LINESTRING(0 0,1 1)"),
        geometry("LineString", [], "LINESTRING EMPTY"),
        geometry("Polygon", [SQUARE], "SRID=3857;POLYGON((0 0,1 0,1 1,0 0))", { srid: 3857 }),
        geometry("MultiPoint", [[1, 2], []], "MULTIPOINT(1 2,EMPTY)"),
        geometry("MultiLineString", [[[0, 0], [1, 1]]], "MULTILINESTRING((0 0,1 1))"),
        geometry("MultiPolygon", [[SQUARE]], "MULTIPOLYGON(((0 0,1 0,1 1,0 0)))"),
        collection("GEOMETRYCOLLECTION EMPTY", []),
        collection("SRID=4326;GEOMETRYCOLLECTION(POINT(1 2),GEOMETRYCOLLECTION(POINT EMPTY))", [
          { type: "Point", coordinates: [1, 2] },
          { type: "GeometryCollection", geometries: [{ type: "Point", coordinates: [] }] },
        ], { srid: 4326 }),
        [CURVE, "CIRCULARSTRING(0 0,1 1,2 0)", CURVE],
      ],
      geography: [geometry("Point", [1, 2], "POINT(1 2)", { srid: 4326 })],
    },
  },
  vector: {
    variable: "CORNAC_PGVECTOR",
    family: {
      vector: [[[1.1, 2, -3e-5], "[1.1,2,-3e-05]"], [[-0, 3.4028235e38], "[-0,3.4028235e+38]"]],
      halfvec: [[[1, -2.5, 65504], "[1,-2.5,65504]"], [[5.9604645e-8], "[5.9604645e-08]"]],
      sparsevec: [
        [{ dimensions: 5, indices: [0, 2], values: [1.5, -2] }, "{1:1.5,3:-2}/5"],
        [{ dimensions: 5, indices: [], values: [] }, "{}/5"],
      ],
    },
  },
  cube: {
    variable: "CORNAC_POSTGIS",
    family: {
      cube: [
        [{ lower: [1, 2], upper: [3, 4.5] }, "(1,2),(3,4.5)", "(1, 2),(3, 4.5)"],
        [{ lower: [0.1], upper: [0.1] }, "(0.1)"],
        [{ lower: [], upper: [] }, "()"],
      ],
    },
  },
};

for (const [extension, { variable, family }] of Object.entries(EXTENSIONS)) {
  const url = process.env[variable];
  const skip = url === undefined && `no server with ${extension}: ${variable} has its URL`;
  for (const [type, rows] of Object.entries(family)) {
    test(
      `${type} of ${extension} goes to the server and comes back, alone and in every container`,
      { skip },
      async () => {
        const db = await connect(url!);
        try {
          await db.query(`create extension if not exists ${extension}`);
          await roundTrip(db, type, rows);
        } finally {
          await db.close();
        }
      },
    );
  }
}
