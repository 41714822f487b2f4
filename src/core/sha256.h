// core/sha256.h: SHA-256 while bytes stream by (OpenSSL). Not thread-safe; one hash, one object.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace mlnode {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void Update(std::string_view bytes);
  // 64 lower-case hex digits of everything so far; more may follow.
  std::string HexDigest() const;

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;
};

std::string Sha256Hex(std::string_view bytes);

}  // namespace mlnode
