// Fetches a page over HTTPS: `https_client HOST PORT PATH`. It trusts whom SSL_CERT_FILE and
// SSL_CERT_DIR name, else the web roots.
#include <charconv>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "portcullis.hpp"

namespace {

constexpr int usage = 2;

portcullis::Result<void> fetch(const std::string &host, std::uint16_t port,
                               std::string_view path) {
    portcullis::Connection connection;
    if (auto connected = connection.connect(host, port); !connected) {
        return connected;
    }
    portcullis::Stream stream(connection);
    stream << "GET " << path << " HTTP/1.0\r\nHost: " << host << "\r\n\r\n";
    for (std::string line; std::getline(stream, line);) {
        std::cout << line << '\n';
    }
    if (stream.failure()) {
        return std::unexpected(*stream.failure());
    }
    return connection.close();
}

} // namespace

int main(int count, char **arguments) {
    if (count != 4) {
        std::cerr << "usage: https_client HOST PORT PATH\n";
        return usage;
    }
    std::string_view number = arguments[2];
    std::uint16_t port = 0;
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), port);
    if (error != std::errc() || end != number.data() + number.size() || port == 0) {
        std::cerr << number << " is not a port; give one from 1 to 65535\n";
        return usage;
    }
    auto fetched = fetch(arguments[1], port, arguments[3]);
    if (!fetched) {
        std::cerr << "https://" << arguments[1] << ':' << port << arguments[3] << ": "
                  << fetched.error().text() << '\n';
    }
    if (!std::cout.flush()) {
        std::cerr << "the output cannot be written\n";
        return EXIT_FAILURE;
    }
    return fetched ? EXIT_SUCCESS : EXIT_FAILURE;
}
