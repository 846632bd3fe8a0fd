/* Checks portcullis.h, as C and as C++, against a TLS server that echoes all bytes:
 * `check HOST PORT`. `SSL_CERT_FILE` names the authority of its certificate, a file that is called
 * `ca.pem`; `cert.pem` and `key.pem` beside it are a certificate for HOST and its key. Prints `ok`
 * or `not ok` for each claim; the last line says how many failed. It is long because it is a list
 * of claims. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "portcullis.h"
#include "tcp.h"

enum { LINE = 1024, PART = 16 * 1024, TIMES = 20, FAILURE = 1, USAGE = 2 };

#define INVALID PORTCULLIS_TLS_TYPES_ERROR_INVALID_ARGUMENT
#define CLOSED PORTCULLIS_TLS_TYPES_ERROR_CLOSED
#define NOT_SUPPORTED PORTCULLIS_TLS_TYPES_ERROR_NOT_SUPPORTED

static const char *host;
static uint16_t port;
static char ca[LINE], cert[LINE], key[LINE], absent[LINE];
static int failures;

static bool claim(bool holds, const char *what) {
    printf("%s %s\n", holds ? "ok" : "not ok", what);
    failures += !holds;
    return holds;
}

/* Claim that a call has succeeded; if not, print its failure. */
static bool done(struct tls *tls, bool succeeded, const char *what) {
    if (!claim(succeeded, what)) {
        printf("# %s\n", tls_error(tls));
    }
    return succeeded;
}

/* Claim that a call has failed with this error, and says why. */
static void fails(struct tls *tls, bool succeeded, int tag, const char *what) {
    bool told = tls->failed && tls->error.tag == tag && strlen(tls_error(tls)) > 10;
    if (!claim(!succeeded && told, what)) {
        printf("# %d %d: %s\n", succeeded, tls->failed ? tls->error.tag : -1, tls_error(tls));
    }
}

/* Claim that `tls_verify_result` fails for this reason, in a line that has this word. */
static void unverified(struct tls *tls, int reason, const char *word, const char *what) {
    bool verified = tls_verify_result(tls);
    bool told = tls->failed && tls->error.tag == PORTCULLIS_TLS_TYPES_ERROR_CERTIFICATE
                && tls->error.val.certificate.reason == reason
                && strstr(tls_error(tls), word) != NULL;
    if (!claim(!verified && told, what)) {
        printf("# %d: %s\n", verified, tls_error(tls));
    }
}

static bool echoes(struct tls *tls, const char *text) {
    char part[100];
    size_t length = strlen(text), done_so_far = 0;
    if (!tls_write_all(tls, text, length)) {
        return false;
    }
    while (done_so_far < length) {
        ptrdiff_t got = tls_read(tls, part + done_so_far, sizeof part - done_so_far);
        if (got <= 0) {
            return false;
        }
        done_so_far += (size_t)got;
    }
    return memcmp(part, text, length) == 0;
}

static void echo(void) {
    static char all[PART], back[PART];
    struct tls tls;
    memset(&tls, 0, sizeof tls);
    done(&tls, tls_connect(&tls, host, port), "it connects");
    done(&tls, tls_handshake(&tls), "it shakes hands");
    for (size_t index = 0; index < sizeof all; index++) {
        all[index] = (char)(index % 251);
    }
    size_t read = 0;
    done(&tls, tls_write_all(&tls, all, sizeof all), "it writes");
    while (read < sizeof back) {
        ptrdiff_t got = tls_read(&tls, back + read, sizeof back - read);
        if (got <= 0) {
            break;
        }
        read += (size_t)got;
    }
    claim(memcmp(all, back, sizeof all) == 0, "what comes back is the same");
    done(&tls, tls_close(&tls), "it closes");
    tls_drop(&tls);
}

/* Claim that all facts of the connection are told, and that the group is a supported one. */
static void tells(struct tls *tls, const char *when) {
    char what[LINE];
    snprintf(what, sizeof what, "its certificate has passed %s", when);
    done(tls, tls_verify_result(tls), what);
    const char *version = tls_version(tls);
    char *suite = tls_cipher_suite(tls), *group = tls_group(tls);
    snprintf(what, sizeof what, "the version is known %s", when);
    claim(version != NULL && strcmp(version, "TLSv1.3") == 0, what);
    snprintf(what, sizeof what, "so is the cipher suite %s", when);
    claim(suite != NULL && strncmp(suite, "TLS_", 4) == 0, what);
    client_list_string_t groups;
    portcullis_tls_context_supported_groups(&groups);
    bool supported = false;
    for (size_t index = 0; group != NULL && index < groups.len; index++) {
        supported = supported
                    || (groups.ptr[index].len == strlen(group)
                        && memcmp(groups.ptr[index].ptr, group, strlen(group)) == 0);
    }
    client_list_string_free(&groups);
    snprintf(what, sizeof what, "so is the group %s", when);
    claim(supported, what);
    snprintf(what, sizeof what, "nothing was cut short %s", when);
    claim(!tls_is_truncated(tls), what);
    free(suite);
    free(group);
}

/* Whether nothing is told, as there is nothing to tell; that is no failure. */
static bool tells_nothing(const struct tls *tls) {
    return tls_version(tls) == NULL && tls_cipher_suite(tls) == NULL && tls_group(tls) == NULL
           && !tls_is_truncated(tls);
}

static void facts(void) {
    struct tls tls;
    memset(&tls, 0, sizeof tls);
    claim(tells_nothing(&tls), "without a connection nothing is known of it");
    fails(&tls, tls_verify_result(&tls), INVALID, "nor is a certificate");
    done(&tls, tls_connect(&tls, host, port), "a connection to know of");
    claim(tells_nothing(&tls), "before the handshake nothing is known");
    unverified(&tls, PORTCULLIS_TLS_TYPES_CERTIFICATE_REASON_NOT_CHECKED, "not checked",
               "nor was a certificate checked");
    claim(tells_nothing(&tls) && tls.failed, "asking what is not known leaves the last failure");
    done(&tls, tls_handshake(&tls), "the handshake is done");
    tells(&tls, "after the handshake");
    done(&tls, tls_close(&tls), "the connection is closed");
    tells(&tls, "after closing");
    done(&tls, tls_connect(&tls, host, port), "the next connection");
    claim(tells_nothing(&tls), "does not tell of the last");
    tls_drop(&tls);
    claim(tells_nothing(&tls), "nor does one that is dropped");
    tls_forget(&tls);
    claim(tells_nothing(NULL) && !tls_verify_result(NULL), "nor one that is none");
}

/* Expect a name that the certificate does not have. */
static bool expect_another(struct tls *tls) {
    portcullis_tls_context_verify_name_t name;
    name.tag = PORTCULLIS_TLS_CONTEXT_VERIFY_NAME_NAME;
    client_string_set(&name.val.name, "wrong.example");
    tls_error_t error;
    bool succeeded =
        portcullis_tls_context_method_context_set_verify_name(tls_context(tls), &name, &error);
    return tls_keep(tls, succeeded, &error);
}

/* Verification that does not stop the handshake, and whose result is told. */
static void deferred(void) {
    struct tls tls;
    memset(&tls, 0, sizeof tls);
    done(&tls, tls_defer_verification(&tls), "a client that decides later");
    done(&tls, tls_connect(&tls, host, port) && tls_handshake(&tls), "meets whom it expects");
    done(&tls, tls_verify_result(&tls), "and is told so");
    done(&tls, tls_close(&tls), "and is done");
    done(&tls, tls_defer_verification(&tls) && expect_another(&tls), "one that expects another");
    done(&tls, tls_connect(&tls, host, port) && tls_handshake(&tls), "meets somebody");
    unverified(&tls, PORTCULLIS_TLS_TYPES_CERTIFICATE_REASON_WRONG_NAME, "wrong.example",
               "whose name is wrong");
    claim(echoes(&tls, "whoever you are"), "asking harms no connection");
    done(&tls, tls_close(&tls), "which is closed");
    unverified(&tls, PORTCULLIS_TLS_TYPES_CERTIFICATE_REASON_WRONG_NAME, "wrong.example",
               "the name stays wrong");
    done(&tls, expect_another(&tls), "one that expects another at once");
    fails(&tls, tls_connect(&tls, host, port) && tls_handshake(&tls),
          PORTCULLIS_TLS_TYPES_ERROR_CERTIFICATE, "meets nobody");
    claim(tls.error.val.certificate.reason == PORTCULLIS_TLS_TYPES_CERTIFICATE_REASON_WRONG_NAME,
          "for the same reason");
    tls_close(&tls);
    unverified(&tls, PORTCULLIS_TLS_TYPES_CERTIFICATE_REASON_WRONG_NAME, "wrong.example",
               "which is told also after the handshake has failed");
    tls_drop(&tls);
    tls_forget(&tls);
}

/* Claim that a list of groups is refused for this reason. */
static void no_groups(struct tls *tls, const char *names, int reason, const char *word,
                      const char *what) {
    bool chosen = tls_set_groups(tls, names);
    fails(tls, chosen, PORTCULLIS_TLS_TYPES_ERROR_INVALID_CONFIGURATION, what);
    claim(tls->failed
              && tls->error.val.invalid_configuration.item
                     == PORTCULLIS_TLS_TYPES_CONFIGURATION_ITEM_GROUPS
              && tls->error.val.invalid_configuration.reason == reason
              && strstr(tls_error(tls), word) != NULL,
          "it says why");
}

static void groups(void) {
    struct tls tls;
    memset(&tls, 0, sizeof tls);
    no_groups(&tls, "x25519:ffdhe2048", PORTCULLIS_TLS_TYPES_CONFIGURATION_REASON_UNKNOWN_NAME,
              "ffdhe2048", "a group that there is not");
    no_groups(&tls, "x25519:X25519", PORTCULLIS_TLS_TYPES_CONFIGURATION_REASON_DUPLICATE, "25519",
              "a group twice");
    no_groups(&tls, "", PORTCULLIS_TLS_TYPES_CONFIGURATION_REASON_EMPTY, "group", "no group");
    fails(&tls, tls_set_groups(&tls, NULL), INVALID, "no list of groups");
    done(&tls, tls_set_groups(&tls, "SECP384R1:secp256r1"), "two groups, in any case");
    done(&tls, tls_connect(&tls, host, port) && tls_handshake(&tls), "are offered");
    char *group = tls_group(&tls);
    claim(group != NULL && strcmp(group, "secp384r1") == 0, "and the first is agreed on");
    free(group);
    done(&tls, tls_close(&tls), "to the end");
    tls_drop(&tls);
}

/* A struct in use, which must not be put to another use. */
static void in_use(void) {
    struct tls tls;
    memset(&tls, 0, sizeof tls);
    done(&tls, tls_connect(&tls, host, port), "the first connection is made");
    int handle = (int)tls.port.__handle, session = (int)tls.session.__handle, refused = 0;
    for (int time = 0; time < TIMES; time++) {
        refused += !tls_connect(&tls, host, port) && tls.error.tag == INVALID;
    }
    claim(refused == TIMES && (int)tls.port.__handle == handle,
          "a struct in use takes no second connection");
    struct tcp tcp;
    claim(tcp_connect(&tcp, host, port), "a plain connection");
    tls_transport_t transport = tcp_take(&tcp);
    fails(&tls, tls_start(&tls, host, &transport), INVALID, "nor a started one");
    /* tls_start has freed the streams, or this would be a trap. */
    tcp_close(&tcp);
    fails(&tls, tls_listen(&tls, "127.0.0.1", 0), INVALID, "nor does it listen");
    fails(&tls, tls_server(&tls), INVALID, "nor does it become a server");
    claim(echoes(&tls, "still here"), "the connection is as it was");
    claim(strcmp(tls_error(&tls), "no failure") == 0, "a success leaves no old text");
    done(&tls, tls_close(&tls), "and it closes");
    int highest = 0;
    for (int time = 0; time < TIMES; time++) {
        if (!tls_connect(&tls, host, port) || !echoes(&tls, "again") || !tls_close(&tls)) {
            done(&tls, false, "it connects again");
        }
        highest = (int)tls.port.__handle > highest ? (int)tls.port.__handle : highest;
    }
    done(&tls, tls_connect(&tls, host, port), "after many connections one more");
    claim((int)tls.port.__handle <= handle + 1 && highest == 0, "none of them is left open");
    claim((int)tls.session.__handle <= session + 1, "nor is what they agreed on left behind");
    tls_drop(&tls);
    tls_forget(&tls);
}

static void without_connection(struct tls *tls, int tag, const char *when) {
    char part[10], what[LINE];
    snprintf(what, sizeof what, "no reading %s", when);
    fails(tls, tls_read(tls, part, sizeof part) != TLS_FAILED, tag, what);
    snprintf(what, sizeof what, "no writing %s", when);
    fails(tls, tls_write_all(tls, "x", 1), tag, what);
    snprintf(what, sizeof what, "no half-close %s", when);
    fails(tls, tls_close_output(tls), tag, what);
    snprintf(what, sizeof what, "no handshake %s", when);
    fails(tls, tls_handshake(tls), tag, what);
    snprintf(what, sizeof what, "closing is harmless %s", when);
    done(tls, tls_close(tls), what);
}

static void misuse(void) {
    struct tls tls;
    char part[10];
    memset(&tls, 0, sizeof tls);
    without_connection(&tls, INVALID, "before a connection");
    done(&tls, tls_connect(&tls, host, port), "a connection after that");
    fails(&tls, tls_read(&tls, part, 0) != TLS_FAILED, INVALID, "no reading into no room");
    fails(&tls, tls_read(&tls, NULL, 1) != TLS_FAILED, INVALID, "no reading into nothing");
    fails(&tls, tls_write_all(&tls, NULL, 1), INVALID, "no writing of nothing");
    done(&tls, tls_write_all(&tls, "", 0), "no bytes are written");
    done(&tls, tls_write_all(&tls, NULL, 0), "nor those of nothing");
    claim(echoes(&tls, "unharmed"), "mistakes do not harm the connection");
    done(&tls, tls_close(&tls), "it is closed");
    without_connection(&tls, CLOSED, "after closing");
    done(&tls, tls_close(&tls), "closing twice is harmless");
    fails(&tls, tls_connect(&tls, host, 0), INVALID, "port 0 is none");
    fails(&tls, tls_connect(&tls, "no host", 443), INVALID, "nor is this a host");
    fails(&tls, tls_connect(&tls, "", 443), INVALID, "nor the empty one");
    fails(&tls, tls_connect(&tls, NULL, 443), INVALID, "nor none");
    fails(&tls, tls_connect(&tls, "127.0.0.1", 1), PORTCULLIS_TLS_TYPES_ERROR_NETWORK,
          "nobody listens there");
    done(&tls, tls_trust_file(&tls, ca), "settings after a failed connection");
    done(&tls, tls_connect(&tls, host, port), "and another connection");
    claim(echoes(&tls, "recovered"), "which works");
    tls_drop(&tls);
    fails(&tls, tls_start(&tls, host, NULL), INVALID, "no streams to start on");
    fails(&tls, tls_trust_file(&tls, NULL), INVALID, "no file");
    fails(&tls, tls_trust_directory(&tls, NULL), INVALID, "no directory");
    fails(&tls, tls_trust_bytes(&tls, NULL, 0), INVALID, "no bytes");
    fails(&tls, tls_identity_files(&tls, NULL, NULL, NULL), INVALID, "no identity");
    fails(&tls, tls_identity_bytes(&tls, "x", 1, NULL, 0, NULL), INVALID, "no key");
    fails(&tls, tls_listen(&tls, "127.0.0.1", 0), INVALID, "a client does not listen");
    fails(&tls, tls_accept(&tls, &tls), INVALID, "nor accept");
    fails(&tls, tls_local_port(&tls) != 0, INVALID, "nor have a port");
    tls_drop(&tls);
    tls_forget(&tls);
    claim(!tls_connect(NULL, host, port) && !tls_start(NULL, NULL, NULL) && !tls_close(NULL)
              && tls_read(NULL, part, 1) == TLS_FAILED && !tls_write_all(NULL, "x", 1)
              && !tls_close_output(NULL) && !tls_handshake(NULL) && !tls_server(NULL)
              && !tls_listen(NULL, "", 0) && !tls_accept(NULL, NULL) && tls_local_port(NULL) == 0
              && !tls_trust_file(NULL, ca) && !tls_trust_bytes(NULL, ca, 1)
              && !tls_trust_directory(NULL, ca) && !tls_trust_environment(NULL)
              && !tls_identity_files(NULL, ca, ca, NULL) && !tls_require_certificate(NULL)
              && !tls_identity_bytes(NULL, ca, 1, ca, 1, NULL)
              && !tls_defer_verification(NULL) && !tls_set_groups(NULL, "x25519")
              && !tls_set_timeout(NULL, TLS_TIMER_READ, 1) && strlen(tls_error(NULL)) > 10,
          "a struct that is none");
    tls_drop(NULL);
    tls_forget(NULL);
}

/* The contents of a file, the caller's to free. */
static char *contents(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    char *all = (char *)malloc(PART + 1);
    if (file == NULL || all == NULL) {
        abort();
    }
    *length = fread(all, 1, PART, file);
    all[*length] = 0;
    fclose(file);
    return all;
}

/* PEM text is no path, and no failure quotes it. */
static void secrets(void) {
    struct tls tls;
    memset(&tls, 0, sizeof tls);
    size_t chain_length, key_length, ca_length;
    char *chain_pem = contents(cert, &chain_length), *key_pem = contents(key, &key_length),
         *ca_pem = contents(ca, &ca_length);
    fails(&tls, tls_identity_files(&tls, cert, key_pem, NULL), INVALID, "a key is no path");
    claim(strstr(tls_error(&tls), "BEGIN") == NULL && strstr(tls_error(&tls), key_pem + 40) == NULL
              && strstr(tls_error(&tls), "pass bytes") != NULL,
          "it is not told, the cure is");
    fails(&tls, tls_trust_file(&tls, ca_pem), INVALID, "an authority is no path");
    done(&tls, tls_identity_bytes(&tls, chain_pem, chain_length, key_pem, key_length, NULL),
         "they are an identity as bytes");
    done(&tls, tls_trust_bytes(&tls, ca_pem, ca_length), "and an authority");
    done(&tls, tls_connect(&tls, host, port), "to connect with");
    claim(echoes(&tls, "by bytes"), "which works as well");
    done(&tls, tls_close(&tls), "to the end");
    tls_drop(&tls);
    free(chain_pem);
    free(key_pem);
    free(ca_pem);
}

static void unknown(const char *searched, const char *what) {
    struct tls tls;
    memset(&tls, 0, sizeof tls);
    bool connected = tls_connect(&tls, host, port) && tls_handshake(&tls);
    fails(&tls, connected, PORTCULLIS_TLS_TYPES_ERROR_CERTIFICATE, what);
    claim(strstr(tls_error(&tls), searched) != NULL, "it says where it was looked for");
    tls_drop(&tls);
    tls_forget(&tls);
}

static void environment(void) {
    struct tls tls;
    char folder[LINE], list[4 * LINE];
    memset(&tls, 0, sizeof tls);
    snprintf(folder, sizeof folder, "%.*s", (int)(strlen(ca) - strlen("ca.pem")), ca);
    setenv("SSL_CERT_FILE", "", 1);
    unknown("searched: the built-in web roots", "without the variables nobody is trusted");
    snprintf(list, sizeof list, ":%s::%s:", absent, folder);
    setenv("SSL_CERT_DIR", list, 1);
    done(&tls, tls_connect(&tls, host, port) && tls_handshake(&tls), "directories are trusted");
    done(&tls, tls_close(&tls), "whatever is empty or absent");
    setenv("SSL_CERT_DIR", absent, 1);
    fails(&tls, tls_connect(&tls, host, port), PORTCULLIS_TLS_TYPES_ERROR_INVALID_CONFIGURATION,
          "nobody is trusted if all are absent");
    claim(strstr(tls_error(&tls), absent) != NULL, "it says which");
    tls_drop(&tls);
    setenv("SSL_CERT_FILE", absent, 1);
    unsetenv("SSL_CERT_DIR");
    fails(&tls, tls_connect(&tls, host, port), PORTCULLIS_TLS_TYPES_ERROR_INVALID_CONFIGURATION,
          "a file that is not there");
    claim(strstr(tls_error(&tls), "SSL_CERT_FILE") != NULL, "it says which variable");
    done(&tls, tls_trust_file(&tls, ca) && tls_connect(&tls, host, port) && tls_handshake(&tls),
         "who says whom to trust needs no environment");
    tls_drop(&tls);
    tls_forget(&tls);
    setenv("SSL_CERT_FILE", ca, 1);
}

static uint64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool listens(struct tls *listener) {
    return tls_server(listener) && tls_identity_files(listener, cert, key, NULL)
           && tls_listen(listener, "127.0.0.1", 0);
}

static void timers(void) {
    struct tls tls, silent;
    char part[10];
    memset(&tls, 0, sizeof tls);
    memset(&silent, 0, sizeof silent);
    fails(&tls, tls_set_timeout(&tls, TLS_TIMER_IDLE, 200), NOT_SUPPORTED, "no timer of idleness");
    fails(&tls, tls_set_timeout(&tls, TLS_TIMER_RESOLVE, 200), NOT_SUPPORTED, "nor of names");
    fails(&tls, tls_set_timeout(&tls, TLS_TIMER_ACCEPT, 200), NOT_SUPPORTED, "nor of accepting");
    done(&tls, tls_set_timeout(&tls, TLS_TIMER_READ, 200), "a timer before the connection");
    done(&tls, tls_connect(&tls, host, port), "which is made");
    fails(&tls, tls_set_timeout(&tls, TLS_TIMER_IDLE, 200), NOT_SUPPORTED, "without one of idleness");
    uint64_t begin = milliseconds();
    fails(&tls, tls_read(&tls, part, sizeof part) != TLS_FAILED, PORTCULLIS_TLS_TYPES_ERROR_TIMEOUT,
          "a read of nothing runs into it");
    uint64_t took = milliseconds() - begin;
    claim(took >= 190 && took < 10000, "in time");
    done(&tls, tls_set_timeout(&tls, TLS_TIMER_READ, TLS_NO_LIMIT), "no timer any more");
    claim(echoes(&tls, "later"), "nothing was lost");
    done(&tls, tls_close(&tls), "it closes as ever");
    done(&silent, listens(&silent), "one who says nothing");
    done(&tls, tls_set_timeout(&tls, TLS_TIMER_HANDSHAKE, 200), "a timer for the handshake");
    done(&tls, tls_connect(&tls, "127.0.0.1", tls_local_port(&silent)), "connected");
    fails(&tls, tls_handshake(&tls), PORTCULLIS_TLS_TYPES_ERROR_TIMEOUT, "the handshake ends");
    done(&tls, tls_set_timeout(&tls, TLS_TIMER_HANDSHAKE, TLS_NO_LIMIT), "more time for the next");
    done(&tls, tls_connect(&tls, host, port), "a struct that has failed connects again");
    claim(echoes(&tls, "reconnected"), "and works");
    tls_drop(&tls);
    tls_drop(&silent);
}

static void half_close(void) {
    struct tls tls;
    char part[100];
    memset(&tls, 0, sizeof tls);
    done(&tls, tls_connect(&tls, host, port), "a connection to half-close");
    done(&tls, tls_write_all(&tls, "before", 6), "what is written before");
    done(&tls, tls_close_output(&tls), "nothing more will be");
    done(&tls, tls_close_output(&tls), "said twice");
    fails(&tls, tls_write_all(&tls, "late", 4), CLOSED, "what is written late");
    size_t length = 0;
    ptrdiff_t got;
    while ((got = tls_read(&tls, part + length, sizeof part - length)) > 0) {
        length += (size_t)got;
    }
    claim(got == TLS_END && length == 6 && memcmp(part, "before", 6) == 0, "is answered to the end");
    claim(tls_read(&tls, part, sizeof part) == TLS_END, "which stays the end");
    claim(!tls_is_truncated(&tls), "and is one by close_notify");
    done(&tls, tls_close(&tls), "and closed");
    tls_drop(&tls);
}

/* Shake hands at both ends, which are both here: each goes on as far as it can, then both wait. */
static bool meet(struct tls *one, struct tls *other) {
    struct tls *both[2] = {one, other};
    for (;;) {
        wasi_io_poll_own_pollable_t waits[2];
        wasi_io_poll_borrow_pollable_t borrowed[2];
        size_t count = 0;
        for (int end = 0; end < 2; end++) {
            portcullis_tls_port_borrow_port_t at = portcullis_tls_port_borrow_port(both[end]->port);
            tls_error_t error;
            if (portcullis_tls_port_method_port_handshake(at, &error)) {
                continue;
            }
            if (error.tag == PORTCULLIS_TLS_TYPES_ERROR_WANT_WRITE) {
                waits[count] = portcullis_tls_port_method_port_subscribe_write(at);
            } else if (error.tag == PORTCULLIS_TLS_TYPES_ERROR_WANT_READ) {
                waits[count] = portcullis_tls_port_method_port_subscribe(at);
            } else {
                while (count > 0) {
                    wasi_io_poll_pollable_drop_own(waits[--count]);
                }
                return tls_keep_port(both[end], false, &error);
            }
            borrowed[count] = wasi_io_poll_borrow_pollable(waits[count]);
            count++;
        }
        if (count == 0) {
            return true;
        }
        wasi_io_poll_list_borrow_pollable_t all;
        all.ptr = borrowed;
        all.len = count;
        client_list_u32_t ready;
        wasi_io_poll_poll(&all, &ready);
        client_list_u32_free(&ready);
        while (count > 0) {
            wasi_io_poll_pollable_drop_own(waits[--count]);
        }
    }
}

static void server(void) {
    struct tls listener, accepted[3], clients[3];
    char part[100];
    memset(&listener, 0, sizeof listener);
    memset(accepted, 0, sizeof accepted);
    memset(clients, 0, sizeof clients);
    done(&listener, tls_server(&listener), "it is to be a server");
    fails(&listener, tls_listen(&listener, "127.0.0.1", 0),
          PORTCULLIS_TLS_TYPES_ERROR_INVALID_CONFIGURATION, "a server needs an identity");
    done(&listener, tls_identity_files(&listener, cert, key, NULL), "it has one");
    fails(&listener, tls_listen(&listener, NULL, 0), INVALID, "no address");
    fails(&listener, tls_listen(&listener, "nowhere", 0), INVALID, "nor a name");
    done(&listener, tls_listen(&listener, "127.0.0.1", 0), "it listens");
    fails(&listener, tls_listen(&listener, "127.0.0.1", 0), INVALID, "not twice");
    fails(&listener, tls_accept(&listener, &listener), INVALID, "no listener is a connection");
    fails(&listener, tls_accept(&listener, NULL), INVALID, "nor is nothing");
    uint16_t here = tls_local_port(&listener);
    for (int index = 0; index < 3; index++) {
        done(&clients[index], tls_connect(&clients[index], "127.0.0.1", here), "a client connects");
    }
    for (int index = 0; index < 3; index++) {
        done(&listener, tls_accept(&listener, &accepted[index]), "and is accepted");
    }
    fails(&listener, tls_accept(&listener, &accepted[0]), INVALID, "a connection in use takes none");
    for (int index = 0; index < 3; index++) {
        if (!meet(&clients[index], &accepted[index])) {
            done(&clients[index], false, tls_error(&accepted[index]));
        }
    }
    unverified(&accepted[0], PORTCULLIS_TLS_TYPES_CERTIFICATE_REASON_NOT_CHECKED, "not checked",
               "a server that asks for no certificate has checked none");
    for (int index = 0; index < 3; index++) {
        done(&clients[index], tls_write_all(&clients[index], "hello", 5), "it speaks");
        done(&clients[index], tls_close_output(&clients[index]), "and says that this was all");
        ptrdiff_t got = tls_read(&accepted[index], part, sizeof part);
        claim(got == 5 && memcmp(part, "hello", 5) == 0, "it is heard");
        claim(tls_read(&accepted[index], part, sizeof part) == TLS_END, "to the end");
        done(&accepted[index], tls_write_all(&accepted[index], "bye", 3), "and answered");
        done(&accepted[index], tls_close(&accepted[index]), "the server closes");
        claim(tls_read(&clients[index], part, sizeof part) == 3, "the client hears the answer");
        claim(tls_read(&clients[index], part, sizeof part) == TLS_END, "and its end");
        done(&clients[index], tls_close(&clients[index]), "the client closes");
    }
    /* The peer of a dropped connection sees its end each time: no socket is left open. */
    int gone = 0;
    for (int time = 0; time < TIMES; time++) {
        struct tls *server = &accepted[time % 3];
        if (!tls_connect(&clients[0], "127.0.0.1", here) || !tls_accept(&listener, server)) {
            printf("# %s; %s\n", tls_error(&clients[0]), tls_error(&listener));
            break;
        }
        tls_drop(&clients[0]);
        if (!tls_handshake(server) && server->error.tag == PORTCULLIS_TLS_TYPES_ERROR_TRUNCATED) {
            gone++;
        } else {
            printf("# %s\n", tls_error(server));
        }
    }
    claim(gone == TIMES, "no dropped connection is left open");
    done(&clients[0], tls_connect(&clients[0], "127.0.0.1", here), "a client of one who goes");
    done(&listener, tls_accept(&listener, &accepted[0]), "is accepted");
    done(&accepted[0], meet(&clients[0], &accepted[0]), "and met");
    tls_drop(&accepted[0]);
    fails(&clients[0], tls_read(&clients[0], part, sizeof part) != TLS_FAILED,
          PORTCULLIS_TLS_TYPES_ERROR_TRUNCATED, "it is told that nobody said goodbye");
    tls_close(&clients[0]);
    claim(tls_is_truncated(&clients[0]), "and remembers");
    for (int index = 0; index < 3; index++) {
        tls_drop(&accepted[index]);
        tls_forget(&accepted[index]);
        tls_drop(&clients[index]);
    }
    done(&listener, tls_close(&listener), "the listener closes");
    fails(&listener, tls_accept(&listener, &accepted[0]), INVALID, "and accepts no more");
    fails(&clients[0], tls_connect(&clients[0], "127.0.0.1", here),
          PORTCULLIS_TLS_TYPES_ERROR_NETWORK, "its socket is free");
    tls_forget(&listener);
    tls_forget(&clients[0]);
}

/* A server that requires a certificate of each client. */
static void mutual(void) {
    struct tls listener, accepted, client;
    char part[10];
    memset(&listener, 0, sizeof listener);
    memset(&accepted, 0, sizeof accepted);
    memset(&client, 0, sizeof client);
    done(&listener,
         tls_server(&listener) && tls_trust_file(&listener, ca) && tls_require_certificate(&listener)
             && tls_identity_files(&listener, cert, key, NULL) && tls_listen(&listener, "127.0.0.1", 0),
         "a server that asks for certificates");
    uint16_t here = tls_local_port(&listener);
    done(&client, tls_connect(&client, "127.0.0.1", here), "a client without one");
    done(&listener, tls_accept(&listener, &accepted), "is accepted");
    fails(&accepted, meet(&client, &accepted), PORTCULLIS_TLS_TYPES_ERROR_CERTIFICATE, "and refused");
    tls_drop(&accepted);
    fails(&client, tls_read(&client, part, sizeof part) != TLS_FAILED,
          PORTCULLIS_TLS_TYPES_ERROR_ALERT_RECEIVED, "it hears so");
    tls_close(&client);
    done(&client, tls_identity_files(&client, cert, key, NULL), "a client with one");
    done(&client, tls_connect(&client, "127.0.0.1", here), "connects");
    done(&listener, tls_accept(&listener, &accepted), "and is accepted too");
    done(&accepted, meet(&client, &accepted), "they meet");
    done(&accepted, tls_verify_result(&accepted), "and the server knows who it is");
    tls_drop(&accepted);
    tls_drop(&client);
    tls_drop(&listener);
    tls_forget(&accepted);
    tls_forget(&client);
}

/* A server that asks for certificates, and decides later. */
static void deferred_mutual(void) {
    struct tls listener, accepted, client;
    memset(&listener, 0, sizeof listener);
    memset(&accepted, 0, sizeof accepted);
    memset(&client, 0, sizeof client);
    done(&listener,
         tls_server(&listener) && tls_trust_file(&listener, ca) && tls_defer_verification(&listener)
             && tls_identity_files(&listener, cert, key, NULL) && tls_listen(&listener, "127.0.0.1", 0),
         "a server that decides later");
    uint16_t here = tls_local_port(&listener);
    done(&client, tls_connect(&client, "127.0.0.1", here), "a client without a certificate");
    done(&listener, tls_accept(&listener, &accepted), "is accepted");
    done(&accepted, meet(&client, &accepted), "and not refused");
    unverified(&accepted, PORTCULLIS_TLS_TYPES_CERTIFICATE_REASON_MISSING, "certificate",
               "the server is told");
    tls_drop(&accepted);
    tls_drop(&client);
    done(&client, tls_identity_files(&client, cert, key, NULL), "a client with one");
    done(&client, tls_connect(&client, "127.0.0.1", here), "connects");
    done(&listener, tls_accept(&listener, &accepted), "is accepted");
    done(&accepted, meet(&client, &accepted), "and not refused either");
    done(&accepted, tls_verify_result(&accepted), "and has passed");
    tls_drop(&accepted);
    tls_drop(&client);
    tls_drop(&listener);
    tls_forget(&accepted);
    tls_forget(&client);
}

static void start(void) {
    struct tls tls;
    struct tcp tcp;
    memset(&tls, 0, sizeof tls);
    claim(tcp_connect(&tcp, host, port), "a connection in the clear");
    tls_transport_t transport = tcp_take(&tcp);
    done(&tls, tls_start(&tls, host, &transport), "becomes TLS");
    claim(echoes(&tls, "started"), "and works");
    done(&tls, tls_close(&tls), "to the end");
    tcp_close(&tcp);
    claim(tcp_connect(&tcp, host, port), "another");
    transport = tcp_take(&tcp);
    fails(&tls, tls_start(&tls, NULL, &transport), INVALID, "a client has to name the host");
    tcp_close(&tcp);
    done(&tls, tls_server(&tls) || (tls_close(&tls) && tls_server(&tls)), "a server");
    done(&tls, tls_identity_files(&tls, cert, key, NULL), "with its identity");
    claim(tcp_connect(&tcp, host, port), "a third");
    transport = tcp_take(&tcp);
    done(&tls, tls_start(&tls, NULL, &transport), "has no name to give");
    /* Two servers do not understand each other, and neither waits for ever. */
    done(&tls, tls_set_timeout(&tls, TLS_TIMER_HANDSHAKE, 200), "it will not wait long");
    claim(!tls_handshake(&tls), "but nobody to talk to");
    tls_drop(&tls);
    tcp_close(&tcp);
    tls_forget(&tls);
}

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    const char *authority = getenv("SSL_CERT_FILE");
    size_t length = authority == NULL ? 0 : strlen(authority);
    if (count != 3 || length < 6 || length > LINE - 10
        || strcmp(authority + length - 6, "ca.pem") != 0) {
        fputs("usage: SSL_CERT_FILE=…/ca.pem check HOST PORT\n", stderr);
        return USAGE;
    }
    host = arguments[1];
    port = (uint16_t)strtoul(arguments[2], NULL, 10);
    int folder = (int)length - 6;
    snprintf(ca, sizeof ca, "%s", authority);
    snprintf(cert, sizeof cert, "%.*scert.pem", folder, authority);
    snprintf(key, sizeof key, "%.*skey.pem", folder, authority);
    snprintf(absent, sizeof absent, "%.*sabsent", folder, authority);
    echo();
    facts();
    deferred();
    groups();
    in_use();
    misuse();
    secrets();
    environment();
    timers();
    half_close();
    server();
    mutual();
    deferred_mutual();
    start();
    printf("%d failed\n", failures);
    return failures == 0 ? EXIT_SUCCESS : FAILURE;
}
