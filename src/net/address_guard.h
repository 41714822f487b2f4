// net/address_guard.h: which addresses this node may be made to connect to (server-side request forgery).
// Checked on the resolved address, when the socket opens, so that a name that changes its address in between gains
// nothing; redirects open a socket of their own and are checked the same way.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

#include "core/result.h"

namespace mlnode::net {

enum class AddressPolicy : std::uint8_t {
  kPublicOnly,  // loopback, private, link-local, unique-local, multicast, unspecified, mapped and reserved are refused
  kLoopbackAndPublic,  // the above and 127.0.0.0/8, ::1
  kAny,                // all but multicast and unspecified
};

// kPermissionDenied naming the address and why. `address` is IPv4 or IPv6; mapped and translated forms are unwrapped
// first.
Status CheckAddress(const sockaddr* address, AddressPolicy policy);

// Does this text name this machine alone: a loopback address, in brackets or not, or "localhost". Looks nothing up.
bool IsLoopbackHost(std::string host);

// The IPv4 address within an IPv6 one that is mapped (RFC 4291), translated (RFC 2765), NAT64's (RFC 6052) or 6to4's
// (RFC 3056); nullopt: none. Its port is 0.
std::optional<sockaddr_in> CarriedIpv4(const sockaddr* address);

}  // namespace mlnode::net
