// net/body/gzip.h: gzip (RFC 1952) over zlib: a streaming decoder that stops bombs, and a one-shot encoder.
// Threads: one at a time per object.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"

namespace mlnode::net {

class Gunzip {
 public:
  // `max_ratio`: unpacked bytes beyond the first MiB, for each packed byte seen.
  explicit Gunzip(std::size_t max_ratio);
  ~Gunzip();
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  // Hands what `packed` unpacks to to `sink`, in pieces of at most 32 KiB; an error of the sink stops it with that
  // error. Errors: kInvalidArgument (not gzip, damaged), kTooLarge (ratio). After an error the object is of no more
  // use.
  using Sink = std::function<Status(std::string_view piece)>;
  Status Write(std::string_view packed, const Sink& sink);
  // kInvalidArgument when the data ended in the middle.
  Status Finish() const;

 private:
  struct Stream;
  Status CheckRatio() const;
  std::size_t max_ratio_;
  std::uint64_t packed_bytes_ = 0;
  std::uint64_t unpacked_bytes_ = 0;
  bool member_open_ = false;
  bool any_member_ = false;
  std::unique_ptr<Stream> stream_;
};

// `plain` as one gzip member; empty when zlib has no memory. Cost: about 100 MB/s.
std::string Gzip(std::string_view plain);

}  // namespace mlnode::net
