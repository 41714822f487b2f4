#include "models/testing/artifact_site.h"

#include <utility>

namespace mlnode::models::testing {

std::uint64_t ArtifactSite::Send(net::ClientRequest request, Done done) {
  asked.push_back(request.url);
  addresses = request.addresses;
  const auto file = files.find(request.url);
  if (!reachable) {
    done(MakeError(Code::kUnavailable, "no connection to " + request.url));
  } else if (file == files.end()) {
    done(net::ClientReply{.status = 404, .headers = {}, .body = "no such file"});
  } else if (file->second.size() > request.max_response_bytes) {
    done(MakeError(Code::kTooLarge, request.url + " is too large"));
  } else if (Status taken = request.body_sink(file->second); !taken) {
    done(std::move(taken).error());
  } else {
    done(net::ClientReply{.status = 200, .headers = {}, .body = {}});
  }
  return asked.size();
}

}  // namespace mlnode::models::testing
