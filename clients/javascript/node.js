/**
 * `connect`, `start`, `listen`, `context` and what is supported, in Node: over the component as jco
 * makes a module of it, which is in the npm package alone.
 *
 * @module
 */

import { monotonicClock } from '@bytecodealliance/preview2-shim/clocks';
import { poll, streams } from '@bytecodealliance/preview2-shim/io';

import { certificate, context as contexts, errors, listener, port } from './transpiled/portcullis.js';
import { portcullis } from './portcullis.js';

export { Connection, Listener, TlsError } from './portcullis.js';

/** The interfaces that `portcullis()` gets in Node. */
export const interfaces = {
  certificate, context: contexts, errors, listener, port, monotonicClock, poll, streams,
};

/** The functions of `portcullis()`; see there. */
export const { connect, context, listen, start, supportedGroups, supportedSignatureSchemes } =
  portcullis(interfaces);
