import { Connection, Listener } from './connection.js';

export { Connection, Listener };
export type { Address, CertificateError, CertificateReason, Plaintext } from './connection.js';

/**
 * A certificate or key, PEM or DER: a string is a path, which has to be below a preopened directory
 * except in Node; bytes are the contents.
 */
export type Source = string | ArrayBufferView | ArrayBuffer | SharedArrayBuffer;

/** A version of TLS. */
export type Version = 'tls12' | 'tls13';

/** A key exchange group by its IANA name, in any case; `supportedGroups()` lists what there is. */
export type Group = 'X25519MLKEM768' | 'x25519' | 'secp256r1' | 'secp384r1' | (string & {});

/** What is asked of the peer's certificate. */
export type Verify =
  /** It must be there and pass every check. */
  | 'required'
  /** For a client: as `deferred`. For a server: its peer may present none, or one that passes. */
  | 'optional'
  /** The same checks; the connection goes on whatever they find, and `authorized` tells. */
  | 'deferred'
  /** Nothing; a server asks for no certificate. */
  | 'unverified';

/** A limit on how long something may take. */
export type Timer = 'connect' | 'handshake' | 'read' | 'shutdown' | 'write';

/** A raw context, made by `context()`: the resource of the component, with all of its functions. */
export interface Context {
  role(): 'client' | 'server';
  seal(): void;
  isSealed(): boolean;
}

/** How connections are made; what is left out or undefined stays safe. */
export interface Options {
  /** Authorities to trust in place of the web roots. */
  ca?: Source | Source[] | undefined;
  /** Directories of authorities to trust, likewise. */
  caDirectory?: string | string[] | undefined;
  /** Trust the web roots besides `ca`. */
  webRoots?: boolean | undefined;
  /** The own certificate chain; a server needs one, or `pkcs12`. */
  cert?: Source | undefined;
  /** Its private key; left out, it is in `cert` too. */
  key?: Source | undefined;
  /** Chain and key in one. */
  pkcs12?: Source | undefined;
  /** The passphrase of `key` or `pkcs12`. */
  passphrase?: string | undefined;
  /** The lowest version. */
  minVersion?: Version | undefined;
  /** The highest version. */
  maxVersion?: Version | undefined;
  /** A cipher list in OpenSSL's syntax. */
  ciphers?: string | string[] | undefined;
  /** The key exchange groups, in order. */
  groups?: Group | Group[] | undefined;
  /** The application protocols, the preferred first: `['h2', 'http/1.1']`. */
  alpn?: string | string[] | undefined;
  /** What is asked of the peer's certificate; servers ask for none unless told. */
  verify?: Verify | undefined;
  /** The name that the certificate must have, in place of `host`. */
  verifyName?: string | undefined;
  /** Accept any name. */
  unverifiedName?: boolean | undefined;
  /** The name sent in SNI; false for none. */
  serverName?: string | false | undefined;
  /** Take an end without close_notify as the end. */
  tolerateTruncation?: boolean | undefined;
  /** In milliseconds; null is no limit. */
  timeouts?: { [timer in Timer]?: number | null | undefined } | undefined;
}

/** Options, or a context that holds them; not both. */
export type Configured<Call> =
  | (Call & Options & { context?: undefined })
  | (Call & { context: Context } & { [name in keyof Options]?: undefined });

/** The options of `connect`. */
export type ConnectOptions = Configured<{ host: string; port: number }>;

/** The options of `start`. */
export type StartOptions = Configured<{
  role?: 'client' | 'server' | undefined;
  host?: string | undefined;
  /** Streams of `wasi:io`, whose socket must outlive the connection. */
  input: object;
  output: object;
  /** Bytes that were already read from `input`. */
  alreadyRead?: ArrayBufferView | ArrayBuffer | undefined;
}>;

/** The options of `listen`: by default it listens on loopback, on a free port. */
export type ListenOptions = Configured<{
  ip?: string | undefined;
  port?: number | undefined;
  backlog?: number | undefined;
}>;

/** What `portcullis()` returns. */
export interface Tls {
  /** The key exchange groups that there are, in the order of preference. */
  supportedGroups(): string[];
  /** A raw context of these options, for many connections; open until it is used. */
  context(role: 'client' | 'server', options?: Options): Context;
  /** Connects, and does the handshake. */
  connect(options: ConnectOptions): Promise<Connection>;
  /** Speaks TLS on a connection that is there already (STARTTLS), and does the handshake. */
  start(options: StartOptions): Promise<Connection>;
  /** Listens. An accepted connection has not done its handshake: see `Connection.handshake`. */
  listen(options: ListenOptions): Promise<Listener>;
}

/** The bindings that `portcullis()` needs, each an object. */
export interface Interfaces {
  /** Of `portcullis:tls`. */
  errors: object;
  context: object;
  port: object;
  listener: object;
  /** Of `wasi:io` and `wasi:clocks`. */
  poll: object;
  monotonicClock: object;
  /** `streams` of `preview2-shim/io`, in Node; looked for unless told. */
  streams?: object | undefined;
  /** Returns the environment variables; by default those of Node. */
  environment?: (() => Record<string, string | undefined>) | undefined;
  /** Whether waiting may sleep in the host, as it does in a component. */
  blocks?: boolean | undefined;
}

/** A failure of TLS, of the network below it or of the configuration. */
export class TlsError extends Error {
  private constructor();
  /** The case of `types.error`: `certificate`, `timeout`, `closed`. */
  readonly code: string;
  /** What the case holds: the record of `certificate`, the timer of `timeout`. */
  readonly value: unknown;
  /** What Node or OpenSSL calls it, `CERT_HAS_EXPIRED` or `ECONNREFUSED`, if they have a name. */
  readonly nodeCode: string | undefined;
}

/** Returns the functions, which call these interfaces. */
export function portcullis(interfaces: Interfaces): Tls;
