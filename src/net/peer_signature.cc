#include "net/peer_signature.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <boost/unordered/unordered_flat_set.hpp>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "core/clock.h"
#include "core/guarded.h"
#include "core/log.h"
#include "core/sha256.h"
#include "net/http_wire.h"

namespace mlnode::net {
namespace {

constexpr std::string_view kVersion = "v2";
constexpr std::string_view kSalt = "mlnode";
constexpr std::string_view kPurpose = "peer signature";
constexpr std::size_t kMaxHeaderBytes = 512;  // node ids may be long; nothing else is
constexpr std::chrono::milliseconds kBucketSpan{10'000};

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string Hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Bytes(text), text.size(), digest.data(), &size);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

// RFC 4648 §5, without padding.
std::string Base64Url(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends with a zero byte
  out.resize(static_cast<std::size_t>(
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), Bytes(bytes), static_cast<int>(bytes.size()))));
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return out;
}

// The header's fields before the signature, as they are sent.
struct Claim {
  std::string_view sender, receiver, incarnation, millis, nonce;
};

std::string Hex(std::uint64_t number) { return fmt::format("{:016x}", number); }

void AppendPart(std::string& text, std::string_view part) { text += fmt::format("\n{}:{}", part.size(), part); }

// How often each field is there, so that an absent one is no empty one, and its values without the blanks around them,
// which HTTP drops.
void AppendHeaders(std::string& text, const Headers& headers) {
  for (const std::string_view name : kSignedHeaders) {
    text += fmt::format("\n{}={}", name, headers.Count(name));
    for (const auto& [field, value] : headers.fields()) {
      if (EqualsIgnoringCase(field, name)) AppendPart(text, TrimBlanks(value));
    }
  }
}

// Each part with its length before it: no two claims and messages give the same text.
std::string Signature(std::string_view key, const Claim& claim, const PeerMessage& message) {
  static const Headers none;
  std::string text(kVersion);
  const std::string body = message.body_sha256.empty() ? Sha256Hex(message.body) : std::string(message.body_sha256);
  for (const std::string_view part : {claim.sender, claim.receiver, claim.incarnation, claim.millis, claim.nonce,
                                      message.method, message.target, std::string_view(body)}) {
    AppendPart(text, part);
  }
  AppendHeaders(text, message.headers == nullptr ? none : *message.headers);
  return Hmac(key, text);
}

struct Received {
  Claim claim;
  std::string_view signature;
  EpochMillis millis = 0;
};

std::string_view TakeField(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view field = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return field;
}

std::optional<Received> Parse(std::string_view header) {
  if (header.size() > kMaxHeaderBytes) return std::nullopt;
  if (TakeField(header) != kVersion) return std::nullopt;
  Received received;
  received.claim.sender = TakeField(header);
  received.claim.receiver = TakeField(header);
  received.claim.incarnation = TakeField(header);
  received.claim.millis = TakeField(header);
  received.claim.nonce = TakeField(header);
  received.signature = header;
  const std::string_view millis = received.claim.millis;
  const auto [end, error] = std::from_chars(millis.data(), millis.data() + millis.size(), received.millis);
  const bool number = error == std::errc() && end == millis.data() + millis.size() && received.millis >= 0;
  return number && !received.claim.sender.empty() ? std::optional(received) : std::nullopt;
}

// Whoever asks is told nothing that would help to guess.
Error Denied(std::string why) {
  Error error = MakeError(Code::kPermissionDenied, fmt::format("{} is not valid here", kPeerHeader));
  error.detail = std::move(why);
  return error;
}

using Digest = std::pair<std::uint64_t, std::uint64_t>;  // half of a signature: enough to know it again

Digest DigestOf(std::string_view signature) {
  Digest digest;
  std::memcpy(&digest.first, signature.data(), sizeof(digest.first));
  std::memcpy(&digest.second, signature.data() + sizeof(digest.first), sizeof(digest.second));
  return digest;
}

}  // namespace

PeerKey::PeerKey(std::string secret) : secret_(std::move(secret)) {
  if (secret_.size() < kMinBytes) {
    LOG_ERROR("net", "a key between nodes of {} bytes: a bug, {} are the least", secret_.size(), kMinBytes);
    std::abort();
  }
  signing_ = Derive(kPurpose);
}

std::string PeerKey::Derive(std::string_view purpose) const {
  return Hmac(Hmac(kSalt, secret_), std::string(purpose) + '\x01');  // one block of HKDF's expansion is 32 bytes
}

std::string PeerKey::Sign(const PeerMessage& message, const PeerHop& hop, EpochMillis now, RandomSource& random) const {
  const std::string incarnation = Hex(hop.to.incarnation), millis = fmt::format("{}", now), nonce = Hex(random.Next());
  const Claim claim{.sender = hop.from.str(),
                    .receiver = hop.to.node.str(),
                    .incarnation = incarnation,
                    .millis = millis,
                    .nonce = nonce};
  return fmt::format("{} {} {} {} {} {} {}", kVersion, claim.sender, claim.receiver, claim.incarnation, claim.millis,
                     claim.nonce, Base64Url(Signature(signing_, claim, message)));
}

// Signatures by the time that they carry: one that comes again falls into the same bucket. A bucket goes when the
// newest that could be in it is too old to be taken, counted on the steady clock from its first one, which came kWindow
// early at most. A process that begins anew remembers none.
struct PeerVerifier::State {
  struct Bucket {
    SteadyTime begun;
    boost::unordered_flat_set<Digest> seen = {};
  };
  struct Memory {
    std::map<EpochMillis, Bucket> buckets;
    std::size_t count = 0;
  };
  Guarded<Memory> memory;

  static void Forget(Memory& memory, SteadyTime now) {
    std::erase_if(memory.buckets, [&](const auto& entry) {
      const Bucket& bucket = entry.second;
      if (now - bucket.begun <= 2 * kWindow + kBucketSpan) return false;
      memory.count -= bucket.seen.size();
      return true;
    });
  }

  // Is it the first of its kind.
  Status Note(EpochMillis millis, const Digest& digest, SteadyTime now, std::size_t limit) {
    const auto locked = memory.Lock();
    Forget(*locked, now);
    Bucket& bucket = locked->buckets.try_emplace(millis / kBucketSpan.count(), Bucket{.begun = now}).first->second;
    if (bucket.seen.contains(digest)) return Denied("this signature was used before");
    if (locked->count >= limit) {
      Error full = MakeError(Code::kResourceExhausted, "other nodes send more than this one can remember");
      full.retry_after = std::chrono::seconds(1);
      return full;
    }
    bucket.seen.insert(digest);
    ++locked->count;
    return {};
  }
};

PeerVerifier::PeerVerifier(PeerKey key, const PeerProcess& self, const Clock& clock, std::size_t max_nonces)
    : key_(std::move(key)), self_(self), clock_(clock), max_nonces_(max_nonces), state_(std::make_unique<State>()) {}

PeerVerifier::~PeerVerifier() = default;

Result<NodeId> PeerVerifier::Check(std::string_view header, const PeerMessage& message) {
  const std::optional<Received> received = Parse(header);
  if (!received) return Denied("it does not have the form of a peer's signature");
  const std::string signature = Signature(key_.signing_, received->claim, message);
  const std::string text = Base64Url(signature);
  const bool same = text.size() == received->signature.size() &&
                    CRYPTO_memcmp(text.data(), received->signature.data(), text.size()) == 0;
  if (!same) return Denied("another key, or the request was changed on its way");
  // After the signature, so that what is logged is a peer's word.
  const Claim& claim = received->claim;
  if (claim.receiver != self_.node.str() || claim.incarnation != Hex(self_.incarnation)) {
    return Denied(
        fmt::format("node {} signed it for node {}, process {}; this is node {}, process {}: did it begin "
                    "anew a moment ago?",
                    claim.sender, claim.receiver, claim.incarnation, self_.node.str(), Hex(self_.incarnation)));
  }
  const EpochMillis window = std::chrono::milliseconds(kWindow).count();
  const EpochMillis age = clock_.WallMillis() - received->millis;
  if (age > window || age < -window) {
    return Denied(fmt::format("signed by node {} {} ms {}: {} ms are allowed; do the nodes' clocks agree?",
                              claim.sender, age < 0 ? -age : age, age < 0 ? "in the future" : "ago", window));
  }
  RETURN_IF_ERROR(state_->Note(received->millis, DigestOf(signature), clock_.Now(), max_nonces_));
  return NodeId(std::string(claim.sender));
}

}  // namespace mlnode::net
