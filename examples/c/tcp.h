/* A plain TCP connection by wasi:sockets, for a protocol that changes to TLS on its way; C or C++. */
#ifndef TCP_H
#define TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "client.h"

/* A handle of 0 means that there is none. */
struct tcp {
    wasi_sockets_tcp_own_tcp_socket_t socket;
    wasi_io_streams_own_input_stream_t input;
    wasi_io_streams_own_output_stream_t output;
    /* What failed, for people. */
    const char *error;
};

static inline const char *tcp_reason(wasi_sockets_network_error_code_t code) {
    switch (code) {
    case WASI_SOCKETS_NETWORK_ERROR_CODE_ACCESS_DENIED:
        return "the runtime does not allow this connection";
    case WASI_SOCKETS_NETWORK_ERROR_CODE_REMOTE_UNREACHABLE:
        return "there is no route to this address";
    case WASI_SOCKETS_NETWORK_ERROR_CODE_CONNECTION_REFUSED:
        return "the connection was refused";
    case WASI_SOCKETS_NETWORK_ERROR_CODE_TIMEOUT:
        return "the connection was not answered in time";
    case WASI_SOCKETS_NETWORK_ERROR_CODE_INVALID_ARGUMENT:
    case WASI_SOCKETS_NETWORK_ERROR_CODE_NAME_UNRESOLVABLE:
        return "there is no such host";
    case WASI_SOCKETS_NETWORK_ERROR_CODE_TEMPORARY_RESOLVER_FAILURE:
    case WASI_SOCKETS_NETWORK_ERROR_CODE_PERMANENT_RESOLVER_FAILURE:
        return "the host's name cannot be looked up; the runtime may not allow it";
    default:
        return "the network failed";
    }
}

/* Free what is there, the streams before the socket that they belong to. */
static inline void tcp_close(struct tcp *tcp) {
    if (tcp->input.__handle != 0) {
        wasi_io_streams_input_stream_drop_own(tcp->input);
    }
    if (tcp->output.__handle != 0) {
        wasi_io_streams_output_stream_drop_own(tcp->output);
    }
    if (tcp->socket.__handle != 0) {
        wasi_sockets_tcp_tcp_socket_drop_own(tcp->socket);
    }
    const char *error = tcp->error;
    memset(tcp, 0, sizeof *tcp);
    tcp->error = error;
}

/* Wait for a pollable, and free it. */
static inline void tcp_wait(wasi_io_poll_own_pollable_t pollable) {
    wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(pollable));
    wasi_io_poll_pollable_drop_own(pollable);
}

/* Connect to one address; on failure nothing is left open. */
static inline bool tcp_connect_to(struct tcp *tcp, wasi_sockets_network_borrow_network_t network,
                                  const wasi_sockets_network_ip_address_t *ip, uint16_t port) {
    wasi_sockets_network_ip_socket_address_t address;
    memset(&address, 0, sizeof address);
    wasi_sockets_network_ip_address_family_t family;
    if (ip->tag == WASI_SOCKETS_NETWORK_IP_ADDRESS_IPV4) {
        family = WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV4;
        address.tag = WASI_SOCKETS_NETWORK_IP_SOCKET_ADDRESS_IPV4;
        address.val.ipv4.port = port;
        address.val.ipv4.address = ip->val.ipv4;
    } else {
        family = WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV6;
        address.tag = WASI_SOCKETS_NETWORK_IP_SOCKET_ADDRESS_IPV6;
        address.val.ipv6.port = port;
        address.val.ipv6.address = ip->val.ipv6;
    }
    wasi_sockets_network_error_code_t code;
    if (!wasi_sockets_tcp_create_socket_create_tcp_socket(family, &tcp->socket, &code)) {
        tcp->error = tcp_reason(code);
        return false;
    }
    wasi_sockets_tcp_borrow_tcp_socket_t socket = wasi_sockets_tcp_borrow_tcp_socket(tcp->socket);
    wasi_sockets_tcp_tuple2_own_input_stream_own_output_stream_t streams;
    bool done =
        wasi_sockets_tcp_method_tcp_socket_start_connect(socket, network, &address, &code);
    if (done) {
        while (!(done = wasi_sockets_tcp_method_tcp_socket_finish_connect(socket, &streams, &code))
               && code == WASI_SOCKETS_NETWORK_ERROR_CODE_WOULD_BLOCK) {
            tcp_wait(wasi_sockets_tcp_method_tcp_socket_subscribe(socket));
        }
    }
    if (!done) {
        tcp->error = tcp_reason(code);
        tcp_close(tcp);
        return false;
    }
    tcp->input = streams.f0;
    tcp->output = streams.f1;
    return true;
}

/* Connect to a host, a DNS name or an IP address; its addresses are tried in turn. */
static inline bool tcp_connect(struct tcp *tcp, const char *host, uint16_t port) {
    wasi_sockets_network_own_network_t own = wasi_sockets_instance_network_instance_network();
    wasi_sockets_network_borrow_network_t network = wasi_sockets_network_borrow_network(own);
    client_string_t name;
    client_string_set(&name, host);
    wasi_sockets_ip_name_lookup_own_resolve_address_stream_t addresses;
    wasi_sockets_network_error_code_t code;
    bool connected = false;
    memset(tcp, 0, sizeof *tcp);
    tcp->error = "the host has no address";
    if (!wasi_sockets_ip_name_lookup_resolve_addresses(network, &name, &addresses, &code)) {
        tcp->error = tcp_reason(code);
        wasi_sockets_network_network_drop_own(own);
        return false;
    }
    wasi_sockets_ip_name_lookup_borrow_resolve_address_stream_t stream =
        wasi_sockets_ip_name_lookup_borrow_resolve_address_stream(addresses);
    while (!connected) {
        wasi_sockets_ip_name_lookup_option_ip_address_t next;
        if (wasi_sockets_ip_name_lookup_method_resolve_address_stream_resolve_next_address(
                stream, &next, &code)) {
            if (!next.is_some) {
                break;
            }
            connected = tcp_connect_to(tcp, network, &next.val, port);
        } else if (code == WASI_SOCKETS_NETWORK_ERROR_CODE_WOULD_BLOCK) {
            tcp_wait(wasi_sockets_ip_name_lookup_method_resolve_address_stream_subscribe(stream));
        } else {
            tcp->error = tcp_reason(code);
            break;
        }
    }
    wasi_sockets_ip_name_lookup_resolve_address_stream_drop_own(addresses);
    wasi_sockets_network_network_drop_own(own);
    return connected;
}

/* Keep why a stream failed, and free its error. */
static inline bool tcp_keep(struct tcp *tcp, bool done, wasi_io_streams_stream_error_t *error) {
    if (!done) {
        tcp->error = error->tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED
                         ? "the server has closed the connection"
                         : "the connection was lost";
        wasi_io_streams_stream_error_free(error);
    }
    return done;
}

/* Read exactly one byte. What may follow stays in the stream, for TLS. */
static inline bool tcp_read_byte(struct tcp *tcp, uint8_t *byte) {
    client_list_u8_t part;
    do {
        wasi_io_streams_stream_error_t error;
        bool done = wasi_io_streams_method_input_stream_blocking_read(
            wasi_io_streams_borrow_input_stream(tcp->input), 1, &part, &error);
        if (!tcp_keep(tcp, done, &error)) {
            return false;
        }
    } while (part.len == 0);
    *byte = part.ptr[0];
    client_list_u8_free(&part);
    return true;
}

/* Write all; wasi:io takes no more than 4096 bytes in this call, and no more are needed here. */
static inline bool tcp_write(struct tcp *tcp, const void *bytes, size_t length) {
    client_list_u8_t all;
    all.ptr = (uint8_t *)bytes;
    all.len = length;
    wasi_io_streams_stream_error_t error;
    bool done = wasi_io_streams_method_output_stream_blocking_write_and_flush(
        wasi_io_streams_borrow_output_stream(tcp->output), &all, &error);
    return tcp_keep(tcp, done, &error);
}

/* Hand the streams to TLS; the socket stays here. */
static inline portcullis_tls_port_plain_transport_t tcp_take(struct tcp *tcp) {
    portcullis_tls_port_plain_transport_t transport;
    memset(&transport, 0, sizeof transport);
    transport.input = tcp->input;
    transport.output = tcp->output;
    tcp->input.__handle = 0;
    tcp->output.__handle = 0;
    return transport;
}

#endif
