// models/testing/artifact_site.h: an HTTP client that reaches one site, whose files a test decides. Answers at once, on
// the calling thread. Threads: one.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "net/http_client.h"

namespace mlnode::models::testing {

class ArtifactSite final : public net::HttpClient {
 public:
  std::map<std::string, std::string> files;                        // by URL; any other answers 404
  bool reachable = true;                                           // else kUnavailable
  std::vector<std::string> asked;                                  // URLs, in order
  net::AddressPolicy addresses = net::AddressPolicy::kPublicOnly;  // of the newest request

  std::uint64_t Send(net::ClientRequest request, Done done) override;
  void Cancel(std::uint64_t) override {}
};

}  // namespace mlnode::models::testing
