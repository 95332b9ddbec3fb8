/**
 * OIDs of types by the names that pg8000 gives them, with PEP 249's type objects (`BINARY`,
 * `DATETIME`, `NUMBER`, `ROWID`, `STRING`). `description` and `columns` report them; `types`,
 * `setinputsizes()` and `registerInAdapter()` take them.
 */
import { OIDS } from "../types/oids.ts";

/** OID of `anyarray`. */
export const ANY_ARRAY: number = OIDS.anyarray;
/** OID of `int8`. */
export const BIGINT: number = OIDS.int8;
/** OID of `int8`. */
export const BIGINTEGER: number = OIDS.int8;
/** OID of `int8[]`. */
export const BIGINT_ARRAY: number = OIDS._int8;
/** OID of `bytea`. */
export const BINARY: number = OIDS.bytea;
/** OID of `bool`. */
export const BOOLEAN: number = OIDS.bool;
/** OID of `bool[]`. */
export const BOOLEAN_ARRAY: number = OIDS._bool;
/** OID of `bytea`. */
export const BYTES: number = OIDS.bytea;
/** OID of `bytea[]`. */
export const BYTES_ARRAY: number = OIDS._bytea;
/** OID of `bpchar`. */
export const CHAR: number = OIDS.bpchar;
/** OID of `bpchar[]`. */
export const CHAR_ARRAY: number = OIDS._bpchar;
/** OID of `cidr`. */
export const CIDR: number = OIDS.cidr;
/** OID of `cidr[]`. */
export const CIDR_ARRAY: number = OIDS._cidr;
/** OID of `cstring`. */
export const CSTRING: number = OIDS.cstring;
/** OID of `cstring[]`. */
export const CSTRING_ARRAY: number = OIDS._cstring;
/** OID of `date`. */
export const DATE: number = OIDS.date;
/** OID of `datemultirange`. */
export const DATEMULTIRANGE: number = OIDS.datemultirange;
/** OID of `datemultirange[]`. */
export const DATEMULTIRANGE_ARRAY: number = OIDS._datemultirange;
/** OID of `daterange`. */
export const DATERANGE: number = OIDS.daterange;
/** OID of `daterange[]`. */
export const DATERANGE_ARRAY: number = OIDS._daterange;
/** OID of `timestamp`. */
export const DATETIME: number = OIDS.timestamp;
/** OID of `date[]`. */
export const DATE_ARRAY: number = OIDS._date;
/** OID of `numeric`. */
export const DECIMAL: number = OIDS.numeric;
/** OID of `numeric[]`. */
export const DECIMAL_ARRAY: number = OIDS._numeric;
/** OID of `float8`. */
export const FLOAT: number = OIDS.float8;
/** OID of `float8[]`. */
export const FLOAT_ARRAY: number = OIDS._float8;
/** OID of `inet`. */
export const INET: number = OIDS.inet;
/** OID of `inet[]`. */
export const INET_ARRAY: number = OIDS._inet;
/** OID of `int2vector`. */
export const INT2VECTOR: number = OIDS.int2vector;
/** OID of `int4multirange`. */
export const INT4MULTIRANGE: number = OIDS.int4multirange;
/** OID of `int4multirange[]`. */
export const INT4MULTIRANGE_ARRAY: number = OIDS._int4multirange;
/** OID of `int4range`. */
export const INT4RANGE: number = OIDS.int4range;
/** OID of `int4range[]`. */
export const INT4RANGE_ARRAY: number = OIDS._int4range;
/** OID of `int8multirange`. */
export const INT8MULTIRANGE: number = OIDS.int8multirange;
/** OID of `int8multirange[]`. */
export const INT8MULTIRANGE_ARRAY: number = OIDS._int8multirange;
/** OID of `int8range`. */
export const INT8RANGE: number = OIDS.int8range;
/** OID of `int8range[]`. */
export const INT8RANGE_ARRAY: number = OIDS._int8range;
/** OID of `int4`. */
export const INTEGER: number = OIDS.int4;
/** OID of `int4[]`. */
export const INTEGER_ARRAY: number = OIDS._int4;
/** OID of `interval`. */
export const INTERVAL: number = OIDS.interval;
/** OID of `interval[]`. */
export const INTERVAL_ARRAY: number = OIDS._interval;
/** OID of `json`. */
export const JSON: number = OIDS.json;
/** OID of `jsonb`. */
export const JSONB: number = OIDS.jsonb;
/** OID of `jsonb[]`. */
export const JSONB_ARRAY: number = OIDS._jsonb;
/** OID of `json[]`. */
export const JSON_ARRAY: number = OIDS._json;
/** OID of `macaddr`. */
export const MACADDR: number = OIDS.macaddr;
/** OID of `money`. */
export const MONEY: number = OIDS.money;
/** OID of `money[]`. */
export const MONEY_ARRAY: number = OIDS._money;
/** OID of `name`. */
export const NAME: number = OIDS.name;
/** OID of `name[]`. */
export const NAME_ARRAY: number = OIDS._name;
/** OID of `numeric`. */
export const NUMBER: number = OIDS.numeric;
/** OID of `numeric`. */
export const NUMERIC: number = OIDS.numeric;
/** OID of `numeric[]`. */
export const NUMERIC_ARRAY: number = OIDS._numeric;
/** OID of `nummultirange`. */
export const NUMMULTIRANGE: number = OIDS.nummultirange;
/** OID of `nummultirange[]`. */
export const NUMMULTIRANGE_ARRAY: number = OIDS._nummultirange;
/** OID of `numrange`. */
export const NUMRANGE: number = OIDS.numrange;
/** OID of `numrange[]`. */
export const NUMRANGE_ARRAY: number = OIDS._numrange;
/** OID of `oid`. */
export const OID: number = OIDS.oid;
/** OID of `point`. */
export const POINT: number = OIDS.point;
/** OID of `float4`. */
export const REAL: number = OIDS.float4;
/** OID of `float4[]`. */
export const REAL_ARRAY: number = OIDS._float4;
/** OID of `record`. */
export const RECORD: number = OIDS.record;
/** OID of `oid`. */
export const ROWID: number = OIDS.oid;
/** OID of `int2`. */
export const SMALLINT: number = OIDS.int2;
/** OID of `int2[]`. */
export const SMALLINT_ARRAY: number = OIDS._int2;
/** OID of `int2vector`. */
export const SMALLINT_VECTOR: number = OIDS.int2vector;
/** OID of `varchar`. */
export const STRING: number = OIDS.varchar;
/** OID of `text`. */
export const TEXT: number = OIDS.text;
/** OID of `text[]`. */
export const TEXT_ARRAY: number = OIDS._text;
/** OID of `time`. */
export const TIME: number = OIDS.time;
/** OID of `interval`. */
export const TIMEDELTA: number = OIDS.interval;
/** OID of `timestamp`. */
export const TIMESTAMP: number = OIDS.timestamp;
/** OID of `timestamptz`. */
export const TIMESTAMPTZ: number = OIDS.timestamptz;
/** OID of `timestamptz[]`. */
export const TIMESTAMPTZ_ARRAY: number = OIDS._timestamptz;
/** OID of `timestamp[]`. */
export const TIMESTAMP_ARRAY: number = OIDS._timestamp;
/** OID of `time[]`. */
export const TIME_ARRAY: number = OIDS._time;
/** OID of `tsmultirange`. */
export const TSMULTIRANGE: number = OIDS.tsmultirange;
/** OID of `tsmultirange[]`. */
export const TSMULTIRANGE_ARRAY: number = OIDS._tsmultirange;
/** OID of `tsrange`. */
export const TSRANGE: number = OIDS.tsrange;
/** OID of `tsrange[]`. */
export const TSRANGE_ARRAY: number = OIDS._tsrange;
/** OID of `tstzmultirange`. */
export const TSTZMULTIRANGE: number = OIDS.tstzmultirange;
/** OID of `tstzmultirange[]`. */
export const TSTZMULTIRANGE_ARRAY: number = OIDS._tstzmultirange;
/** OID of `tstzrange`. */
export const TSTZRANGE: number = OIDS.tstzrange;
/** OID of `tstzrange[]`. */
export const TSTZRANGE_ARRAY: number = OIDS._tstzrange;
/** OID of `unknown`. */
export const UNKNOWN: number = OIDS.unknown;
/** OID of `uuid[]`. */
export const UUID_ARRAY: number = OIDS._uuid;
/** OID of `uuid`. */
export const UUID_TYPE: number = OIDS.uuid;
/** OID of `varchar`. */
export const VARCHAR: number = OIDS.varchar;
/** OID of `varchar[]`. */
export const VARCHAR_ARRAY: number = OIDS._varchar;
/** OID of `xid`. */
export const XID: number = OIDS.xid;
/** No type: the server chooses. */
export const NULLTYPE: number = -1;
