import type { Interfaces, Tls } from './portcullis.js';

export { Connection, Listener, TlsError } from './portcullis.js';

/** The interfaces that `portcullis()` gets in Node. */
export const interfaces: Interfaces;
/** The functions of `portcullis()`; see `Tls`. */
export const connect: Tls['connect'];
export const context: Tls['context'];
export const listen: Tls['listen'];
export const start: Tls['start'];
export const supportedGroups: Tls['supportedGroups'];
export const supportedSignatureSchemes: Tls['supportedSignatureSchemes'];
