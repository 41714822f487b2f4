#include "net/address_guard.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace mlnode::net {
namespace {

using Bytes = std::array<std::uint8_t, 16>;  // an IPv4 address fills the first four

enum class Kind : std::uint8_t { kPublic, kLoopback, kInternal, kNowhere };

struct Range {
  const char* prefix;
  int bits;
  Kind kind;
  const char* name;
};

// IANA special-purpose address registries (RFC 6890 and its updates), first match counts.
constexpr Range kRanges4[] = {
    {"0.0.0.0", 32, Kind::kNowhere, "the unspecified address"},
    {"0.0.0.0", 8, Kind::kInternal, "\"this network\""},
    {"10.0.0.0", 8, Kind::kInternal, "a private network"},
    {"100.64.0.0", 10, Kind::kInternal, "a carrier's shared network"},
    {"127.0.0.0", 8, Kind::kLoopback, "this machine itself"},
    {"169.254.0.0", 16, Kind::kInternal, "link-local, where clouds keep their metadata service"},
    {"172.16.0.0", 12, Kind::kInternal, "a private network"},
    {"192.0.0.0", 24, Kind::kInternal, "reserved for protocols"},
    {"192.0.2.0", 24, Kind::kInternal, "reserved for documentation"},
    {"192.88.99.0", 24, Kind::kInternal, "a 6to4 relay"},
    {"192.168.0.0", 16, Kind::kInternal, "a private network"},
    {"198.18.0.0", 15, Kind::kInternal, "reserved for benchmarks"},
    {"198.51.100.0", 24, Kind::kInternal, "reserved for documentation"},
    {"203.0.113.0", 24, Kind::kInternal, "reserved for documentation"},
    {"224.0.0.0", 4, Kind::kNowhere, "multicast"},
    {"255.255.255.255", 32, Kind::kNowhere, "broadcast"},
    {"240.0.0.0", 4, Kind::kInternal, "reserved"},
    {"0.0.0.0", 0, Kind::kPublic, "public"},
};

// Only 2000::/3 is given out to the public; whatever is not named here lies outside of it.
constexpr Range kRanges6[] = {
    {"::", 128, Kind::kNowhere, "the unspecified address"},
    {"::1", 128, Kind::kLoopback, "this machine itself"},
    {"ff00::", 8, Kind::kNowhere, "multicast"},
    {"fc00::", 7, Kind::kInternal, "a unique-local network"},
    {"fe80::", 10, Kind::kInternal, "link-local"},
    {"2001::", 32, Kind::kInternal, "a Teredo tunnel, whose end cannot be checked"},
    {"2001::", 23, Kind::kInternal, "reserved for protocols"},
    {"2001:db8::", 32, Kind::kInternal, "reserved for documentation"},
    {"3fff::", 20, Kind::kInternal, "reserved for documentation"},
    {"2000::", 3, Kind::kPublic, "public"},
    {"::", 0, Kind::kInternal, "reserved"},
};

// IPv6 forms that carry an IPv4 address, and the byte where it stands.
struct Translation {
  const char* prefix;
  int bits;
  std::size_t offset;
};
constexpr Translation kTranslations[] = {
    {"::ffff:0:0", 96, 12},    // IPv4-mapped, RFC 4291
    {"::ffff:0:0:0", 96, 12},  // IPv4-translated, RFC 2765
    {"64:ff9b::", 96, 12},     // NAT64, RFC 6052
    {"2002::", 16, 2},         // 6to4, RFC 3056
};

bool InPrefix(const Bytes& address, int family, const char* prefix, int bits) {
  Bytes wanted{};
  inet_pton(family, prefix, wanted.data());
  for (std::size_t i = 0; bits > 0; ++i, bits -= 8) {
    const auto mask = bits >= 8 ? 0xFFU : (0xFF00U >> bits) & 0xFFU;
    if (((address[i] ^ wanted[i]) & mask) != 0) return false;
  }
  return true;
}

std::string Text(const Bytes& address, int family) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(family, address.data(), text.data(), text.size());
  return text.data();
}

std::optional<Bytes> Unwrapped(const Bytes& address) {
  for (const auto& form : kTranslations) {
    if (!InPrefix(address, AF_INET6, form.prefix, form.bits)) continue;
    Bytes inner{};
    std::copy_n(address.begin() + static_cast<std::ptrdiff_t>(form.offset), 4, inner.begin());
    return inner;
  }
  return std::nullopt;
}

bool Allowed(Kind kind, AddressPolicy policy) {
  switch (policy) {
    case AddressPolicy::kPublicOnly:
      return kind == Kind::kPublic;
    case AddressPolicy::kLoopbackAndPublic:
      return kind == Kind::kPublic || kind == Kind::kLoopback;
    case AddressPolicy::kAny:
      return kind != Kind::kNowhere;
  }
  return false;
}

Status CheckRanges(const Bytes& address, int family, std::span<const Range> ranges, AddressPolicy policy) {
  const auto range = std::ranges::find_if(
      ranges, [&](const Range& candidate) { return InPrefix(address, family, candidate.prefix, candidate.bits); });
  if (Allowed(range->kind, policy)) return {};
  return MakeError(Code::kPermissionDenied,
                   fmt::format("connections to {} are not allowed: it is {}", Text(address, family), range->name));
}

}  // namespace

Status CheckAddress(const sockaddr* address, AddressPolicy policy) {
  Bytes bytes{};
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    std::memcpy(bytes.data(), &v4.sin_addr, 4);
    return CheckRanges(bytes, AF_INET, kRanges4, policy);
  }
  if (address->sa_family != AF_INET6) {
    return MakeError(Code::kPermissionDenied, "connections are allowed to IPv4 and IPv6 addresses only");
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, address, sizeof v6);
  std::memcpy(bytes.data(), &v6.sin6_addr, 16);
  if (const auto inner = Unwrapped(bytes)) return CheckRanges(*inner, AF_INET, kRanges4, policy);
  return CheckRanges(bytes, AF_INET6, kRanges6, policy);
}

bool IsLoopbackHost(std::string host) {
  if (host == "localhost") return true;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return false;
  const bool loopback = !CheckAddress(found->ai_addr, AddressPolicy::kPublicOnly) &&
                        CheckAddress(found->ai_addr, AddressPolicy::kLoopbackAndPublic);
  freeaddrinfo(found);
  return loopback;
}

std::optional<sockaddr_in> CarriedIpv4(const sockaddr* address) {
  if (address->sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, address, sizeof v6);
  Bytes bytes{};
  std::memcpy(bytes.data(), &v6.sin6_addr, 16);
  const std::optional<Bytes> inner = Unwrapped(bytes);
  if (!inner) return std::nullopt;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  std::memcpy(&v4.sin_addr, inner->data(), 4);
  return v4;
}

}  // namespace mlnode::net
