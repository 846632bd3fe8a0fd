/**
 * Errors of calls, and one engine that waits for all connections and listeners together. It knows
 * neither options nor what the calls are for.
 *
 * @module
 */

import { nodeCode } from './codes.js';

const MILLISECOND = 1_000_000n; // Of the clock's nanoseconds.
const SLICE = 10n * MILLISECOND; // The longest wait, so that other events have their turn.
const ACTIVE = MILLISECOND; // For this long after the last event it looks as often as it can.
const PATIENCE = 8n; // After that, the pause between two looks is this part of the time waited.
/** What each waits for: a pollable, or, for a context, what `Handle.ask` has begun. */
const WAITS = {
  'want-accept': ['subscribe'],
  'want-connect': ['subscribe'],
  'want-context': [],
  'want-read': ['subscribe'],
  'want-write': ['subscribeWrite'],
};

/** Frees a resource of the component. */
export const dispose = (resource) => resource[Symbol.dispose ?? Symbol.for('dispose')]();

/** A failure of TLS, of the network below it or of the configuration. */
export class TlsError extends Error {
  /** @param {{ tag: string, val?: unknown }} error a `types.error` @param {string} message */
  constructor(error, message) {
    super(message);
    this.name = 'TlsError';
    /** The case of `types.error`: `certificate`, `timeout`, `closed`. @type {string} */
    this.code = error.tag;
    /** What the case holds: the record of `certificate`, the timer of `timeout`. */
    this.value = error.val;
    /** What Node or OpenSSL calls it, `CERT_HAS_EXPIRED`. @type {string | undefined} */
    this.nodeCode = nodeCode(error);
  }
}

/** A port or listener of the component, and the operations that wait for it. */
export class Handle {
  #resource;
  #hasHandshake;
  #isReady = false;
  #answer;
  #asked;
  #failure;
  waits = new Set();

  /**
   * @param {object} resource @param {() => boolean} [hasHandshake] whether a port's is done
   * @param {(handle: Handle) => Promise<void>} [answer] gives a port the context that it asks for
   */
  constructor(resource, hasHandshake = () => false, answer = undefined) {
    [this.#resource, this.#hasHandshake, this.#answer] = [resource, hasHandshake, answer];
  }

  /** Whether this is to be waited for; for a context, if somebody gives it one. */
  waitsFor(tag) {
    return tag === 'want-context' ? this.#answer !== undefined : tag in WAITS;
  }

  /** Has the port given a context, once, and wakes what waits for it. */
  ask() {
    this.#asked ??= this.#answer(this).finally(() => this.wakeAll());
  }

  /** Has every later operation fail with this: it, and not the alert for it, is the reason. */
  fail(thrown) {
    this.#failure = { thrown };
  }

  /** Throws what `fail` was told, until the resource is freed. */
  check() {
    if (this.#failure && this.#resource) throw this.#failure.thrown;
  }

  /** The resource, until it is freed. */
  get() {
    if (!this.#resource) throw { tag: 'closed' };
    return this.#resource;
  }

  /** Whether the handshake is done; a listener has none. */
  get isReady() {
    return (this.#isReady ||= this.#resource !== undefined && this.#hasHandshake());
  }

  /** Drops the pollables: they are children of the resource, and each call makes them stale. */
  forgetPollables() {
    for (const wait of this.waits) wait.drop();
  }

  wakeAll() {
    for (const wait of this.waits) wait.wake();
  }

  /** Closes the resource by `end`, frees it, and wakes what waits; once. */
  free(end) {
    const resource = this.#resource;
    if (!resource) return;
    this.#resource = undefined;
    this.forgetPollables();
    try {
      end(resource);
    } finally {
      dispose(resource);
      this.wakeAll();
    }
  }
}

/** One operation that cannot go on, and the pollables that tell when it can. */
class Wait {
  pollables;
  deadline;

  constructor(handle, subscriptions, wake) {
    [this.handle, this.subscriptions, this.resume] = [handle, subscriptions, wake];
    handle.waits.add(this);
  }

  /** Makes the pollables, which stay from one look to the next until a call makes them stale. */
  subscribe(now) {
    if (this.pollables) return;
    const resource = this.handle.get();
    this.pollables = [];
    for (const name of this.subscriptions) this.pollables.push(resource[name]());
    const left = resource.timeLeft?.();
    // The next call reports a timer that has run out; a deadline of now would spin until then.
    this.deadline = left === undefined ? undefined : now + (left > 0n ? left : 1n) * MILLISECOND;
  }

  drop() {
    this.pollables?.forEach(dispose);
    this.pollables = undefined;
  }

  wake() {
    this.drop();
    this.handle.waits.delete(this);
    this.resume();
  }
}

/** Repeats calls that never block until they are done. */
export class Engine {
  #errors;
  #poll;
  #clock;
  #blocks;
  #handles = new Set();
  #timer;
  #active = 0n;
  #breath = 0n;
  #always;

  /**
   * @param {object} interfaces `errors` of `portcullis:tls`, `poll` and `monotonicClock`
   * @param {boolean} blocks whether waiting may hold up the program for a slice, which costs
   *   nothing where a component sleeps in its host, and the whole event loop in Node
   */
  constructor({ errors, poll, monotonicClock }, blocks) {
    [this.#errors, this.#poll, this.#clock, this.#blocks] = [errors, poll, monotonicClock, blocks];
  }

  /** A `types.error` as a TlsError. */
  error(error) {
    return new TlsError(error, this.#errors.explain(error));
  }

  /** What was thrown, as a TlsError if the component threw it. */
  #error(thrown) {
    const error = thrown?.payload ?? thrown;
    return error?.tag ? this.error(error) : thrown;
  }

  /** The result of a call. */
  call(operation) {
    try {
      return operation();
    } catch (thrown) {
      throw this.#error(thrown);
    }
  }

  /** Repeats a call on the handle's resource until its result is no `want-` error. */
  async until(handle, operation) {
    for (let last; ;) {
      const { result, tag } = this.#attempt(handle, operation);
      if (!tag) {
        await this.#breathe();
        return result;
      }
      // A pollable may be ready although the call cannot go on yet: only another `want-` counts as
      // an event, or this loop would spin.
      if (tag !== last) this.#active = this.#clock.now();
      last = tag;
      if (tag === 'want-context') handle.ask();
      const subscriptions = [...WAITS[tag]];
      if (tag === 'want-read' && isStuck(handle)) subscriptions.push('subscribeWrite');
      await new Promise((wake) => {
        new Wait(handle, subscriptions, wake);
        this.#handles.add(handle);
        this.#schedule(this.#delay(this.#clock.now(), SLICE));
      });
    }
  }

  /** Lets other events have a turn when a fast peer has kept this program from waiting. */
  async #breathe() {
    if (this.#clock.now() - this.#breath < SLICE) return;
    await new Promise((done) => later(done, 0));
    this.#breath = this.#clock.now();
  }

  #attempt(handle, operation) {
    handle.check();
    const was = handle.isReady;
    // Any call may take from the transport what another operation waits for, whose pollable would
    // then never be ready: so each subscribes anew, and after the handshake each tries again.
    handle.forgetPollables();
    try {
      return { result: operation(handle.get()) };
    } catch (thrown) {
      const tag = thrown?.payload?.tag;
      if (handle.waitsFor(tag)) return { tag };
      const error = this.#error(thrown);
      if (isFinal(error)) handle.wakeAll();
      throw error;
    } finally {
      if (handle.isReady !== was) handle.wakeAll();
    }
  }

  /** Schedules a look in so many milliseconds, unless one is due earlier. */
  #schedule(delay) {
    if (this.#timer?.delay <= delay) return;
    this.#timer?.cancel();
    this.#timer = later(() => this.#turn(), delay);
  }

  /** Looks at all pollables and deadlines, and wakes the operations that may go on. */
  #turn() {
    this.#timer = undefined;
    const now = this.#clock.now();
    this.#breath = now;
    const waits = [];
    const owners = [];
    const pollables = [];
    let limit = SLICE;
    for (const handle of this.#handles) {
      if (handle.waits.size === 0) this.#handles.delete(handle);
      for (const wait of handle.waits) {
        wait.subscribe(now);
        waits.push(wait);
        for (const pollable of wait.pollables) {
          owners.push(wait);
          pollables.push(pollable);
        }
        const left = wait.deadline === undefined ? limit : wait.deadline - now;
        limit = left < limit ? left : limit;
      }
    }
    if (waits.length === 0) return;
    limit = limit > 0n ? limit : 0n;
    for (const index of this.#ready(pollables, limit)) {
      if (index < owners.length) owners[index].ready = true;
    }
    const after = this.#clock.now();
    for (const wait of waits) {
      if (wait.ready || wait.deadline <= after) wait.wake();
      wait.ready = false;
    }
    this.#schedule(this.#delay(after, limit));
  }

  /** Which of the pollables are ready, now or after at most so many nanoseconds. */
  #ready(pollables, limit) {
    if (!this.#blocks) {
      // With a pollable that is always ready, poll returns at once: one call asks all of them.
      this.#always ??= this.#clock.subscribeDuration(0n);
      return this.#poll.poll([...pollables, this.#always]);
    }
    const clock = this.#clock.subscribeDuration(limit);
    try {
      return this.#poll.poll([...pollables, clock]);
    } finally {
      dispose(clock);
    }
  }

  /** Milliseconds to the next look: the longer nothing has happened, up to a slice. */
  #delay(now, limit) {
    const quiet = now - this.#active;
    if (this.#blocks || quiet < ACTIVE) return 0;
    const delay = quiet / PATIENCE < limit ? quiet / PATIENCE : limit;
    return Math.max(1, Number(delay / MILLISECOND));
  }
}

/** A read that timed out may be called again; everything else that fails stays failed. */
const isFinal = ({ code, value }) =>
  code !== 'invalid-argument' && !(code === 'timeout' && value === 'read');

/**
 * Whether the port has bytes to send that no operation waits to send: an answer of the handshake or
 * of a key update. The peer may wait for them while this side waits for the peer.
 */
function isStuck(handle) {
  if (!handle.isReady) return false;
  for (const wait of handle.waits) if (wait.subscriptions.includes('subscribeWrite')) return false;
  try {
    handle.get().flush();
  } catch (thrown) {
    return thrown?.payload?.tag === 'want-write';
  }
  return false;
}

/** Runs `turn` as a task, not as a microtask, so that everything else goes on before it. */
function later(turn, delay) {
  if (delay === 0 && globalThis.setImmediate) {
    const immediate = setImmediate(turn);
    return { delay, cancel: () => clearImmediate(immediate) };
  }
  const timer = setTimeout(turn, delay);
  return { delay, cancel: () => clearTimeout(timer) };
}
