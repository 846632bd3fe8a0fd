/**
 * Checks and normalises what callers pass, before the bindings see it: their own complaints name no
 * option, and they take some wrong values for something else. No error holds the value itself: it
 * may be a key.
 *
 * @module
 */

const KEY_TEXT = /-----|BEGIN [A-Z0-9 ]|[\r\n\0]/; // PEM, or at least no path.
const BARE_BASE64 = /^M[A-P][A-Za-z0-9+/=_-]{40,}$/; // The base64 of DER begins with these.
const BUFFER_LENGTHS = [ArrayBuffer, globalThis.SharedArrayBuffer]
  .filter((kind) => kind)
  .map((kind) => Object.getOwnPropertyDescriptor(kind.prototype, 'byteLength').get);

/** An error of the caller's, with the `code` that the component's have. */
const coded = (error) => Object.assign(error, { code: 'invalid-argument' });
export const typeError = (message) => coded(new TypeError(message));
export const rangeError = (message) => coded(new RangeError(message));

/** The type of a value, in words. */
export function kindOf(value) {
  if (value === null || typeof value === 'boolean' || typeof value === 'undefined') {
    return String(value);
  }
  if (Array.isArray(value)) return 'an array';
  const type = typeof value;
  return type === 'object' ? 'an object' : `a ${type}`;
}

const wrong = (name, expected, value) => {
  throw typeError(`${name} must be ${expected}, not ${kindOf(value)}`);
};

export function text(value, name) {
  return typeof value === 'string' ? value : wrong(name, 'a string', value);
}

export function flag(value, name) {
  return typeof value === 'boolean' ? value : wrong(name, 'true or false', value);
}

export function callable(value, name) {
  return typeof value === 'function' ? value : wrong(name, 'a function', value);
}

export const oneOf = (...words) => (value, name) => {
  if (words.includes(value)) return value;
  const all = words.map((word) => `'${word}'`).join(' or ');
  const kind = typeof value === 'string' ? 'another string' : kindOf(value);
  throw typeError(`${name} must be ${all}, not ${kind}`);
};

/** A whole number between two, inclusive. */
export const whole = (least, most) => (value, name) => {
  if (typeof value !== 'number') return wrong(name, 'a number', value);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`;
  throw rangeError(`${name} must be a whole number, ${range}, not ${value}`);
};

/** An object with names, as options are. */
export function record(value, name) {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isRecord ? value : wrong(name, 'an object', value);
}

/** One or several of these, as an array. */
export const several = (check) => (value, name) =>
  Array.isArray(value)
    ? value.map((each, at) => check(each, `${name}[${at}]`))
    : [check(value, name)];

/** Whether it is a buffer, of this realm or another. */
const isBuffer = (value) =>
  BUFFER_LENGTHS.some((length) => {
    try {
      length.call(value);
      return true;
    } catch {
      return false;
    }
  });

/** The bytes of a buffer or a view, whatever the size of its elements; else undefined. */
function viewed(value) {
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  return isBuffer(value) ? new Uint8Array(value) : undefined;
}

/** The bytes of a buffer, a view or, if it may be one, a string, as UTF-8. */
export function bytes(value, name, mayBeText = false) {
  if (mayBeText && typeof value === 'string') return new TextEncoder().encode(value);
  let found;
  try {
    found = viewed(value);
  } catch {
    throw typeError(`${name} is of a buffer that was transferred to somebody else`);
  }
  const expected = 'a Uint8Array, another view or an ArrayBuffer';
  return found ?? wrong(name, mayBeText ? `a string, ${expected}` : expected, value);
}

/** A path. What looks like a key is refused here, since later errors name the path. */
export function path(value, name) {
  text(value, name);
  if (KEY_TEXT.test(value) || BARE_BASE64.test(value)) {
    throw typeError(`${name}: PEM text where a path belongs; pass bytes, as of TextEncoder`);
  }
  if (value === '') throw typeError(`${name} must not be empty`);
  return value;
}

/** Where a certificate or key comes from: a path or bytes. */
export const source = (value, name) =>
  typeof value === 'string'
    ? { tag: 'path', val: path(value, name) }
    : { tag: 'bytes', val: bytes(value, name) };

/** The 32 bytes of a SHA-256, from them or from their hexadecimal digits. */
export function fingerprint(value, name) {
  if (typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value)) {
    return Uint8Array.from(value.match(/../g), (digits) => parseInt(digits, 16));
  }
  const found = typeof value === 'string' ? undefined : bytes(value, name);
  if (found?.length === 32) return found;
  throw typeError(`${name} must be 64 hexadecimal digits or 32 bytes, the SHA-256 of a public key`);
}
