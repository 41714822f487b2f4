// net/fetch.h: reads what a URL names, piece by piece: http and https through HttpClient, file only below configured
// folders.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/result.h"
#include "net/http_client.h"

namespace mlnode::net {

struct FetchPolicy {
  AddressPolicy addresses = AddressPolicy::kPublicOnly;
  std::vector<std::filesystem::path> file_roots;  // empty: no file: URL is allowed
  std::size_t max_bytes = 4UL * 1024 * 1024 * 1024;
  std::chrono::milliseconds total_timeout{3'600'000};
  // Asked in the calling thread, every HttpClient::kAskEvery over HTTP, also while nothing comes, and before each piece
  // of a file: an error stops the transfer with it. This is how a caller cancels.
  std::function<Status()> keep_going = {};
};

// Streams the resource to `sink` in pieces of at most 1 MiB. Blocks; run it on a background executor. `sink` returning
// an error stops the transfer with that error; over HTTP it is called on the client's thread. Errors: kInvalidArgument
// (malformed URL, scheme), kPermissionDenied (address, or a path that after symlinks lies outside file_roots),
// kNotFound (no such file), kUpstream (HTTP status other than 200, named), kTooLarge, kDeadlineExceeded.
Status Fetch(HttpClient& client, const std::string& url, const FetchPolicy& policy,
             const std::function<Status(std::string_view piece)>& sink);

}  // namespace mlnode::net
