#include "storage/nats/stream_names.h"

#include <fmt/format.h>

#include <charconv>
#include <vector>

#include "storage/write_check.h"

namespace mlnode::storage {
namespace {

constexpr std::string_view kHex = "0123456789ABCDEF";

bool StandsForItself(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '/';
}

std::vector<std::string_view> TokensOf(std::string_view subject) {
  std::vector<std::string_view> tokens;
  for (;;) {
    const std::size_t dot = subject.find('.');
    tokens.push_back(subject.substr(0, dot));
    if (dot == std::string_view::npos) return tokens;
    subject.remove_prefix(dot + 1);
  }
}

std::optional<Collection> CollectionNamed(std::string_view name) {
  for (int i = 0; i < kCollectionCount; ++i) {
    const auto collection = static_cast<Collection>(i);
    if (TraitsOf(collection).name == name) return collection;
  }
  return std::nullopt;
}

// Canonical decimals only, so that one part has one subject.
std::optional<std::uint32_t> NumberOf(std::string_view token) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), number);
  if (error != std::errc() || fmt::to_string(number) != token) return std::nullopt;
  return number;
}

}  // namespace

std::string EncodeToken(std::string_view id) {
  std::string token;
  token.reserve(id.size());
  for (const char c : id) {
    if (StandsForItself(c)) {
      token += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    token += '=';
    token += kHex[byte >> 4U];
    token += kHex[byte & 0xFU];
  }
  return token;
}

std::optional<std::string> DecodeToken(std::string_view token) {
  std::string id;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] != '=') {
      id += token[i];
      continue;
    }
    if (i + 2 >= token.size()) return std::nullopt;
    const std::size_t high = kHex.find(token[i + 1]);
    const std::size_t low = kHex.find(token[i + 2]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    id += static_cast<char>(high << 4U | low);
    i += 2;
  }
  if (EncodeToken(id) != token) return std::nullopt;
  return id;
}

std::string StreamNames::SubjectOf(const Key& key) const {
  return fmt::format("{}{}.{}", bucket_, TraitsOf(key.collection).name, EncodeToken(key.id));
}

std::optional<Key> StreamNames::KeyOf(std::string_view subject) const {
  if (!subject.starts_with(bucket_)) return std::nullopt;
  const auto tokens = TokensOf(subject.substr(bucket_.size()));
  if (tokens.size() != 2) return std::nullopt;
  const auto collection = CollectionNamed(tokens[0]);
  auto id = DecodeToken(tokens[1]);
  if (!collection || !id) return std::nullopt;
  Key key{*collection, *std::move(id)};
  if (!CheckKey(key)) return std::nullopt;
  return key;
}

std::string StreamNames::PartSubject(const UploadId& upload, std::uint32_t number) const {
  return fmt::format("{}.part.{}.{}", chunks_, upload.str(), number);
}

std::string StreamNames::PieceSubject(const UploadId& upload, std::uint32_t number, std::string_view attempt,
                                      int index) const {
  return fmt::format("{}.piece.{}.{}.{}.{}", chunks_, upload.str(), number, attempt, index);
}

std::string StreamNames::PiecesOfAttempt(const UploadId& upload, std::uint32_t number, std::string_view attempt) const {
  return fmt::format("{}.piece.{}.{}.{}.*", chunks_, upload.str(), number, attempt);
}

std::optional<StreamNames::ChunkName> StreamNames::ChunkOf(std::string_view subject) const {
  if (!subject.starts_with(chunks_ + ".")) return std::nullopt;
  const auto tokens = TokensOf(subject.substr(chunks_.size() + 1));
  const bool part = tokens.size() == 3 && tokens[0] == "part";
  const bool piece = tokens.size() == 5 && tokens[0] == "piece";
  if (!part && !piece) return std::nullopt;
  ChunkName name{UploadId(std::string(tokens[1])), std::nullopt};
  if (!CheckUpload(name.upload)) return std::nullopt;
  if (part) {
    name.part = NumberOf(tokens[2]);
    if (!name.part) return std::nullopt;
  }
  return name;
}

}  // namespace mlnode::storage
