/**
 * What the checks of the wrapper are written with.
 *
 * @module
 */

import { TlsError } from './portcullis.js';

/** Prints `ok NAME` or `not ok NAME: why` for each check, and counts those that failed. */
export class Report {
  failed = 0;
  #print;

  constructor(print) {
    this.#print = print;
  }

  /** Runs one claim; it fails by throwing. */
  check = async (name, claim) => {
    try {
      await claim();
      this.#print(`ok ${name}`);
    } catch (error) {
      this.failed += 1;
      const isOurs = error instanceof TlsError;
      this.#print(`not ok ${name}: ${error?.stack && !isOurs ? `${error} ${error.stack}` : error}`);
    }
  };
}

export function equal(found, expected) {
  if (found !== expected) throw new Error(`found ${found}, expected ${expected}`);
}

/** Asserts that a text has each of these parts. */
export function includes(found, ...parts) {
  const missing = parts.find((part) => !found.includes(part));
  if (missing !== undefined) throw new Error(`${missing} is missing in: ${found}`);
}

/** The error that an operation throws or that its promise rejects with; it has to fail. */
export async function failure(operation) {
  try {
    await operation();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

/** Asserts that it fails with this code, with a message, and with this reason if one is given. */
export async function refused(operation, code, reason) {
  const error = await failure(operation);
  if (!(error instanceof TlsError)) throw error;
  equal(error.code, code);
  equal(error.value?.reason, reason);
  if (!error.message || error.message === code) throw new Error('there is no message');
  return error;
}

/** Asserts that an argument is refused with an error of this class whose text has these parts. */
export async function unwanted(operation, kind, ...parts) {
  const error = await failure(operation);
  if (!(error instanceof kind)) throw error;
  equal(error.code, 'invalid-argument');
  includes(error.message, ...parts);
}

/** An array of this length whose bytes depend on their places. */
export const patterned = (length) =>
  Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 255);

export const decoded = (plaintext) => new TextDecoder().decode(plaintext);

/** Reads exactly that many bytes from the peer; fails if the end comes before. */
export async function take(connection, length) {
  const taken = new Uint8Array(length);
  let at = 0;
  for (let chunk; at < length && (chunk = await connection.read(length - at)); at += chunk.length) {
    taken.set(chunk, at);
  }
  equal(at, length);
  return taken;
}

export function same(found, expected) {
  equal(found.length, expected.length);
  const at = found.findIndex((byte, at) => byte !== expected[at]);
  if (at >= 0) throw new Error(`byte ${at} differs`);
}

/** A turn of the event loop. */
export const turn = () => new Promise((done) => setTimeout(done, 0));
