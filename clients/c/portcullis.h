/* TLS in plain C or C++ over the bindings of wit-bindgen, for a world that is called `client`. It
 * is longer than our other files because programs copy it as one file.
 *
 * A `struct tls` is zero before its first use. It is a client that verifies chain and name, unless
 * `tls_server` makes it a server. Settings come first (`tls_trust_file`, `tls_identity_files`,
 * `tls_set_timeout` …); then `tls_connect`, `tls_start` or `tls_listen` put it to use. In use it
 * takes no second connection; `tls_close` sends close_notify, and makes it zero again but for what
 * the connection has agreed on (`tls_verify_result`, `tls_version` …). `tls_drop` frees all and
 * sends nothing, also after `tls_close`; then `tls_forget` frees the last failure. Each function
 * waits, up to the timers.
 *
 * When a function fails, `tls_error` says why in one line for people, and `tls->error` is the typed
 * value; after a success both are gone. No misuse of these functions ends the program: a struct
 * without a connection, a missing argument or one without a meaning are failures as well. For all
 * that is not here, there are the bindings' own functions on `tls_context(tls)`, `tls->port`,
 * `tls->session` and `tls->listener`.
 */
#ifndef PORTCULLIS_H
#define PORTCULLIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"

typedef portcullis_tls_types_error_t tls_error_t;
typedef portcullis_tls_port_plain_transport_t tls_transport_t;

/* What takes time, and can be limited by `tls_set_timeout`; the last three cannot yet, and setting
 * them fails with `PORTCULLIS_TLS_TYPES_ERROR_NOT_SUPPORTED`. */
typedef enum {
    TLS_TIMER_CONNECT = PORTCULLIS_TLS_TYPES_TIMER_CONNECT,
    TLS_TIMER_HANDSHAKE = PORTCULLIS_TLS_TYPES_TIMER_HANDSHAKE,
    TLS_TIMER_READ = PORTCULLIS_TLS_TYPES_TIMER_READ,
    TLS_TIMER_SHUTDOWN = PORTCULLIS_TLS_TYPES_TIMER_SHUTDOWN,
    TLS_TIMER_WRITE = PORTCULLIS_TLS_TYPES_TIMER_WRITE,
    TLS_TIMER_RESOLVE = PORTCULLIS_TLS_TYPES_TIMER_RESOLVE,
    TLS_TIMER_IDLE = PORTCULLIS_TLS_TYPES_TIMER_IDLE,
    TLS_TIMER_ACCEPT = PORTCULLIS_TLS_TYPES_TIMER_ACCEPT
} tls_timer_t;

/* No limit, for `tls_set_timeout`. */
#define TLS_NO_LIMIT UINT64_MAX

/* What `tls_read` returns besides a number of bytes. */
enum { TLS_END = 0, TLS_FAILED = -1 };

/* A connection, or a listener. A handle of 0 means that there is none: the component model never
 * gives out 0. */
struct tls {
    portcullis_tls_context_own_context_t context;
    portcullis_tls_port_own_port_t port;
    /* What the port's connection has agreed on. It stays when the port is closed or has failed,
     * until the next connection or `tls_drop`. */
    portcullis_tls_session_own_session_t session;
    portcullis_tls_listener_own_listener_t listener;
    /* What failed last; meaningful if `failed`. */
    tls_error_t error;
    bool failed;
    /* `errors.explain` of it, and what this header adds. */
    char *line;
    /* The port has failed for good, or `tls_close` has been called. */
    bool broken, closed;
    bool is_server;
    /* Trust is configured. While it is not, `tls_connect` and `tls_start` ask the environment. */
    bool has_trust;
    /* The sources of what is trusted, in words. */
    char *sources;
};

/* Why the call that failed last has failed, in one line; it lives until the next call. */
static inline const char *tls_error(const struct tls *tls) {
    if (tls == NULL) {
        return "there is no struct tls: a null pointer was given";
    }
    return tls->failed ? tls->line : "no failure";
}

/* Forget the last failure, and free what it holds. */
static inline void tls_forget(struct tls *tls) {
    if (tls != NULL && tls->failed) {
        portcullis_tls_types_error_free(&tls->error);
        free(tls->line);
        tls->line = NULL;
        tls->failed = false;
    }
}

/* Join four texts to one, which is the caller's. Without memory it aborts: there is none left to
 * report the failure with. */
static inline char *tls_join(const char *first, const char *second, const char *third,
                             const char *fourth) {
    size_t length = strlen(first) + strlen(second) + strlen(third) + strlen(fourth);
    char *text = (char *)malloc(length + 1);
    if (text == NULL) {
        abort();
    }
    strcpy(text, first);
    strcat(text, second);
    strcat(text, third);
    strcat(text, fourth);
    return text;
}

/* A string of the bindings, which do not end it by a zero byte, as one that is the caller's. */
static inline char *tls_text(client_string_t *string) {
    char *text = (char *)malloc(string->len + 1);
    if (text == NULL) {
        abort();
    }
    memcpy(text, string->ptr, string->len);
    text[string->len] = 0;
    client_string_free(string);
    return text;
}

/* Whether the failure is that no authority was found, and does not say yet where was searched. */
static inline bool tls_lacks_trust(const tls_error_t *error) {
    if (error->tag == PORTCULLIS_TLS_TYPES_ERROR_CERTIFICATE) {
        /* The component says where it looked, in the detail. */
        return error->val.certificate.reason
                   == PORTCULLIS_TLS_TYPES_CERTIFICATE_REASON_UNKNOWN_AUTHORITY
               && !error->val.certificate.detail.is_some;
    }
    return error->tag == PORTCULLIS_TLS_TYPES_ERROR_INVALID_CONFIGURATION
           && error->val.invalid_configuration.item
                  == PORTCULLIS_TLS_TYPES_CONFIGURATION_ITEM_TRUST_ROOTS
           && error->val.invalid_configuration.reason
                  == PORTCULLIS_TLS_TYPES_CONFIGURATION_REASON_MISSING;
}

/* Keep the outcome of a call: forget the last failure, and keep and explain a new one. */
static inline bool tls_keep(struct tls *tls, bool succeeded, const tls_error_t *error) {
    tls_forget(tls);
    if (succeeded) {
        return true;
    }
    tls->error = *error;
    tls->failed = true;
    client_string_t line;
    portcullis_tls_errors_explain(&tls->error, &line);
    char *text = tls_text(&line);
    const char *sources = tls->sources;
    /* After `tls_close` it is not known any more whom the connection trusted. */
    if (sources == NULL && !tls->is_server && !tls->closed) {
        sources = "the built-in web roots";
    }
    if (sources != NULL && tls_lacks_trust(&tls->error)) {
        tls->line = tls_join(text, "; searched: ", sources, "");
        free(text);
    } else {
        tls->line = text;
    }
    return false;
}

/* Whether a connection on which a call has failed so cannot be used any more. */
static inline bool tls_is_fatal(const tls_error_t *error) {
    switch (error->tag) {
    case PORTCULLIS_TLS_TYPES_ERROR_WANT_READ:
    case PORTCULLIS_TLS_TYPES_ERROR_WANT_WRITE:
    case PORTCULLIS_TLS_TYPES_ERROR_WANT_CONNECT:
    case PORTCULLIS_TLS_TYPES_ERROR_WANT_ACCEPT:
    case PORTCULLIS_TLS_TYPES_ERROR_WANT_X509_LOOKUP:
    case PORTCULLIS_TLS_TYPES_ERROR_WANT_CONTEXT:
    case PORTCULLIS_TLS_TYPES_ERROR_WANT_SIGNATURE:
    case PORTCULLIS_TLS_TYPES_ERROR_WANT_VERIFICATION:
    case PORTCULLIS_TLS_TYPES_ERROR_INVALID_ARGUMENT:
    case PORTCULLIS_TLS_TYPES_ERROR_NOT_SUPPORTED:
    case PORTCULLIS_TLS_TYPES_ERROR_EARLY_DATA_REJECTED:
        return false;
    case PORTCULLIS_TLS_TYPES_ERROR_TIMEOUT:
        return error->val.timeout != PORTCULLIS_TLS_TYPES_TIMER_READ;
    default:
        return true;
    }
}

/* The same as `tls_keep` for a call on the port. */
static inline bool tls_keep_port(struct tls *tls, bool succeeded, const tls_error_t *error) {
    if (!succeeded && tls_is_fatal(error)) {
        tls->broken = true;
    }
    return tls_keep(tls, succeeded, error);
}

/* Fail for what the caller did. */
static inline bool tls_refuse(struct tls *tls, const char *why) {
    tls_error_t error;
    memset(&error, 0, sizeof error);
    error.tag = PORTCULLIS_TLS_TYPES_ERROR_INVALID_ARGUMENT;
    client_string_dup(&error.val.invalid_argument, why);
    return tls_keep(tls, false, &error);
}

/* Whether the struct has a usable connection, or listens; then it takes no other. */
static inline bool tls_in_use(const struct tls *tls) {
    return (tls->port.__handle != 0 && !tls->broken) || tls->listener.__handle != 0;
}

/* Whether the struct has a connection; if not, why is kept. */
static inline bool tls_has_port(struct tls *tls) {
    if (tls == NULL) {
        return false;
    }
    if (tls->port.__handle != 0) {
        return true;
    }
    if (tls->closed) {
        tls_error_t error;
        memset(&error, 0, sizeof error);
        error.tag = PORTCULLIS_TLS_TYPES_ERROR_CLOSED;
        return tls_keep(tls, false, &error);
    }
    return tls_refuse(tls, "there is no connection; call tls_connect, tls_start or tls_accept first");
}

static inline void tls_drop_port(struct tls *tls) {
    if (tls->port.__handle != 0) {
        portcullis_tls_port_port_drop_own(tls->port);
        tls->port.__handle = 0;
    }
    tls->broken = false;
}

static inline void tls_drop_session(struct tls *tls) {
    if (tls->session.__handle != 0) {
        portcullis_tls_session_session_drop_own(tls->session);
        tls->session.__handle = 0;
    }
}

/* Keep the session of a new port, which tells what it has agreed on. */
static inline void tls_keep_session(struct tls *tls) {
    tls->session = portcullis_tls_port_method_port_session(portcullis_tls_port_borrow_port(tls->port));
}

/* Free all but the session and what failed last. */
static inline void tls_drop_all(struct tls *tls) {
    tls_drop_port(tls);
    if (tls->listener.__handle != 0) {
        portcullis_tls_listener_listener_drop_own(tls->listener);
        tls->listener.__handle = 0;
    }
    if (tls->context.__handle != 0) {
        portcullis_tls_context_context_drop_own(tls->context);
        tls->context.__handle = 0;
    }
    free(tls->sources);
    tls->sources = NULL;
    tls->is_server = tls->has_trust = false;
}

/* Free the port, what it has agreed on, the listener and the context without a word to the peer, as
 * after a failure. What failed last is kept; `tls_forget` frees that. */
static inline void tls_drop(struct tls *tls) {
    if (tls != NULL) {
        tls_drop_all(tls);
        tls_drop_session(tls);
    }
}

/* ---- settings: before `tls_connect`, `tls_start` or `tls_listen`; later ones hold for the next ---- */

/* Make it a server, before anything else is set. */
static inline bool tls_server(struct tls *tls) {
    if (tls == NULL) {
        return false;
    }
    if (tls->context.__handle != 0 && !tls->is_server) {
        return tls_refuse(tls, "the settings so far are a client's; call tls_server before them");
    }
    tls->is_server = true;
    return tls_keep(tls, true, NULL);
}

/* The context of this connection, to be used at once. It is made at the first call: a client's,
 * which verifies chain and name, or a server's after `tls_server`. A context in use is sealed; then
 * an open copy takes its place, for the next connection. */
static inline portcullis_tls_context_borrow_context_t tls_context(struct tls *tls) {
    if (tls->context.__handle == 0) {
        tls->context = portcullis_tls_context_static_context_secure(
            tls->is_server ? PORTCULLIS_TLS_TYPES_ROLE_SERVER : PORTCULLIS_TLS_TYPES_ROLE_CLIENT);
    }
    portcullis_tls_context_borrow_context_t context =
        portcullis_tls_context_borrow_context(tls->context);
    if (portcullis_tls_context_method_context_is_sealed(context)) {
        portcullis_tls_context_own_context_t copy =
            portcullis_tls_context_method_context_copy(context);
        portcullis_tls_context_context_drop_own(tls->context);
        tls->context = copy;
        context = portcullis_tls_context_borrow_context(copy);
    }
    return context;
}

/* Make a path a source; if it is no path, keep why and return false. The failure does not quote the
 * text: it may be a key. */
static inline bool tls_path(struct tls *tls, const char *path,
                            portcullis_tls_context_source_t *source) {
    if (path == NULL) {
        return tls_refuse(tls, "the path is missing: a null pointer was given");
    }
    if (strstr(path, "-----BEGIN") != NULL) {
        return tls_refuse(tls, "PEM text where a path belongs; pass bytes, by the function whose "
                               "name ends in _bytes");
    }
    source->tag = PORTCULLIS_TLS_CONTEXT_SOURCE_PATH;
    client_string_set(&source->val.path, path);
    return true;
}

static inline bool tls_bytes(struct tls *tls, const void *bytes, size_t length,
                             portcullis_tls_context_source_t *source) {
    if (bytes == NULL) {
        return tls_refuse(tls, "the bytes are missing: a null pointer was given");
    }
    source->tag = PORTCULLIS_TLS_CONTEXT_SOURCE_BYTES;
    /* The bindings know no const, and write nothing there. */
    source->val.bytes.ptr = (uint8_t *)bytes;
    source->val.bytes.len = length;
    return true;
}

static inline void tls_add_source(struct tls *tls, const char *kind, const char *path) {
    char *before = tls->sources;
    tls->sources = tls_join(before != NULL ? before : "", before != NULL ? ", " : "", kind, path);
    free(before);
    tls->has_trust = true;
}

static inline bool tls_trust(struct tls *tls, const portcullis_tls_context_source_t *source,
                             const char *kind, const char *path) {
    uint32_t added;
    tls_error_t error;
    /* The bindings know no const. */
    bool succeeded = portcullis_tls_context_method_context_add_trust_roots(
        tls_context(tls), (portcullis_tls_context_source_t *)source, &added, &error);
    if (succeeded) {
        tls_add_source(tls, kind, path);
    }
    return tls_keep(tls, succeeded, &error);
}

/* Trust the authorities of a file, PEM or DER, in place of the web roots. The component reads it,
 * so the runtime has to show its directory. */
static inline bool tls_trust_file(struct tls *tls, const char *path) {
    portcullis_tls_context_source_t source;
    return tls != NULL && tls_path(tls, path, &source) && tls_trust(tls, &source, "", path);
}

/* The same of bytes. */
static inline bool tls_trust_bytes(struct tls *tls, const void *bytes, size_t length) {
    portcullis_tls_context_source_t source;
    return tls != NULL && tls_bytes(tls, bytes, length, &source)
           && tls_trust(tls, &source, "bytes of the program", "");
}

/* Trust the certificates of all files of a directory, in place of the web roots. One that is not
 * there gives none, and is no failure. */
static inline bool tls_trust_directory(struct tls *tls, const char *path) {
    portcullis_tls_context_source_t source;
    if (tls == NULL || !tls_path(tls, path, &source)) {
        return false;
    }
    portcullis_tls_context_directory_report_t report;
    tls_error_t error;
    bool succeeded = portcullis_tls_context_method_context_add_trust_directory(
        tls_context(tls), &source.val.path, &report, &error);
    if (succeeded) {
        tls_add_source(tls, path, report.files == 0 ? " (no certificate)" : "");
        portcullis_tls_context_directory_report_free(&report);
    }
    return tls_keep(tls, succeeded, &error);
}

/* Say which variable of the environment the failure is of. */
static inline bool tls_blame(struct tls *tls, const char *variable) {
    if (tls->failed) {
        char *line = tls_join(variable, ": ", tls->line, "");
        free(tls->line);
        tls->line = line;
    }
    return false;
}

/* Trust whom the environment names: the file of SSL_CERT_FILE, and the directories that
 * SSL_CERT_DIR lists, divided by colons; if neither does, the web roots stay. Directories that are
 * not there and empty entries are passed over. `tls_connect` and `tls_start` do this for a client
 * for which none of the functions above has configured trust. */
static inline bool tls_trust_environment(struct tls *tls) {
    if (tls == NULL) {
        return false;
    }
    const char *file = getenv("SSL_CERT_FILE");
    if (file != NULL && *file != 0 && !tls_trust_file(tls, file)) {
        return tls_blame(tls, "SSL_CERT_FILE");
    }
    const char *next = getenv("SSL_CERT_DIR");
    while (next != NULL && *next != 0) {
        size_t length = strcspn(next, ":");
        char *path = tls_join(next, "", "", "");
        path[length] = 0;
        bool trusted = length == 0 || tls_trust_directory(tls, path);
        free(path);
        if (!trusted) {
            return tls_blame(tls, "SSL_CERT_DIR");
        }
        next += length;
        next += *next == ':';
    }
    return tls_keep(tls, true, NULL);
}

static inline bool tls_identity(struct tls *tls, portcullis_tls_context_source_t *chain,
                                portcullis_tls_context_source_t *key, const char *passphrase) {
    client_string_t secret;
    if (passphrase != NULL) {
        client_string_set(&secret, passphrase);
    }
    tls_error_t error;
    bool succeeded = portcullis_tls_context_method_context_load_identity(
        tls_context(tls), chain, key, passphrase != NULL ? &secret : NULL, &error);
    return tls_keep(tls, succeeded, &error);
}

/* Take certificate chain and private key of this side from files; without a second path, both from
 * the first. The passphrase may be missing. */
static inline bool tls_identity_files(struct tls *tls, const char *chain, const char *key,
                                      const char *passphrase) {
    portcullis_tls_context_source_t chain_source, key_source;
    return tls != NULL && tls_path(tls, chain, &chain_source)
           && tls_path(tls, key != NULL ? key : chain, &key_source)
           && tls_identity(tls, &chain_source, &key_source, passphrase);
}

/* The same of bytes. */
static inline bool tls_identity_bytes(struct tls *tls, const void *chain, size_t chain_length,
                                      const void *key, size_t key_length, const char *passphrase) {
    portcullis_tls_context_source_t chain_source, key_source;
    return tls != NULL && tls_bytes(tls, chain, chain_length, &chain_source)
           && tls_bytes(tls, key, key_length, &key_source)
           && tls_identity(tls, &chain_source, &key_source, passphrase);
}

/* Let a server ask each client for a certificate, and refuse a client that has none of a trusted
 * authority. */
static inline bool tls_require_certificate(struct tls *tls) {
    if (tls == NULL) {
        return false;
    }
    tls_error_t error;
    bool succeeded = portcullis_tls_context_method_context_set_verify(
        tls_context(tls), PORTCULLIS_TLS_CONTEXT_VERIFY_REQUIRED, &error);
    return tls_keep(tls, succeeded, &error);
}

/* Check the peer's certificate, but let the handshake go on whatever the checks find, and also
 * without a certificate. The program has to call `tls_verify_result` before it sends or believes
 * anything. A server asks each client for a certificate. */
static inline bool tls_defer_verification(struct tls *tls) {
    if (tls == NULL) {
        return false;
    }
    tls_error_t error;
    bool succeeded = portcullis_tls_context_method_context_set_verify(
        tls_context(tls), PORTCULLIS_TLS_CONTEXT_VERIFY_DEFERRED, &error);
    return tls_keep(tls, succeeded, &error);
}

/* Choose the key exchange groups and their order by their IANA names, in any case and divided by
 * colons: `X25519MLKEM768:x25519`. `portcullis_tls_context_supported_groups` lists them. */
static inline bool tls_set_groups(struct tls *tls, const char *names) {
    if (tls == NULL) {
        return false;
    }
    if (names == NULL) {
        return tls_refuse(tls, "the groups are missing: a null pointer was given");
    }
    client_list_string_t groups;
    groups.len = *names != 0;
    for (const char *at = names; *at != 0; at++) {
        groups.len += *at == ':';
    }
    /* Room for one more, since malloc may return NULL for a size of 0. */
    groups.ptr = (client_string_t *)malloc((groups.len + 1) * sizeof *groups.ptr);
    if (groups.ptr == NULL) {
        abort();
    }
    for (size_t index = 0; index < groups.len; index++) {
        size_t length = strcspn(names, ":");
        /* The bindings know no const, and write nothing there. */
        groups.ptr[index].ptr = (uint8_t *)names;
        groups.ptr[index].len = length;
        names += length + 1;
    }
    tls_error_t error;
    bool succeeded =
        portcullis_tls_context_method_context_set_groups(tls_context(tls), &groups, &error);
    free(groups.ptr);
    return tls_keep(tls, succeeded, &error);
}

/* Limit a timer, in milliseconds: of the connection if there is one, else of those to come. */
static inline bool tls_set_timeout(struct tls *tls, tls_timer_t timer, uint64_t milliseconds) {
    if (tls == NULL) {
        return false;
    }
    uint64_t *limit = milliseconds == TLS_NO_LIMIT ? NULL : &milliseconds;
    tls_error_t error;
    bool succeeded;
    if (tls->port.__handle != 0 && !tls->broken) {
        succeeded = portcullis_tls_port_method_port_set_timeout(
            portcullis_tls_port_borrow_port(tls->port), (portcullis_tls_types_timer_t)timer, limit,
            &error);
    } else {
        succeeded = portcullis_tls_context_method_context_set_timeout(
            tls_context(tls), (portcullis_tls_types_timer_t)timer, limit, &error);
    }
    return tls_keep(tls, succeeded, &error);
}

/* ---- connections ---- */

/* Make the struct ready for a new connection or listener, without what the last one has left; if it
 * is in use or of the other role, keep why and return false. */
static inline bool tls_ready(struct tls *tls, bool for_server) {
    if (tls_in_use(tls)) {
        return tls_refuse(tls, "this struct tls is in use; tls_close it first, or take another");
    }
    if (for_server != tls->is_server) {
        return tls_refuse(tls, for_server ? "this struct tls is a client; call tls_server first"
                                          : "this struct tls is a server; take another to connect");
    }
    tls_drop_port(tls);
    tls_drop_session(tls);
    tls->closed = false;
    /* The environment is read once, and not again for the next connection. */
    return for_server || tls->has_trust || (tls_trust_environment(tls) && (tls->has_trust = true));
}

/* The context as it is, sealed or not. */
static inline portcullis_tls_context_borrow_context_t tls_settings(struct tls *tls) {
    return tls->context.__handle == 0 ? tls_context(tls)
                                      : portcullis_tls_context_borrow_context(tls->context);
}

/* Connect to a host, a DNS name or an IP address. The handshake runs with the first read or write,
 * or with `tls_handshake`. */
static inline bool tls_connect(struct tls *tls, const char *host, uint16_t port) {
    if (tls == NULL) {
        return false;
    }
    if (host == NULL) {
        return tls_refuse(tls, "the host is missing: a null pointer was given");
    }
    if (!tls_ready(tls, false)) {
        return false;
    }
    client_string_t name;
    client_string_set(&name, host);
    tls_error_t error;
    bool succeeded = portcullis_tls_port_static_port_blocking_connect(tls_settings(tls), &name, port,
                                                                      &tls->port, &error);
    if (succeeded) {
        tls_keep_session(tls);
    }
    return tls_keep(tls, succeeded, &error);
}

/* Change to TLS on streams that are open already (STARTTLS). A client names the host, which is sent
 * and verified; a server has none (NULL). The streams are taken, even on failure; the socket that
 * they belong to stays the caller's, and must outlive the connection. What was read from it too
 * early goes into `already_read`, which is zero otherwise. */
static inline bool tls_start(struct tls *tls, const char *host, tls_transport_t *transport) {
    if (tls == NULL) {
        return false;
    }
    if (transport == NULL || transport->input.__handle == 0 || transport->output.__handle == 0) {
        return tls_refuse(tls, "the streams are missing");
    }
    tls_transport_t taken = *transport;
    transport->input.__handle = 0;
    transport->output.__handle = 0;
    if (!tls_ready(tls, tls->is_server)) {
        wasi_io_streams_input_stream_drop_own(taken.input);
        wasi_io_streams_output_stream_drop_own(taken.output);
        return false;
    }
    client_string_t name;
    if (host != NULL) {
        client_string_set(&name, host);
    }
    tls_error_t error;
    bool succeeded = portcullis_tls_port_static_port_start(
        tls_settings(tls), host != NULL ? &name : NULL, &taken, &tls->port, &error);
    if (succeeded) {
        tls_keep_session(tls);
    }
    return tls_keep(tls, succeeded, &error);
}

/* Listen on an IP address of this machine and a TCP port; 0 picks a free one, see `tls_local_port`.
 * A server needs `tls_server` and an identity before. */
static inline bool tls_listen(struct tls *tls, const char *ip, uint16_t port) {
    if (tls == NULL) {
        return false;
    }
    if (ip == NULL) {
        return tls_refuse(tls, "the address is missing: a null pointer was given");
    }
    if (!tls_ready(tls, true)) {
        return false;
    }
    client_string_t address;
    client_string_set(&address, ip);
    tls_error_t error;
    bool succeeded = portcullis_tls_listener_static_listener_listen(
        tls_settings(tls), &address, port, NULL, &tls->listener, &error);
    return tls_keep(tls, succeeded, &error);
}

static inline bool tls_listens(struct tls *tls) {
    if (tls == NULL) {
        return false;
    }
    return tls->listener.__handle != 0 || tls_refuse(tls, "it does not listen; call tls_listen first");
}

/* The TCP port that it listens on; 0 on failure. */
static inline uint16_t tls_local_port(struct tls *tls) {
    if (!tls_listens(tls)) {
        return 0;
    }
    portcullis_tls_listener_address_t address;
    tls_error_t error;
    bool succeeded = portcullis_tls_listener_method_listener_local_address(
        portcullis_tls_listener_borrow_listener(tls->listener), &address, &error);
    if (!tls_keep(tls, succeeded, &error)) {
        return 0;
    }
    uint16_t port = address.port;
    portcullis_tls_listener_address_free(&address);
    return port;
}

/* Wait for a client, without limit, and let `connection` be the connection with it. Its handshake
 * runs with the first read or write, and not here: a silent client holds up nobody. A failure is
 * kept in `listener`. */
static inline bool tls_accept(struct tls *listener, struct tls *connection) {
    if (!tls_listens(listener)) {
        return false;
    }
    if (connection == NULL) {
        return tls_refuse(listener, "the connection is missing: a null pointer was given");
    }
    if (tls_in_use(connection)) {
        return tls_refuse(listener, "the struct tls for the connection is in use; tls_close it first");
    }
    tls_error_t error;
    portcullis_tls_port_own_port_t port;
    bool succeeded = portcullis_tls_listener_method_listener_blocking_accept(
        portcullis_tls_listener_borrow_listener(listener->listener), &port, &error);
    if (succeeded) {
        tls_drop(connection);
        tls_forget(connection);
        connection->port = port;
        tls_keep_session(connection);
        connection->is_server = true;
        if (listener->sources != NULL) {
            connection->sources = tls_join(listener->sources, "", "", "");
        }
        connection->closed = false;
    }
    return tls_keep(listener, succeeded, &error);
}

/* Run the handshake, if it has not been run; only then the connection's facts are known. */
static inline bool tls_handshake(struct tls *tls) {
    if (!tls_has_port(tls)) {
        return false;
    }
    tls_error_t error;
    bool succeeded = portcullis_tls_port_method_port_blocking_handshake(
        portcullis_tls_port_borrow_port(tls->port), &error);
    return tls_keep_port(tls, succeeded, &error);
}

/* From so many bytes on, plaintext crosses in words of 64 bits, in the order of the memory: where
 * components are composed, hosts copy lists element by element. */
enum { TLS_MANY = 1024 };

/* Read much, as `tls_read`. */
static inline ptrdiff_t tls_read_words(struct tls *tls, void *plaintext, size_t room) {
    portcullis_tls_port_option_words_t part;
    tls_error_t error;
    bool succeeded = portcullis_tls_port_method_port_blocking_read_words(
        portcullis_tls_port_borrow_port(tls->port), room, &part, &error);
    if (!tls_keep_port(tls, succeeded, &error)) {
        return TLS_FAILED;
    }
    if (!part.is_some) {
        return TLS_END;
    }
    uint64_t length = part.val.length;
    if (length > room || length > part.val.words.len * sizeof(uint64_t)) {
        /* The component has broken its contract. */
        __builtin_trap();
    }
    memcpy(plaintext, part.val.words.ptr, (size_t)length);
    portcullis_tls_port_option_words_free(&part);
    return (ptrdiff_t)length;
}

/* Read at least one byte and at most `room`, and return how many; `TLS_END` when the peer has sent
 * close_notify, `TLS_FAILED` on failure, also if what came before may have been cut short. After
 * the read timer has run out, reading may go on. */
static inline ptrdiff_t tls_read(struct tls *tls, void *plaintext, size_t room) {
    if (!tls_has_port(tls)) {
        return TLS_FAILED;
    }
    if (plaintext == NULL || room == 0) {
        tls_refuse(tls, "there is no room to read into");
        return TLS_FAILED;
    }
    if (room >= TLS_MANY) {
        return tls_read_words(tls, plaintext, room);
    }
    client_option_list_u8_t part;
    tls_error_t error;
    bool succeeded = portcullis_tls_port_method_port_blocking_read(
        portcullis_tls_port_borrow_port(tls->port), room, &part, &error);
    if (!tls_keep_port(tls, succeeded, &error)) {
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
    if (!tls_has_port(tls)) {
        return false;
    }
    if (plaintext == NULL && length > 0) {
        return tls_refuse(tls, "the bytes are missing: a null pointer was given");
    }
    portcullis_tls_port_borrow_port_t port = portcullis_tls_port_borrow_port(tls->port);
    tls_error_t error;
    bool succeeded;
    client_list_u64_t words = {NULL, length / sizeof(uint64_t)};
    void *copy = NULL;
    if (length >= TLS_MANY) {
        bool is_whole = length % sizeof(uint64_t) == 0;
        if (is_whole && (uintptr_t)plaintext % sizeof(uint64_t) == 0) {
            /* The bindings know no const, and write nothing there. */
            words.ptr = (uint64_t *)plaintext;
        } else {
            words.len += !is_whole;
            copy = calloc(words.len, sizeof(uint64_t));
            words.ptr = (uint64_t *)copy;
        }
    }
    if (copy != NULL) {
        memcpy(copy, plaintext, length);
    }
    if (words.ptr != NULL) {
        succeeded = portcullis_tls_port_method_port_blocking_write_all_words(
            port, &words, length, &error);
        free(copy);
    } else {
        /* Little, or there is no memory for a copy. */
        client_list_u8_t bytes = {(uint8_t *)plaintext, length};
        succeeded = portcullis_tls_port_method_port_blocking_write_all(port, &bytes, &error);
    }
    return tls_keep_port(tls, succeeded, &error);
}

/* Say by close_notify that nothing more will be written, and go on reading. Doing it twice is
 * harmless. */
static inline bool tls_close_output(struct tls *tls) {
    if (!tls_has_port(tls)) {
        return false;
    }
    portcullis_tls_port_borrow_port_t port = portcullis_tls_port_borrow_port(tls->port);
    tls_error_t error;
    bool succeeded = portcullis_tls_port_method_port_blocking_handshake(port, &error);
    while (succeeded && !portcullis_tls_port_method_port_close_output(port, &error)) {
        if (error.tag != PORTCULLIS_TLS_TYPES_ERROR_WANT_WRITE
            && error.tag != PORTCULLIS_TLS_TYPES_ERROR_WANT_READ) {
            succeeded = false;
            break;
        }
        /* The transport is full. A pollable would not be woken by the shutdown timer, and the world
         * need not have a clock; so look again, which is rare, and ends with that timer. */
        struct timespec pause = {0, 10000000};
        nanosleep(&pause, NULL);
    }
    return tls_keep_port(tls, succeeded, &error);
}

/* Say goodbye (close_notify), and free all but what the connection has agreed on, on failure too;
 * the struct can then be used as before its first use. Closing twice is harmless. */
static inline bool tls_close(struct tls *tls) {
    if (tls == NULL) {
        return false;
    }
    tls_error_t error;
    bool succeeded = true;
    if (tls->port.__handle != 0) {
        succeeded = portcullis_tls_port_method_port_close(
            portcullis_tls_port_borrow_port(tls->port), &error);
    }
    bool has_closed = tls->port.__handle != 0, kept = tls_keep(tls, succeeded, &error);
    tls_drop_all(tls);
    tls->closed = tls->closed || has_closed;
    return kept;
}

/* ---- what a connection has agreed on: from the end of the handshake, also after the connection has
 * failed and after `tls_close`, until the next connection or `tls_drop` ---- */

/* Whether the peer has presented a certificate that has passed every check of the context. If not,
 * `tls_error` says why, and a program decides by `tls->error.val.certificate.reason`: `MISSING`,
 * none was presented; `NOT_CHECKED`, the handshake is not done or the context asks for nothing;
 * else the check that failed (`tls_defer_verification`). It changes nothing of the connection. */
static inline bool tls_verify_result(struct tls *tls) {
    if (tls == NULL) {
        return false;
    }
    if (tls->session.__handle == 0) {
        return tls_refuse(tls, "there is no connection to tell of; call tls_connect, tls_start or "
                               "tls_accept first");
    }
    tls_error_t error;
    memset(&error, 0, sizeof error);
    error.tag = PORTCULLIS_TLS_TYPES_ERROR_CERTIFICATE;
    bool verified = portcullis_tls_session_method_session_verify_result(
        portcullis_tls_session_borrow_session(tls->session), &error.val.certificate);
    return tls_keep(tls, verified, &error);
}

/* The following are no failure if there is nothing to tell, and leave `tls_error` alone. */

/* `TLSv1.2` or `TLSv1.3`; NULL before the handshake is done. */
static inline const char *tls_version(const struct tls *tls) {
    portcullis_tls_session_version_t version;
    if (tls == NULL || tls->session.__handle == 0
        || !portcullis_tls_session_method_session_version(
            portcullis_tls_session_borrow_session(tls->session), &version)) {
        return NULL;
    }
    return version == PORTCULLIS_TLS_TYPES_VERSION_TLS12 ? "TLSv1.2" : "TLSv1.3";
}

/* The cipher suite by its IANA name, the caller's to free; NULL before the handshake is done. */
static inline char *tls_cipher_suite(const struct tls *tls) {
    client_string_t name;
    bool known = tls != NULL && tls->session.__handle != 0
                 && portcullis_tls_session_method_session_cipher_suite(
                     portcullis_tls_session_borrow_session(tls->session), &name);
    return known ? tls_text(&name) : NULL;
}

/* The key exchange group by its IANA name, the caller's to free; NULL before the handshake is done,
 * and where TLS 1.2 has resumed a session. */
static inline char *tls_group(const struct tls *tls) {
    client_string_t name;
    bool known = tls != NULL && tls->session.__handle != 0
                 && portcullis_tls_session_method_session_group(
                     portcullis_tls_session_borrow_session(tls->session), &name);
    return known ? tls_text(&name) : NULL;
}

/* Whether a read has met the end of the transport without the peer's close_notify: then what was
 * read may have been cut short by an attacker. */
static inline bool tls_is_truncated(const struct tls *tls) {
    return tls != NULL && tls->session.__handle != 0
           && portcullis_tls_session_method_session_is_truncated(
               portcullis_tls_session_borrow_session(tls->session));
}

#endif
