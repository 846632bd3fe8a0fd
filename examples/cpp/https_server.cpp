// Serves one page over HTTPS, to one client after the other: `https_server CERTIFICATE KEY`, PEM
// files. It picks a port of loopback and prints which.
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

#include "portcullis.hpp"

namespace {

using namespace std::chrono_literals;

constexpr int usage = 2;
// A client that says nothing holds up the others no longer than this.
constexpr auto patience = 5s;

portcullis::Result<void> serve(portcullis::Connection &connection) {
    portcullis::Stream stream(connection);
    std::string request;
    std::getline(stream, request);
    // The header ends with an empty line.
    for (std::string line; std::getline(stream, line) && line != "\r";) {
    }
    std::string page = "hello from C++\n";
    stream << "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " << page.size()
           << "\r\n\r\n"
           << page << std::flush;
    if (stream.failure()) {
        return std::unexpected(*stream.failure());
    }
    return connection.close();
}

portcullis::Result<void> run(const std::string &certificate, const std::string &key) {
    portcullis::Listener listener;
    auto ready = listener.identity_files(certificate, key)
                     .and_then([&] { return listener.set_timeout(TLS_TIMER_HANDSHAKE, patience); })
                     .and_then([&] { return listener.set_timeout(TLS_TIMER_READ, patience); })
                     .and_then([&] { return listener.listen("127.0.0.1", 0); })
                     .and_then([&] { return listener.port(); });
    if (!ready) {
        return std::unexpected(ready.error());
    }
    std::cout << "listening on 127.0.0.1:" << *ready << std::endl;
    for (;;) {
        auto connection = listener.accept();
        if (!connection) {
            return std::unexpected(connection.error());
        }
        // What one client does ends its own connection, and no other.
        if (auto served = serve(*connection); !served) {
            std::cerr << served.error().text() << std::endl;
        }
    }
}

} // namespace

int main(int count, char **arguments) {
    if (count != 3) {
        std::cerr << "usage: https_server CERTIFICATE KEY\n";
        return usage;
    }
    auto ended = run(arguments[1], arguments[2]);
    std::cerr << ended.error().text() << '\n';
    return EXIT_FAILURE;
}
