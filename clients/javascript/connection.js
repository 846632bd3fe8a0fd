/**
 * One connection and one listener with promises, and the waiting that both share. It knows no
 * options; `portcullis.js` makes what is here.
 *
 * @module
 */

const CHUNK = 64 * 1024; // One write's copy into the component is no larger than this.
const SLICE = 10n; // Milliseconds after which waiting lets timers and other events have a turn.
const WAITS = {
  'want-accept': 'subscribe',
  'want-connect': 'subscribe',
  'want-read': 'subscribe',
  'want-write': 'subscribeWrite',
};
const FACTS = ['version', 'cipherSuite', 'group', 'peerCertificates', 'peerVerified',
  'isTruncated', 'localAddress', 'remoteAddress'];

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
  }
}

/** Errors of calls, and one place that waits for all connections and listeners together. */
export class Engine {
  #types;
  #poll;
  #clock;
  #waiting = new Set();
  #scheduled = false;

  constructor({ types, poll, monotonicClock }) {
    [this.#types, this.#poll, this.#clock] = [types, poll, monotonicClock];
  }

  /** What was thrown, as a TlsError if the component threw it. */
  #error(thrown) {
    const error = thrown?.payload ?? thrown;
    return error?.tag ? new TlsError(error, this.#types.explain(error)) : thrown;
  }

  /** The result of a call. */
  call(operation) {
    try {
      return operation();
    } catch (thrown) {
      throw this.#error(thrown);
    }
  }

  /** Repeats a call that never blocks, on the resource that `get` gives, until it is done. */
  async until(get, operation) {
    for (;;) {
      try {
        return operation(get());
      } catch (thrown) {
        const subscribe = WAITS[thrown?.payload?.tag];
        if (!subscribe) throw this.#error(thrown);
        await new Promise((wake) => {
          this.#waiting.add({ get, subscribe, wake });
          this.#schedule();
        });
      }
    }
  }

  #schedule() {
    if (this.#scheduled || this.#waiting.size === 0) return;
    this.#scheduled = true;
    // A task, not a microtask: whatever can go on without the network has gone on by then.
    setTimeout(() => this.#turn(), 0);
  }

  /** Waits for all that is waited for, at most a slice, and wakes what is worth another call. */
  #turn() {
    this.#scheduled = false;
    const waiters = [...this.#waiting];
    const pollables = [];
    let limit = SLICE;
    try {
      for (const { get, subscribe } of waiters) {
        pollables.push(get()[subscribe]());
        const left = get().timeLeft?.() ?? limit;
        limit = left < limit ? left : limit;
      }
    } catch {
      limit = 0n; // One was closed meanwhile, and its own call says so.
    }
    pollables.push(this.#clock.subscribeDuration(limit * 1_000_000n));
    const woken = this.#poll.poll(pollables);
    // When the time is up, all are woken: a timer of theirs may have run out.
    const ready = woken.includes(pollables.length - 1) ? waiters.keys() : woken;
    pollables.forEach(dispose); // Before anything can close the ports whose children they are.
    for (const index of ready) {
      this.#waiting.delete(waiters[index]);
      waiters[index].wake();
    }
    this.#schedule();
  }
}

/** One TLS connection. Made by `connect`, `start` and `Listener.accept`. */
export class Connection {
  #engine;
  #port;
  #facts;
  #written = Promise.resolve();
  #closed;
  #readable;
  #writable;

  /** @private */
  constructor(engine, port) {
    [this.#engine, this.#port] = [engine, port];
  }

  #get = () => {
    if (this.#facts) throw { tag: 'closed' };
    return this.#port;
  };
  #fact = (name) => (this.#facts ? this.#facts[name] : this.#port[name]());
  #until = (operation) => this.#engine.until(this.#get, operation);

  /** The negotiated version. @returns {'tls12' | 'tls13' | undefined} */
  get version() { return this.#fact('version'); }
  /** The IANA name of the negotiated suite. @returns {string | undefined} */
  get cipherSuite() { return this.#fact('cipherSuite'); }
  /** The negotiated key exchange group. @returns {string | undefined} */
  get group() { return this.#fact('group'); }
  /** The peer's certificates as DER, its own first. @returns {Uint8Array[]} */
  get peerCertificates() { return this.#fact('peerCertificates'); }
  /** Whether the peer's certificate passed every check. @returns {boolean} */
  get peerVerified() { return this.#fact('peerVerified'); }
  /** Whether the end was met without close_notify. @returns {boolean} */
  get isTruncated() { return this.#fact('isTruncated'); }
  /** This side's address. @returns {{ ip: string, port: number } | undefined} */
  get localAddress() { return this.#fact('localAddress'); }
  /** The peer's address. @returns {{ ip: string, port: number } | undefined} */
  get remoteAddress() { return this.#fact('remoteAddress'); }

  /** Runs the handshake, as the first read or write of an accepted connection does. */
  async handshake() {
    await this.#until((port) => port.handshake());
  }

  /**
   * Up to `length` bytes, at least one; null at the end.
   * @param {number} [length] @returns {Promise<Uint8Array | null>}
   */
  async read(length = CHUNK) {
    return (await this.#until((port) => port.read(BigInt(length)))) ?? null;
  }

  /**
   * Writes all, and waits until the transport has taken it; several writes keep their order.
   * @param {Uint8Array | string} plaintext a string goes as UTF-8 @returns {Promise<void>}
   */
  write(plaintext) {
    const bytes = typeof plaintext === 'string' ? new TextEncoder().encode(plaintext) : plaintext;
    return this.#inTurn(async () => {
      for (let from = 0; from < bytes.length;) {
        const chunk = bytes.subarray(from, from + CHUNK);
        from += Number(await this.#until((port) => port.write(chunk)));
      }
      await this.#until((port) => port.flush());
    });
  }

  /** Sends close_notify after all writes, and goes on reading. @returns {Promise<void>} */
  closeOutput() {
    return this.#inTurn(() => this.#until((port) => port.closeOutput()));
  }

  /** What was written before comes first, whether it failed or not. */
  #inTurn(operation) {
    return (this.#written = this.#written.catch(() => {}).then(operation));
  }

  /** Sends close_notify and frees the socket; what was not read is lost. Twice is harmless. */
  close() {
    return (this.#closed ??= this.#close());
  }

  async #close() {
    try {
      if (!this.#facts && this.version) await this.closeOutput();
    } finally {
      this.#free((port) => port.close());
    }
  }

  /** Frees the socket at once and sends nothing: the peer sees a truncated connection. */
  abort() {
    this.#free(() => {});
  }

  #free(end) {
    if (this.#facts) return;
    this.#facts = Object.fromEntries(FACTS.map((name) => [name, this.#port[name]()]));
    try {
      this.#engine.call(() => end(this.#port));
    } finally {
      dispose(this.#port);
    }
  }

  /** What the peer sends. To cancel it does not close the connection. @type {ReadableStream} */
  get readable() {
    return (this.#readable ??= new ReadableStream({
      pull: async (controller) => {
        const plaintext = await this.read();
        if (plaintext) controller.enqueue(plaintext);
        else controller.close();
      },
    }, { highWaterMark: 0 }));
  }

  /** What the peer gets. To close it is `closeOutput`. @type {WritableStream} */
  get writable() {
    return (this.#writable ??= new WritableStream({
      write: (plaintext) => this.write(plaintext),
      close: () => this.closeOutput(),
      abort: () => this.abort(),
    }));
  }

  /** The chunks that the peer sends, to the end. */
  async *[Symbol.asyncIterator]() {
    for (let plaintext; (plaintext = await this.read());) yield plaintext;
  }

  /** For `await using`. */
  [Symbol.asyncDispose]() { return this.close(); }
}

/** A listening socket whose connections speak TLS. Made by `listen`. */
export class Listener {
  #engine;
  #listener;

  /** @private */
  constructor(engine, listener) {
    [this.#engine, this.#listener] = [engine, listener];
  }

  /** Where it listens. @returns {{ ip: string, port: number }} */
  get address() { return this.#engine.call(() => this.#listener.localAddress()); }

  /** The next connection; its handshake runs with its first read or write. */
  async accept() {
    const port = await this.#engine.until(() => this.#listener, (listener) => listener.accept());
    return new Connection(this.#engine, port);
  }

  /** Stops listening; connections that were accepted go on. Twice is harmless. */
  close() { this.#listener.close(); }

  /** The connections, until it is closed. */
  async *[Symbol.asyncIterator]() {
    for (;;) {
      const next = await this.accept().catch((error) => {
        if (error.code !== 'closed') throw error;
      });
      if (!next) return;
      yield next;
    }
  }

  /** For `await using`. */
  async [Symbol.asyncDispose]() { this.close(); }
}
