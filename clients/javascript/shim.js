/**
 * Repairs jco's preview2-shim, which is WASI in Node: its `flush` holds up the whole process until
 * the peer has taken everything, where WASI says that it never blocks. One peer that does not read
 * would stop all others, and a client and a server in one process would wait for each other.
 *
 * @module
 */

const PACKAGE = '@bytecodealliance/preview2-shim/io';
const mended = Symbol.for('portcullis.flush');

/**
 * Makes `flush` only note the call, and lets `checkWrite` report no room until all has left, as
 * WASI specifies. All has left when there is as much room as there ever was.
 * @param {{ OutputStream: Function }} streams those of `preview2-shim/io`
 */
export function mend({ OutputStream: { prototype } }) {
  if (prototype[mended]) return;
  prototype[mended] = true;
  const { checkWrite } = prototype;
  const states = new WeakMap();
  const stateOf = (stream) => {
    if (!states.has(stream)) states.set(stream, { most: 0n, flushes: false });
    return states.get(stream);
  };
  prototype.checkWrite = function () {
    const state = stateOf(this);
    const room = checkWrite.call(this);
    if (room >= state.most) state.flushes = false;
    state.most = room > state.most ? room : state.most;
    return state.flushes ? 0n : room;
  };
  prototype.flush = function () {
    stateOf(this).flushes = true;
  };
}

/** The streams of the shim that the program has taken `poll` from, where it can be found. */
export function findStreams(poll) {
  const { process } = globalThis;
  const { createRequire } = process?.getBuiltinModule?.('node:module') ?? {};
  if (!createRequire) return undefined;
  for (const place of [process.argv[1], `${process.cwd()}/program`]) {
    try {
      const io = createRequire(place)(PACKAGE);
      if (io.poll === poll) return io.streams;
    } catch {
      // The shim is not there, or this Node cannot load it: a program can still pass `streams`.
    }
  }
  return undefined;
}
