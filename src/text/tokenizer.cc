#include "text/tokenizer.h"

#include <algorithm>
#include <array>
#include <utility>

#include <tokenizers_abi.h>

namespace mlnode::text {
namespace {

// The buffer that the native library writes its error text into, and that text as an Error.
class NativeError {
 public:
  MlnodeNativeError* get() { return &error_; }
  Error ToError(int32_t status) const {
    switch (status) {
      case MLNODE_NATIVE_INVALID:
        return MakeError(Code::kInvalidArgument, text_.data());
      case MLNODE_NATIVE_NOT_UTF8:
        return MakeError(Code::kInvalidArgument,
                         "text " + std::to_string(error_.index) + " is " + std::string(text_.data()));
      case MLNODE_NATIVE_TOO_LARGE:
        return MakeError(Code::kTooLarge, text_.data());
      default:
        return Error{.code = Code::kInternal, .message = "the tokenizer failed", .detail = text_.data()};
    }
  }

 private:
  std::array<char, 512> text_{};
  MlnodeNativeError error_{.text = text_.data(), .cap = text_.size(), .index = 0};
};

template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
using TokenizerHandle = std::unique_ptr<MlnodeTokenizer, Free<mlnode_tokenizer_free>>;
using EncodingHandle = std::unique_ptr<MlnodeEncoding, Free<mlnode_encoding_free>>;

MlnodeText View(std::string_view text) { return {.data = text.data(), .size = text.size()}; }

Status CheckNoneEmpty(const MlnodeEncodingView& view) {
  for (std::size_t i = 0; i < view.sequences; ++i) {
    if (view.offsets[i] == view.offsets[i + 1]) {
      return MakeError(Code::kInvalidArgument,
                       "text " + std::to_string(i) + " has no tokens: it is empty and the tokenizer adds none");
    }
  }
  return {};
}

void AppendTypeIds(const MlnodeEncodingView& view, TokenBatch& out) {
  if (view.type_ids == nullptr && out.type_ids.empty()) return;
  out.type_ids.resize(out.ids.size(), 0);  // earlier sequences had none but zeros
  const std::size_t tokens = view.offsets[view.sequences];
  if (view.type_ids == nullptr) {
    out.type_ids.resize(out.ids.size() + tokens, 0);
  } else {
    out.type_ids.insert(out.type_ids.end(), view.type_ids, view.type_ids + tokens);
  }
}

void Append(const MlnodeEncodingView& view, TokenBatch& out) {
  AppendTypeIds(view, out);
  const std::size_t base = out.ids.size();
  out.ids.insert(out.ids.end(), view.ids, view.ids + view.offsets[view.sequences]);
  out.offsets.reserve(out.offsets.size() + view.sequences);
  for (std::size_t i = 1; i <= view.sequences; ++i) out.offsets.push_back(base + view.offsets[i]);
}

std::vector<MlnodeText> Views(std::span<const std::string_view> texts) {
  std::vector<MlnodeText> views;
  views.reserve(texts.size());
  for (const std::string_view text : texts) views.push_back(View(text));
  return views;
}

std::string TakeText(MlnodeText text) {
  std::string copy(text.data, text.size);
  mlnode_tokenizer_free_text(text);
  return copy;
}

Result<EncodeStats> AppendAll(const EncodingHandle& encoding, TokenBatch& out) {
  MlnodeEncodingView view;
  mlnode_encoding_view(encoding.get(), &view);
  RETURN_IF_ERROR(CheckNoneEmpty(view));
  Append(view, out);
  return EncodeStats{.tokens = view.offsets[view.sequences], .truncated = view.truncated};
}

class NativeTokenizer final : public Tokenizer {
 public:
  explicit NativeTokenizer(TokenizerHandle handle) : handle_(std::move(handle)) {}

  std::optional<std::size_t> FileMaxLength() const override {
    const std::uint64_t length = mlnode_tokenizer_max_length(handle_.get());
    return length == 0 ? std::nullopt : std::optional<std::size_t>(length);
  }

  Result<EncodeStats> Encode(std::span<const std::string_view> texts, std::size_t max_tokens,
                             TokenBatch& out) const override {
    const std::vector<MlnodeText> views = Views(texts);
    NativeError error;
    MlnodeEncoding* encoding = nullptr;
    if (const int32_t status =
            mlnode_tokenizer_encode(handle_.get(), views.data(), views.size(), max_tokens, &encoding, error.get())) {
      return error.ToError(status);
    }
    return AppendAll(EncodingHandle(encoding), out);
  }

  Result<EncodeStats> EncodePairs(std::string_view first, std::span<const std::string_view> seconds,
                                  std::size_t max_tokens, TokenBatch& out) const override {
    const std::vector<MlnodeText> views = Views(seconds);
    NativeError error;
    MlnodeEncoding* encoding = nullptr;
    if (const int32_t status = mlnode_tokenizer_encode_pairs(handle_.get(), View(first), views.data(), views.size(),
                                                             max_tokens, &encoding, error.get())) {
      return error.ToError(status);
    }
    return AppendAll(EncodingHandle(encoding), out);
  }

  Result<PairChunks> EncodeChunks(std::string_view first, std::string_view second,
                                  const ChunkLimits& limits) const override {
    const MlnodeChunkLimits native{.max_tokens = limits.max_tokens,
                                   .stride = limits.stride,
                                   .max_total_tokens = limits.max_total_tokens,
                                   .max_pieces = std::max<std::size_t>(limits.max_pieces, 1)};
    NativeError error;
    MlnodeEncoding* raw = nullptr;
    if (const int32_t status =
            mlnode_tokenizer_encode_chunks(handle_.get(), View(first), View(second), native, &raw, error.get())) {
      return error.ToError(status);
    }
    const EncodingHandle encoding(raw);
    PairChunks chunks;
    ASSIGN_OR_RETURN(const EncodeStats stats, AppendAll(encoding, chunks.batch));
    chunks.cut = stats.truncated > 0;
    MlnodeEncodingView view;
    mlnode_encoding_view(encoding.get(), &view);
    chunks.origins.resize(chunks.batch.tokens());
    for (std::size_t i = 0; i < chunks.origins.size(); ++i) {
      chunks.origins[i] = {.text = static_cast<TokenOrigin::Text>(view.sources[i]), .word = view.words[i]};
    }
    return chunks;
  }

  Result<std::string> Decode(std::span<const std::int64_t> ids) const override {
    NativeError error;
    MlnodeText text{};
    if (const int32_t status = mlnode_tokenizer_decode(handle_.get(), ids.data(), ids.size(), &text, error.get())) {
      return error.ToError(status);
    }
    return TakeText(text);
  }

  Result<std::string> Token(std::int64_t id) const override {
    NativeError error;
    MlnodeText text{};
    if (const int32_t status = mlnode_tokenizer_token(handle_.get(), id, &text, error.get())) {
      return error.ToError(status);
    }
    return TakeText(text);
  }

  Result<std::size_t> IdLimit() const override {
    NativeError error;
    std::uint64_t limit = 0;
    if (const int32_t status = mlnode_tokenizer_id_limit(handle_.get(), &limit, error.get())) {
      return error.ToError(status);
    }
    return static_cast<std::size_t>(limit);
  }

 private:
  TokenizerHandle handle_;
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> Tokenizer::Load(std::string_view content) {
  NativeError error;
  MlnodeTokenizer* raw = nullptr;
  if (const int32_t status = mlnode_tokenizer_load(View(content), &raw, error.get())) {
    // A panic while reading a file is the file's fault as well: the crate checks some fields with assertions only.
    Error failure = error.ToError(status);
    failure.code = Code::kInvalidArgument;
    return Annotate(std::move(failure), "tokenizer.json");
  }
  return std::unique_ptr<Tokenizer>(std::make_unique<NativeTokenizer>(TokenizerHandle(raw)));
}

}  // namespace mlnode::text
