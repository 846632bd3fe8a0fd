// TLS in C++23 over portcullis.h, which says what each call does: connections and listeners that free
// what they hold, errors as values, and a connection as a std::iostream.
//
// Nothing here throws, and it compiles with -fno-exceptions: C++ libraries for WASI have no exceptions
// so far. A call that can fail returns a `Result`. What is not here is in portcullis.h, on `raw()`.
#ifndef PORTCULLIS_HPP
#define PORTCULLIS_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <iostream>
#include <optional>
#include <span>
#include <streambuf>
#include <string>
#include <string_view>
#include <utility>

#include "portcullis.h"

namespace portcullis {

// Which failure it is: the cases of the interface's `error`.
enum class Kind : std::uint8_t {
    want_read = PORTCULLIS_TLS_TYPES_ERROR_WANT_READ,
    want_write = PORTCULLIS_TLS_TYPES_ERROR_WANT_WRITE,
    want_connect = PORTCULLIS_TLS_TYPES_ERROR_WANT_CONNECT,
    want_accept = PORTCULLIS_TLS_TYPES_ERROR_WANT_ACCEPT,
    want_x509_lookup = PORTCULLIS_TLS_TYPES_ERROR_WANT_X509_LOOKUP,
    want_context = PORTCULLIS_TLS_TYPES_ERROR_WANT_CONTEXT,
    want_signature = PORTCULLIS_TLS_TYPES_ERROR_WANT_SIGNATURE,
    want_verification = PORTCULLIS_TLS_TYPES_ERROR_WANT_VERIFICATION,
    closed = PORTCULLIS_TLS_TYPES_ERROR_CLOSED,
    truncated = PORTCULLIS_TLS_TYPES_ERROR_TRUNCATED,
    timeout = PORTCULLIS_TLS_TYPES_ERROR_TIMEOUT,
    certificate = PORTCULLIS_TLS_TYPES_ERROR_CERTIFICATE,
    alert_received = PORTCULLIS_TLS_TYPES_ERROR_ALERT_RECEIVED,
    protocol = PORTCULLIS_TLS_TYPES_ERROR_PROTOCOL,
    network = PORTCULLIS_TLS_TYPES_ERROR_NETWORK,
    invalid_configuration = PORTCULLIS_TLS_TYPES_ERROR_INVALID_CONFIGURATION,
    unsupported_protocol = PORTCULLIS_TLS_TYPES_ERROR_UNSUPPORTED_PROTOCOL,
    invalid_argument = PORTCULLIS_TLS_TYPES_ERROR_INVALID_ARGUMENT,
    sealed = PORTCULLIS_TLS_TYPES_ERROR_SEALED,
    not_supported = PORTCULLIS_TLS_TYPES_ERROR_NOT_SUPPORTED,
    early_data_rejected = PORTCULLIS_TLS_TYPES_ERROR_EARLY_DATA_REJECTED,
    other = PORTCULLIS_TLS_TYPES_ERROR_OTHER,
};

// Why a call has failed. It outlives the connection.
class Error {
public:
    // The last failure of the struct.
    explicit Error(const struct tls &tls)
        : kind_(static_cast<Kind>(tls.error.tag)), text_(tls_error(&tls)) {
        if (kind_ == Kind::certificate) {
            reason_ = tls.error.val.certificate.reason;
        } else if (kind_ == Kind::alert_received) {
            alert_ = tls.error.val.alert_received;
        }
    }

    Kind kind() const { return kind_; }

    // One line for people; programs go by `kind`.
    const std::string &text() const { return text_; }

    // Why a certificate was refused, PORTCULLIS_TLS_TYPES_CERTIFICATE_REASON_…; none if it is another
    // failure.
    std::optional<portcullis_tls_types_certificate_reason_t> certificate_reason() const {
        return reason_;
    }

    // The peer's alert by its number; none if it is another failure.
    std::optional<std::uint8_t> alert() const { return alert_; }

private:
    Kind kind_;
    std::string text_;
    std::optional<portcullis_tls_types_certificate_reason_t> reason_;
    std::optional<std::uint8_t> alert_;
};

// What a call returns: `*result`, or `result.error()`.
template <typename T> using Result = std::expected<T, Error>;

// The settings of a connection or a listener: before it is put to use; later ones hold for the next.
class Endpoint {
public:
    Endpoint(const Endpoint &) = delete;
    Endpoint &operator=(const Endpoint &) = delete;

    // For portcullis.h and the bindings; the struct stays this object's.
    struct tls &raw() { return tls_; }

    Result<void> trust_file(const std::string &path) {
        return done(tls_trust_file(&tls_, path.c_str()));
    }
    Result<void> trust_bytes(std::string_view bytes) {
        return done(tls_trust_bytes(&tls_, bytes.data(), bytes.size()));
    }
    Result<void> trust_directory(const std::string &path) {
        return done(tls_trust_directory(&tls_, path.c_str()));
    }
    Result<void> identity_files(const std::string &chain, const std::string &key,
                                const char *passphrase = nullptr) {
        return done(tls_identity_files(&tls_, chain.c_str(), key.c_str(), passphrase));
    }
    Result<void> defer_verification() { return done(tls_defer_verification(&tls_)); }

    // By IANA names, divided by colons.
    Result<void> set_groups(const std::string &names) {
        return done(tls_set_groups(&tls_, names.c_str()));
    }

    // None is no limit.
    Result<void> set_timeout(tls_timer_t timer, std::optional<std::chrono::milliseconds> limit) {
        // A negative limit is one that has run out.
        auto count = limit ? std::max(limit->count(), std::chrono::milliseconds::rep{0}) : 0;
        return done(tls_set_timeout(
            &tls_, timer, limit ? static_cast<std::uint64_t>(count) : TLS_NO_LIMIT));
    }

protected:
    Endpoint() = default;
    Endpoint(Endpoint &&other) noexcept : tls_(std::exchange(other.tls_, {})) {}
    Endpoint &operator=(Endpoint &&other) noexcept {
        if (this != &other) {
            free_all();
            tls_ = std::exchange(other.tls_, {});
        }
        return *this;
    }
    ~Endpoint() { free_all(); }

    Result<void> done(bool succeeded) const {
        if (!succeeded) {
            return std::unexpected(Error(tls_));
        }
        return {};
    }

    struct tls tls_ = {};

private:
    void free_all() {
        tls_drop(&tls_);
        tls_forget(&tls_);
    }
};

// A connection. When it goes out of scope it ends without a word, which the peer sees as cut off:
// `close` says goodbye.
class Connection : public Endpoint {
public:
    Connection() = default;
    Connection(Connection &&) noexcept = default;
    Connection &operator=(Connection &&) noexcept = default;

    // The handshake runs with the first read or write, or with `handshake`.
    Result<void> connect(const std::string &host, std::uint16_t port) {
        return done(tls_connect(&tls_, host.c_str(), port));
    }

    // Over streams that are open already (STARTTLS); they are taken, even on failure.
    Result<void> start(const std::string &host, tls_transport_t &transport) {
        return done(tls_start(&tls_, host.c_str(), &transport));
    }

    Result<void> handshake() { return done(tls_handshake(&tls_)); }

    // At least one byte and at most `room`: how many; 0 when the peer has said goodbye.
    Result<std::size_t> read(std::span<char> room) {
        auto length = tls_read(&tls_, room.data(), room.size());
        if (length == TLS_FAILED) {
            return std::unexpected(Error(tls_));
        }
        return static_cast<std::size_t>(length);
    }

    Result<void> write_all(std::string_view plaintext) {
        return done(tls_write_all(&tls_, plaintext.data(), plaintext.size()));
    }

    // Nothing more will be written; reading goes on.
    Result<void> close_output() { return done(tls_close_output(&tls_)); }

    Result<void> close() { return done(tls_close(&tls_)); }

    // Whether the peer's certificate has passed; if not, why.
    Result<void> verify_result() { return done(tls_verify_result(&tls_)); }

    // What was agreed on; none before the handshake is done.
    std::optional<std::string> version() const {
        const char *version = tls_version(&tls_);
        return version == nullptr ? std::nullopt : std::optional<std::string>(version);
    }
    std::optional<std::string> cipher_suite() const { return owned(tls_cipher_suite(&tls_)); }
    std::optional<std::string> group() const { return owned(tls_group(&tls_)); }
    bool is_truncated() const { return tls_is_truncated(&tls_); }

private:
    static std::optional<std::string> owned(char *text) {
        if (text == nullptr) {
            return std::nullopt;
        }
        std::string copy(text);
        std::free(text);
        return copy;
    }
};

// A server. It needs an identity before it listens.
class Listener : public Endpoint {
public:
    Listener() { tls_server(&tls_); }
    Listener(Listener &&) noexcept = default;
    Listener &operator=(Listener &&) noexcept = default;

    // Of each client; call a `trust_…` to say whose.
    Result<void> require_certificate() { return done(tls_require_certificate(&tls_)); }

    // On an IP address of this machine; port 0 picks a free one.
    Result<void> listen(const std::string &ip, std::uint16_t port) {
        return done(tls_listen(&tls_, ip.c_str(), port));
    }

    // The port that it listens on.
    Result<std::uint16_t> port() {
        auto port = tls_local_port(&tls_);
        if (port == 0) {
            return std::unexpected(Error(tls_));
        }
        return port;
    }

    // Wait for a client. Its handshake runs with the first read or write, and not here.
    Result<Connection> accept() {
        Connection connection;
        if (!tls_accept(&tls_, &connection.raw())) {
            return std::unexpected(Error(tls_));
        }
        return connection;
    }

    Result<void> close() { return done(tls_close(&tls_)); }
};

// A connection as a std::iostream. Reading sends first what was written. A failure sets badbit and is
// in `failure`, also one that would otherwise look like the end, as a connection that was cut off.
// It has to end before the connection does, and does not close it.
class Stream : public std::iostream {
public:
    explicit Stream(Connection &connection)
        : std::iostream(nullptr), buffer_(*this, connection) {
        rdbuf(&buffer_);
        clear();
    }

    // The first failure; none if reading has met the peer's goodbye, or goes on.
    const std::optional<Error> &failure() const { return buffer_.failure; }

private:
    class Buffer : public std::streambuf {
    public:
        Buffer(Stream &stream, Connection &connection) : stream_(stream), connection_(connection) {
            setp(written_, written_ + sizeof written_);
        }

        std::optional<Error> failure;

    protected:
        int_type underflow() override {
            if (!flush()) {
                return traits_type::eof();
            }
            auto length = connection_.read(read_);
            if (!length || *length == 0) {
                keep(length);
                return traits_type::eof();
            }
            setg(read_, read_, read_ + *length);
            return traits_type::to_int_type(read_[0]);
        }

        int_type overflow(int_type next) override {
            if (!flush()) {
                return traits_type::eof();
            }
            if (!traits_type::eq_int_type(next, traits_type::eof())) {
                sputc(traits_type::to_char_type(next));
            }
            return traits_type::not_eof(next);
        }

        int sync() override { return flush() ? 0 : -1; }

    private:
        bool flush() {
            std::string_view waiting(pbase(), static_cast<std::size_t>(pptr() - pbase()));
            setp(written_, written_ + sizeof written_);
            return !failure && (waiting.empty() || keep(connection_.write_all(waiting)));
        }

        template <typename T> bool keep(const Result<T> &result) {
            if (!result && !failure) {
                failure = result.error();
                stream_.setstate(std::ios_base::badbit);
            }
            return result.has_value();
        }

        Stream &stream_;
        Connection &connection_;
        // A record holds as much.
        char read_[16 * 1024], written_[16 * 1024];
    };

    Buffer buffer_;
};

} // namespace portcullis

#endif
