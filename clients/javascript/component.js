/**
 * `connect`, `start`, `listen`, `context` and what is supported, for a program that is a component
 * itself. Its world imports `portcullis:tls`, `wasi:cli/environment` and `wasi:clocks`, as
 * `command` of `wit/` does.
 *
 * @module
 */

import * as certificate from 'portcullis:tls/certificate@0.2.1';
import * as contexts from 'portcullis:tls/context@0.2.1';
import * as errors from 'portcullis:tls/errors@0.2.1';
import * as listener from 'portcullis:tls/listener@0.2.1';
import * as port from 'portcullis:tls/port@0.2.1';
import { getEnvironment } from 'wasi:cli/environment@0.2.12';
import * as monotonicClock from 'wasi:clocks/monotonic-clock@0.2.12';
import * as poll from 'wasi:io/poll@0.2.12';

import { portcullis } from './portcullis.js';

export { Connection, Listener, TlsError } from './portcullis.js';

/** The interfaces that `portcullis()` gets in a component. */
export const interfaces = {
  certificate,
  context: contexts,
  errors,
  listener,
  port,
  monotonicClock,
  poll,
  environment: () => Object.fromEntries(getEnvironment()),
  blocks: true,
};

/** The functions of `portcullis()`; see there. */
export const { connect, context, listen, start, supportedGroups, supportedSignatureSchemes } =
  portcullis(interfaces);
