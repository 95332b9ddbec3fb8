/** The powers of ten that a double holds exactly; `**` is not exact on every engine. */
// deno-fmt-ignore
const TEN: readonly number[] = [
  1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
  1e18, 1e19, 1e20, 1e21, 1e22,
];
/** FLT_MIN: below it, floats have fewer digits. */
const SUBNORMAL = 2 ** -126;

/**
 * Returns the shortest decimal that is read as the float32 `value`, and the nearest of these, as the
 * server prints it (f2s.c, Ryu). The search begins with six digits (FLT_DIG), or one for a subnormal
 * float; nine always suffice.
 */
export function shortestFloat32(value: number): number {
  const size = Math.abs(value);
  if (!(size < Infinity) || (size < 1e6 && Math.round(value) === value)) return value;
  const magnitude = Math.floor(Math.log10(size));
  for (let digits = size < SUBNORMAL ? 1 : 6; digits < 10; digits++) {
    const places = digits - 1 - magnitude;
    const decimal = places >= -22 && places <= 22
      ? scaledDecimal(size, places)
      : printedDecimal(size, digits);
    if (!Number.isNaN(decimal)) return value < 0 ? -decimal : decimal;
  }
  return value;
}

/**
 * Reports whether a double lies exactly between two floats. The server, which reads the decimal text,
 * may then round differently from `Math.fround`, so that such a value is sent as text.
 */
export function isBetweenFloats(value: number): boolean {
  const single = Math.fround(value);
  const mirrored = single + 2 * (value - single);
  return mirrored !== single && Math.fround(mirrored) === mirrored;
}

/**
 * Returns the decimal with `places` places that is read as `size`; NaN when there is none. The factor
 * and the integer are exact, so that the result is the double nearest to the decimal.
 */
function scaledDecimal(size: number, places: number): number {
  const integer = nearest(scaled(size, places));
  const decimal = scaled(integer, -places);
  if (names(decimal, size)) return decimal;
  // Floats are closer below a power of two than above it: the next decimal up may fit instead.
  const above = scaled(integer + 1, -places);
  return names(above, size) ? above : NaN;
}

/** Does as {@linkcode scaledDecimal} by way of the text, where the powers of ten are not exact. */
function printedDecimal(size: number, digits: number): number {
  const text = size.toExponential(digits - 1);
  if (names(Number(text), size)) return Number(text);
  const [mantissa, exponent] = text.split("e");
  const integer = Number(mantissa!.replace(".", "")) + 1;
  const above = Number(`${integer}e${Number(exponent) - digits + 1}`);
  return names(above, size) ? above : NaN;
}

function names(decimal: number, size: number): boolean {
  return Math.fround(decimal) === size && !isBetweenFloats(decimal);
}

function scaled(value: number, places: number): number {
  return places < 0 ? value / TEN[-places]! : value * TEN[places]!;
}

/** Rounds to an integer, a half to the even one. */
function nearest(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
