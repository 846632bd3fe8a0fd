/* Fetches a page over HTTPS: `https_client HOST PORT PATH`. It trusts whom `SSL_CERT_FILE` and
 * `SSL_CERT_DIR` name, else the web roots. */
#include <stdio.h>
#include <stdlib.h>

#include "portcullis.h"

enum { PART = 16 * 1024, FAILURE = 1, USAGE = 2 };

static bool send_request(struct tls *tls, const char *host, const char *path) {
    char *request;
    int length = asprintf(&request, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path, host);
    if (length < 0) {
        abort();
    }
    bool sent = tls_write_all(tls, request, (size_t)length);
    free(request);
    return sent;
}

static bool fetch(struct tls *tls, const char *host, uint16_t port, const char *path) {
    if (!tls_connect(tls, host, port) || !send_request(tls, host, path)) {
        return false;
    }
    char part[PART];
    ptrdiff_t length;
    while ((length = tls_read(tls, part, sizeof part)) > 0) {
        fwrite(part, 1, (size_t)length, stdout);
    }
    return length == TLS_END && tls_close(tls);
}

int main(int count, char **arguments) {
    if (count != 4) {
        fputs("usage: https_client HOST PORT PATH\n", stderr);
        return USAGE;
    }
    const char *host = arguments[1], *path = arguments[3];
    char *end;
    unsigned long port = strtoul(arguments[2], &end, 10);
    if (*end != 0 || port < 1 || port > UINT16_MAX) {
        fprintf(stderr, "%s is not a port; give one from 1 to 65535\n", arguments[2]);
        return USAGE;
    }
    struct tls tls = {0};
    bool fetched = fetch(&tls, host, (uint16_t)port, path);
    if (!fetched) {
        fprintf(stderr, "https://%s:%lu%s: %s\n", host, port, path, tls_error(&tls));
    }
    tls_drop(&tls);
    tls_forget(&tls);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("the output cannot be written\n", stderr);
        return FAILURE;
    }
    return fetched ? EXIT_SUCCESS : FAILURE;
}
