/* A TLS client in plain C over the bindings of wit-bindgen, for a world that is called `client`.
 *
 * A `struct tls` is zero before its first use, and may be used again after `tls_close`. When a
 * function fails, `tls_error` says why in one line for people, and `tls->error` is the typed value.
 * What is not here are the bindings' own functions on `tls_context(tls)` and `tls->port`.
 */
#ifndef PORTCULLIS_H
#define PORTCULLIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

typedef portcullis_tls_types_error_t tls_error_t;
typedef portcullis_tls_port_plain_transport_t tls_transport_t;

/* A connection. A handle that is not there is 0; the component model gives out none such. */
struct tls {
    portcullis_tls_context_own_context_t context;
    portcullis_tls_port_own_port_t port;
    /* What failed last; meaningful if `failed`. */
    tls_error_t error;
    bool failed;
    /* `types.explain` of it. */
    char *line;
};

/* What `tls_read` returns besides a number of bytes. */
enum { TLS_END = 0, TLS_FAILED = -1 };

/* The failure of the call that failed last, in one line; it lives until the next failure or until
 * `tls_forget`. */
static inline const char *tls_error(const struct tls *tls) {
    return tls->failed ? tls->line : "no failure";
}

/* Forget the last failure, and free what it holds. */
static inline void tls_forget(struct tls *tls) {
    if (tls->failed) {
        portcullis_tls_types_error_free(&tls->error);
        free(tls->line);
        tls->failed = false;
    }
}

/* Keep what a call said, if it failed. */
static inline bool tls_keep(struct tls *tls, bool succeeded, const tls_error_t *error) {
    if (succeeded) {
        return true;
    }
    tls_forget(tls);
    tls->error = *error;
    tls->failed = true;
    client_string_t line;
    portcullis_tls_types_explain(&tls->error, &line);
    /* The bindings' strings do not end in a zero byte. */
    tls->line = malloc(line.len + 1);
    if (tls->line == NULL) {
        abort();
    }
    memcpy(tls->line, line.ptr, line.len);
    tls->line[line.len] = 0;
    client_string_free(&line);
    return false;
}

/* The context of this connection: a client's, which verifies chain and name. It is made at the
 * first call, and sealed by `tls_connect` and `tls_start`: what is to differ is set before that. */
static inline portcullis_tls_context_borrow_context_t tls_context(struct tls *tls) {
    if (tls->context.__handle == 0) {
        tls->context =
            portcullis_tls_context_static_context_secure(PORTCULLIS_TLS_TYPES_ROLE_CLIENT);
    }
    return portcullis_tls_context_borrow_context(tls->context);
}

/* Trust the authorities of a file of PEM in place of the web roots. The component reads it, so the
 * runtime has to show its directory. */
static inline bool tls_trust_file(struct tls *tls, const char *path) {
    portcullis_tls_context_source_t source = {.tag = PORTCULLIS_TLS_CONTEXT_SOURCE_PATH};
    client_string_set(&source.val.path, path);
    uint32_t added;
    tls_error_t error;
    bool succeeded = portcullis_tls_context_method_context_add_trust_roots(
        tls_context(tls), &source, &added, &error);
    return tls_keep(tls, succeeded, &error);
}

/* Connect to a host, a DNS name or an IP address. The handshake runs with the first read or
 * write. */
static inline bool tls_connect(struct tls *tls, const char *host, uint16_t port) {
    client_string_t name;
    client_string_set(&name, host);
    tls_error_t error;
    bool succeeded = portcullis_tls_port_static_port_blocking_connect(
        tls_context(tls), &name, port, &tls->port, &error);
    return tls_keep(tls, succeeded, &error);
}

/* Change to TLS on streams that are open already (STARTTLS). They are taken, even on failure; the
 * socket that they belong to stays the caller's, and must outlive the connection. */
static inline bool tls_start(struct tls *tls, const char *host, tls_transport_t *transport) {
    client_string_t name;
    client_string_set(&name, host);
    tls_error_t error;
    bool succeeded = portcullis_tls_port_static_port_start(
        tls_context(tls), &name, transport, &tls->port, &error);
    return tls_keep(tls, succeeded, &error);
}

/* Read at least one byte and at most `room`, and return how many; `TLS_END` when the peer has sent
 * close_notify, `TLS_FAILED` on failure, and if what came before may have been cut short. */
static inline ptrdiff_t tls_read(struct tls *tls, void *plaintext, size_t room) {
    client_option_list_u8_t part;
    tls_error_t error;
    bool succeeded = portcullis_tls_port_method_port_blocking_read(
        portcullis_tls_port_borrow_port(tls->port), room, &part, &error);
    if (!tls_keep(tls, succeeded, &error)) {
        return TLS_FAILED;
    }
    if (!part.is_some) {
        return TLS_END;
    }
    size_t length = part.val.len;
    if (length > room) {
        /* The component has broken its contract. */
        __builtin_trap();
    }
    memcpy(plaintext, part.val.ptr, length);
    client_list_u8_free(&part.val);
    return (ptrdiff_t)length;
}

/* Write all, and wait until the transport has taken it. */
static inline bool tls_write_all(struct tls *tls, const void *plaintext, size_t length) {
    /* The bindings know no const, and write nothing there. */
    client_list_u8_t all = {.ptr = (uint8_t *)plaintext, .len = length};
    tls_error_t error;
    bool succeeded = portcullis_tls_port_method_port_blocking_write_all(
        portcullis_tls_port_borrow_port(tls->port), &all, &error);
    return tls_keep(tls, succeeded, &error);
}

/* Free the port and the context without a word to the peer, as after a failure. What failed last
 * is kept; `tls_forget` frees that. */
static inline void tls_drop(struct tls *tls) {
    if (tls->port.__handle != 0) {
        portcullis_tls_port_port_drop_own(tls->port);
        tls->port.__handle = 0;
    }
    if (tls->context.__handle != 0) {
        portcullis_tls_context_context_drop_own(tls->context);
        tls->context.__handle = 0;
    }
}

/* Say goodbye (close_notify), and free the port and the context, on failure too. */
static inline bool tls_close(struct tls *tls) {
    if (tls->port.__handle == 0) {
        tls_drop(tls);
        return true;
    }
    tls_error_t error;
    bool succeeded = portcullis_tls_port_method_port_close(
        portcullis_tls_port_borrow_port(tls->port), &error);
    tls_drop(tls);
    return tls_keep(tls, succeeded, &error);
}

#endif
