/* Asks a PostgreSQL server how this connection is encrypted: `postgres HOST PORT USER DATABASE`. It
 * changes to TLS before it says who it is (SSLRequest), and is trusted without a password. It
 * trusts whom `SSL_CERT_FILE` and `SSL_CERT_DIR` name, else the web roots. */
#include <stdio.h>
#include <stdlib.h>

#include "portcullis.h"
#include "tcp.h"

/* A longer message of the server is refused; the rows of this query have a few hundred bytes. */
enum { MESSAGE_MAX = 1024 * 1024, FAILURE = 1, USAGE = 2 };

static const char QUERY[] = "select version() as server, ssl, version, cipher "
                            "from pg_stat_ssl where pid = pg_backend_pid()";

static const char ONLY_TRUST[] = ", and only trust without one is supported here";

struct session {
    struct tcp tcp;
    struct tls tls;
    /* The message of the server that was read last: its type, and what follows its length. */
    char type;
    uint8_t *body;
    size_t length;
    size_t read;
    /* Why it failed, where that was neither TLS nor the network. */
    char *refusal;
};

/* Keep why it failed. */
static bool refuse(struct session *session, const char *what, const char *detail) {
    free(session->refusal);
    if (asprintf(&session->refusal, "%s%s", what, detail) < 0) {
        abort();
    }
    return false;
}

static uint32_t number(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void put_number(uint8_t *bytes, size_t value) {
    for (int index = 0; index < 4; index++) {
        bytes[index] = (uint8_t)(value >> (24 - 8 * index));
    }
}

static bool read_all(struct session *session, void *bytes, size_t length) {
    size_t done = 0;
    while (done < length) {
        ptrdiff_t part = tls_read(&session->tls, (uint8_t *)bytes + done, length - done);
        if (part == TLS_FAILED) {
            return false;
        }
        if (part == TLS_END) {
            return refuse(session, "the server has ended the connection", "");
        }
        done += (size_t)part;
    }
    return true;
}

/* Read the next message. */
static bool receive(struct session *session) {
    uint8_t head[5];
    if (!read_all(session, head, sizeof head)) {
        return false;
    }
    uint32_t length = number(head + 1);
    if (length < 4 || length > MESSAGE_MAX) {
        return refuse(session, "the server's message has an impossible length", "");
    }
    session->type = (char)head[0];
    session->read = 0;
    session->length = length - 4;
    free(session->body);
    session->body = malloc(session->length + 1);
    if (session->body == NULL) {
        abort();
    }
    /* A zero byte behind the message, so that every text in it ends. */
    session->body[session->length] = 0;
    return read_all(session, session->body, session->length);
}

/* Take so many bytes of the message that was read; NULL if it is shorter. */
static const uint8_t *take(struct session *session, size_t length) {
    if (length > session->length - session->read) {
        refuse(session, "the server's message is cut short", "");
        return NULL;
    }
    const uint8_t *bytes = session->body + session->read;
    session->read += length;
    return bytes;
}

/* Take a text that a zero byte ends. */
static const char *take_text(struct session *session) {
    const char *text = (const char *)session->body + session->read;
    return (const char *)take(session, strlen(text) + 1);
}

/* Print what the server says, without the control characters that could work on a terminal. */
static void print(FILE *file, const char *bytes, size_t length) {
    for (size_t index = 0; index < length; index++) {
        unsigned char byte = (unsigned char)bytes[index];
        fputc(byte < 0x20 || byte == 0x7f ? '?' : byte, file);
    }
}

/* An ErrorResponse: fields of one letter and a text each. */
static bool server_error(struct session *session) {
    const char *text = "(no message)";
    const uint8_t *field;
    while ((field = take(session, 1)) != NULL && *field != 0) {
        const char *value = take_text(session);
        if (value == NULL) {
            return false;
        }
        if (*field == 'M') {
            text = value;
        }
    }
    return refuse(session, "the server refuses: ", text);
}

/* Change to TLS. Exactly one byte of the answer is read: more would not be protected. */
static bool start_tls(struct session *session, const char *host, uint16_t port) {
    static const uint8_t SSL_REQUEST[] = {0, 0, 0, 8, 4, 210, 22, 47};
    struct tcp *tcp = &session->tcp;
    uint8_t answer;
    if (!tcp_connect(tcp, host, port) || !tcp_write(tcp, SSL_REQUEST, sizeof SSL_REQUEST)
        || !tcp_read_byte(tcp, &answer)) {
        return refuse(session, tcp->error, "");
    }
    if (answer == 'N') {
        return refuse(session, "the server offers no TLS; nothing was sent to it", "");
    }
    if (answer != 'S') {
        return refuse(session, "this is not a PostgreSQL server", "");
    }
    tls_transport_t transport = tcp_take(tcp);
    return tls_start(&session->tls, host, &transport);
}

/* Send a message: a type, unless it is the first, and texts with their zero bytes. */
static bool send_message(struct session *session, char type, const void *texts, size_t length) {
    size_t start = type == 0 ? 0 : 1;
    uint8_t *message = malloc(start + 4 + length);
    if (message == NULL) {
        abort();
    }
    message[0] = (uint8_t)type;
    put_number(message + start, 4 + length);
    memcpy(message + start + 4, texts, length);
    bool sent = tls_write_all(&session->tls, message, start + 4 + length);
    free(message);
    return sent;
}

static bool log_in(struct session *session, const char *user, const char *database) {
    char *startup;
    /* Version 3.0, then names and values, then an empty name. */
    int length = asprintf(&startup, "%c%c%c%cuser%c%s%cdatabase%c%s%c%c", 0, 3, 0, 0, 0, user, 0, 0,
                          database, 0, 0);
    if (length < 0) {
        abort();
    }
    bool sent = send_message(session, 0, startup, (size_t)length);
    free(startup);
    if (!sent || !receive(session)) {
        return false;
    }
    if (session->type == 'E') {
        return server_error(session);
    }
    const uint8_t *code = session->type == 'R' ? take(session, 4) : NULL;
    if (code == NULL) {
        return refuse(session, "the server does not answer the log-in", "");
    }
    switch (number(code)) {
    case 0:
        return true;
    case 3:
        return refuse(session, "the server asks for a password", ONLY_TRUST);
    case 5:
        return refuse(session, "the server asks for a password by MD5", ONLY_TRUST);
    case 10:
        return refuse(session, "the server asks for a password by SASL (SCRAM)", ONLY_TRUST);
    default:
        return refuse(session, "the server asks for another authentication", ONLY_TRUST);
    }
}

/* Print the fields of a RowDescription (names) or a DataRow (values), one line. */
static bool print_fields(struct session *session, bool names) {
    const uint8_t *count = take(session, 2);
    for (int left = count == NULL ? 0 : count[0] << 8 | count[1]; left > 0; left--) {
        const char *field = "NULL";
        size_t length = 4;
        if (names) {
            field = take_text(session);
            /* Table, column, type and format. */
            if (field == NULL || take(session, 18) == NULL) {
                return false;
            }
            length = strlen(field);
        } else {
            const uint8_t *size = take(session, 4);
            if (size == NULL) {
                return false;
            }
            if (number(size) != UINT32_MAX) {
                length = number(size);
                field = (const char *)take(session, length);
                if (field == NULL) {
                    return false;
                }
            }
        }
        print(stdout, field, length);
        fputs(left > 1 ? " | " : "\n", stdout);
    }
    return count != NULL;
}

/* Ask, and print what comes until the server is ready for the next query. */
static bool ask(struct session *session, const char *query) {
    bool is_ready = false, asked = false;
    while (receive(session)) {
        switch (session->type) {
        case 'E':
            return server_error(session);
        case 'Z':
            is_ready = true;
            break;
        case 'T':
        case 'D':
            if (!print_fields(session, session->type == 'T')) {
                return false;
            }
            break;
        default:
            /* Parameters, the key to cancel, notices, the end of the rows. */
            break;
        }
        if (is_ready && asked) {
            return true;
        }
        if (is_ready) {
            is_ready = false;
            asked = true;
            if (!send_message(session, 'Q', query, strlen(query) + 1)) {
                return false;
            }
        }
    }
    return false;
}

static bool talk(struct session *session, const char *host, uint16_t port, const char *user,
                 const char *database) {
    /* X is Terminate. */
    return start_tls(session, host, port) && log_in(session, user, database) && ask(session, QUERY)
           && send_message(session, 'X', "", 0) && tls_close(&session->tls);
}

int main(int count, char **arguments) {
    if (count != 5) {
        fputs("usage: postgres HOST PORT USER DATABASE\n", stderr);
        return USAGE;
    }
    const char *host = arguments[1];
    char *end;
    unsigned long port = strtoul(arguments[2], &end, 10);
    if (*end != 0 || port < 1 || port > UINT16_MAX) {
        fprintf(stderr, "%s is not a port; give one from 1 to 65535\n", arguments[2]);
        return USAGE;
    }
    struct session session = {0};
    bool succeeded = talk(&session, host, (uint16_t)port, arguments[3], arguments[4]);
    if (!succeeded) {
        const char *why = session.refusal ? session.refusal : tls_error(&session.tls);
        fprintf(stderr, "postgresql://%s:%lu: ", host, port);
        print(stderr, why, strlen(why));
        fputc('\n', stderr);
    }
    /* The socket must outlive the connection that runs over its streams. */
    tls_drop(&session.tls);
    tls_forget(&session.tls);
    tcp_close(&session.tcp);
    free(session.body);
    free(session.refusal);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("the output cannot be written\n", stderr);
        return FAILURE;
    }
    return succeeded ? EXIT_SUCCESS : FAILURE;
}
