// libFuzzer entry point (build with -DMLNODE_FUZZ=ON) for what the room reads from strangers: a request, a gzip body,
// an address. net_fuzz_test.cc replays it over a small corpus.
#include <netinet/in.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "net/address_guard.h"
#include "net/body/gzip.h"
#include "net/http_wire.h"
#include "net/request_parser.h"

namespace mlnode::net {
namespace {

void FuzzRequest(std::string_view input) {
  RequestParser parser(4096);
  HttpRequest head;
  const auto step = parser.ReadHead(input, head);
  if (step.consumed > input.size()) std::abort();
  if (!step.done || step.refuse != 0) return;
  AcceptsGzip(head.headers);
  if (!parser.frame().chunked) return;
  const auto rest = input.substr(step.consumed);
  std::size_t bytes = 0;
  const auto body = parser.ReadChunked(rest, [&](std::string_view piece) {
    bytes += piece.size();
    return Status();
  });
  if (body.consumed > rest.size() || bytes > body.consumed) std::abort();
}

void FuzzGzip(std::string_view input) {
  constexpr std::size_t kRatio = 10;
  Gunzip gunzip(kRatio);
  std::size_t unpacked = 0;
  const auto status = gunzip.Write(input, [&](std::string_view piece) {
    unpacked += piece.size();
    return Status();
  });
  if (unpacked > 1024UL * 1024 + kRatio * input.size()) std::abort();
  if (status) static_cast<void>(gunzip.Finish());
}

void FuzzAddress(std::string_view input) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  std::memcpy(&address.sin6_addr, input.data(), std::min(input.size(), sizeof address.sin6_addr));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  const bool open = CheckAddress(generic, AddressPolicy::kPublicOnly).has_value();
  // A stricter policy never allows what a looser one refuses.
  if (open && !CheckAddress(generic, AddressPolicy::kLoopbackAndPublic)) std::abort();
  if (open && !CheckAddress(generic, AddressPolicy::kAny)) std::abort();
}

}  // namespace
}  // namespace mlnode::net

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  mlnode::net::FuzzRequest(input);
  mlnode::net::FuzzGzip(input);
  mlnode::net::FuzzAddress(input);
  return 0;
}
