// Checks portcullis.hpp against a TLS server that echoes all bytes: `check HOST PORT`. SSL_CERT_FILE
// names the authority of its certificate, a file that is called ca.pem; cert.pem and key.pem beside it
// are a certificate and its key. Prints `ok` or `not ok` for each claim; the last line says how many
// failed. What portcullis.h does is checked in examples/c/check.c.
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <type_traits>
#include <utility>

#include "portcullis.hpp"

namespace {

using namespace std::chrono_literals;
using portcullis::Connection;
using portcullis::Kind;
using portcullis::Listener;
using portcullis::Result;
using portcullis::Stream;

constexpr int usage = 2;
// More than both buffers of a stream hold.
constexpr std::size_t lines = 5000;

int failures = 0;
std::string host, folder;
std::uint16_t port = 0;

void claim(bool holds, std::string_view what) {
    std::cout << (holds ? "ok " : "not ok ") << what << std::endl;
    failures += !holds;
}

template <typename T> bool done(const Result<T> &result, std::string_view what) {
    claim(result.has_value(), what);
    if (!result) {
        std::cout << "# " << result.error().text() << std::endl;
    }
    return result.has_value();
}

template <typename T> void fails(const Result<T> &result, Kind kind, std::string_view what) {
    claim(!result && result.error().kind() == kind && result.error().text().size() > 10, what);
    if (!result) {
        std::cout << "# " << result.error().text() << std::endl;
    }
}

// The name that the certificate has to have: of the bindings, for portcullis.h has no call for it.
Result<void> expect_name(Connection &connection, const std::string &name) {
    portcullis_tls_context_verify_name_t expected;
    expected.tag = PORTCULLIS_TLS_CONTEXT_VERIFY_NAME_NAME;
    client_string_set(&expected.val.name, name.c_str());
    auto *tls = &connection.raw();
    tls_error_t error;
    bool succeeded = portcullis_tls_context_method_context_set_verify_name(tls_context(tls),
                                                                          &expected, &error);
    if (!tls_keep(tls, succeeded, &error)) {
        return std::unexpected(portcullis::Error(*tls));
    }
    return {};
}

void stream() {
    Connection connection;
    done(connection.connect(host, port), "it connects");
    Stream stream(connection);
    bool same = true;
    for (std::size_t number = 0; number < lines; number++) {
        stream << "line " << number << '\n';
        // So much is on its way that both ends are busy, and not so much that both wait to write.
        if (number % 100 == 99) {
            for (std::size_t back = number - 99; back <= number; back++) {
                std::string line;
                same = same && std::getline(stream, line) && line == "line " + std::to_string(back);
            }
        }
    }
    claim(same, "what is read is what was written, and reading sends it first");
    done(connection.close_output(), "it says that this was all");
    claim(stream.get() == std::char_traits<char>::eof() && !stream.failure() && !stream.bad(),
          "the peer's goodbye is an end and no failure");
    done(connection.close(), "it closes");
}

void facts() {
    Connection connection;
    claim(!connection.version() && !connection.cipher_suite() && !connection.group(),
          "before a connection nothing is known");
    done(connection.connect(host, port), "a connection to know of");
    done(connection.handshake(), "it shakes hands");
    claim(connection.version() == "TLSv1.3", "the version is known");
    claim(connection.cipher_suite().value_or("").starts_with("TLS_"), "so is the suite");
    claim(connection.group().has_value(), "so is the group");
    done(connection.verify_result(), "its certificate has passed");
    claim(!connection.is_truncated(), "nothing was cut short");
}

void moves() {
    static_assert(!std::is_copy_constructible_v<Connection>);
    static_assert(std::is_nothrow_move_constructible_v<Connection>);
    Connection first;
    done(first.connect(host, port), "a connection to hand on");
    Connection second = std::move(first);
    done(second.write_all("moved"), "goes on elsewhere");
    char part[5];
    auto length = second.read(part);
    claim(length && std::string_view(part, *length) == "moved", "and is the same");
    fails(first.write_all("x"), Kind::invalid_argument, "what it was moved from is empty");
    Connection third;
    done(third.connect(host, port), "another connection");
    third = std::move(second);
    done(third.write_all("again"), "which another takes the place of");
    length = third.read(part);
    claim(length && std::string_view(part, *length) == "again", "and which is the first");
    done(third.close(), "and closes");
}

void refused() {
    Connection connection;
    done(expect_name(connection, "wrong.example"), "one that expects another name");
    done(connection.connect(host, port), "meets somebody");
    Stream stream(connection);
    stream << "a secret" << std::flush;
    claim(stream.bad(), "and sends nothing");
    claim(stream.failure() && stream.failure()->kind() == Kind::certificate
              && stream.failure()->certificate_reason()
                     == PORTCULLIS_TLS_TYPES_CERTIFICATE_REASON_WRONG_NAME,
          "because the name is wrong");
    auto error = *stream.failure();
    connection = Connection();
    claim(error.text().find("wrong.example") != std::string::npos,
          "an error outlives its connection");
    done(expect_name(connection, host), "one that expects the name that it has");
    done(connection.connect(host, port), "meets the same");
    done(connection.handshake(), "and is content");
    fails(Connection().connect(host, 0), Kind::invalid_argument, "port 0 is none");
    fails(Connection().connect("127.0.0.1", 1), Kind::network, "nobody listens there");
    fails(Connection().trust_file(folder + "absent"), Kind::invalid_configuration, "no such file");
    fails(Connection().trust_bytes("no certificate"), Kind::invalid_configuration, "no authority");
    fails(Connection().set_groups("x25519:x25519"), Kind::invalid_configuration, "a group twice");
    fails(Connection().read({}), Kind::invalid_argument, "no connection and no room");
}

void timers() {
    Connection connection;
    done(connection.connect(host, port), "a connection that hears nothing");
    done(connection.set_timeout(TLS_TIMER_READ, 200ms), "with a timer");
    char part[10];
    fails(connection.read(part), Kind::timeout, "runs into it");
    done(connection.set_timeout(TLS_TIMER_READ, std::nullopt), "without one");
    done(connection.write_all("late"), "it goes on");
    claim(connection.read(part).value_or(0) > 0, "and hears");
    done(connection.set_timeout(TLS_TIMER_READ, -1ms), "a negative limit has run out");
    fails(connection.read(part), Kind::timeout, "at once");
}

void listener() {
    Listener listener;
    fails(listener.listen("127.0.0.1", 0), Kind::invalid_configuration,
          "a server needs an identity");
    fails(listener.port(), Kind::invalid_argument, "and has no port before it listens");
    fails(listener.accept(), Kind::invalid_argument, "nor clients");
    done(listener.trust_file(folder + "ca.pem"), "a server that trusts somebody");
    done(listener.require_certificate(), "and asks for certificates");
    done(listener.identity_files(folder + "cert.pem", folder + "key.pem"), "has an identity");
    done(listener.listen("127.0.0.1", 0), "it listens");
    auto here = listener.port();
    if (!done(here, "on a port")) {
        return;
    }
    Connection client;
    done(client.connect("127.0.0.1", *here), "a client connects");
    {
        auto accepted = listener.accept();
        done(accepted, "and is accepted");
    }
    Stream stream(client);
    claim(stream.get() == std::char_traits<char>::eof(), "out of scope it is gone");
    claim(stream.failure() && stream.failure()->kind() == Kind::truncated,
          "without a word, which is no end");
    claim(stream.bad(), "and no good");
    Listener elsewhere = std::move(listener);
    claim(elsewhere.port() == *here, "a listener moves");
    done(elsewhere.close(), "and closes");
    fails(Connection().connect("127.0.0.1", *here), Kind::network, "its socket is free");
}

} // namespace

int main(int count, char **arguments) {
    const char *authority = std::getenv("SSL_CERT_FILE");
    std::string path = authority == nullptr ? "" : authority;
    if (count != 3 || !path.ends_with("ca.pem")) {
        std::cerr << "usage: SSL_CERT_FILE=…/ca.pem check HOST PORT\n";
        return usage;
    }
    host = arguments[1];
    port = static_cast<std::uint16_t>(std::strtoul(arguments[2], nullptr, 10));
    folder = path.substr(0, path.size() - std::string_view("ca.pem").size());
    stream();
    facts();
    moves();
    refused();
    timers();
    listener();
    std::cout << failures << " failed" << std::endl;
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
