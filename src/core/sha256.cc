#include "core/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace mlnode {
namespace {

// SHA-256 of OpenSSL's default provider fails only without memory or with a broken installation.
void Require(bool ok) {
  if (ok) return;
  std::fprintf(stderr, "OpenSSL: SHA-256 failed\n");
  std::abort();
}

EVP_MD_CTX* Context(void* context) { return static_cast<EVP_MD_CTX*>(context); }

}  // namespace

void Sha256::Free::operator()(void* context) const { EVP_MD_CTX_free(Context(context)); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  Require(context_ != nullptr && EVP_DigestInit_ex(Context(context_.get()), EVP_sha256(), nullptr) == 1);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(std::string_view bytes) {
  Require(EVP_DigestUpdate(Context(context_.get()), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::HexDigest() const {
  constexpr std::string_view kHex = "0123456789abcdef";
  Sha256 copy;
  Require(EVP_MD_CTX_copy_ex(Context(copy.context_.get()), Context(context_.get())) == 1);
  std::array<unsigned char, 32> digest{};
  Require(EVP_DigestFinal_ex(Context(copy.context_.get()), digest.data(), nullptr) == 1);
  std::string hex;
  for (const unsigned char byte : digest) hex.append(1, kHex[byte >> 4U]).append(1, kHex[byte & 15U]);
  return hex;
}

std::string Sha256Hex(std::string_view bytes) {
  Sha256 hash;
  hash.Update(bytes);
  return hash.HexDigest();
}

}  // namespace mlnode
