#include "serving/pipelines/text_encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <utility>
#include <vector>

#include "serving/exception_barrier.h"

namespace mlnode::serving {
namespace {

constexpr std::size_t kInlineTexts = 16;
constexpr std::size_t kInlineBytes = 16UL * 1024;
// Of one piece: some 3 ms of common texts, and of long ones no more than a single text may have.
constexpr std::size_t kPieceTexts = 64;
constexpr std::size_t kPieceBytes = kMaxTextBytes;

struct Piece {
  std::size_t first = 0, count = 0;
  Encoding encoding;
  Status status;
};

std::vector<Piece> Cut(const std::vector<std::string_view>& texts) {
  std::vector<Piece> pieces;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    bytes += texts[i].size();
    if (pieces.empty() || pieces.back().count == kPieceTexts || bytes > kPieceBytes) {
      pieces.push_back({.first = i, .count = 0, .encoding = {}, .status = {}});
      bytes = texts[i].size();
    }
    ++pieces.back().count;
  }
  return pieces;
}

Status EncodePiece(const TextEncoding& work, std::atomic<std::size_t>& tokens, Piece& piece) {
  RETURN_IF_ERROR(work.wanted());
  const auto texts = std::span(work.request.texts).subspan(piece.first, piece.count);
  RETURN_IF_ERROR(work.pipeline.Encode(work.request, texts, piece.encoding));
  return work.fits(tokens += piece.encoding.stats.tokens);  // the batch is empty where no engine runs
}

Error NamePlace(const Piece& piece) {
  const bool text_named = piece.first > 0 && piece.status.error().code == Code::kInvalidArgument;
  if (!text_named) return piece.status.error();
  return Annotate(piece.status.error(), fmt::format("counted from text {} on", piece.first));
}

Encoding Join(std::vector<Piece> pieces) {
  if (pieces.size() == 1) return std::move(pieces.front().encoding);
  Encoding all;
  std::size_t tokens = 0;
  for (const Piece& piece : pieces) tokens += piece.encoding.batch.tokens();
  all.batch.ids.reserve(tokens);
  for (Piece& piece : pieces) Append(std::move(piece.encoding), all);
  return all;
}

// The pieces of one request; each thread takes the next one and gives its place to others before it takes another.
class ParallelEncoding : public std::enable_shared_from_this<ParallelEncoding> {
 public:
  ParallelEncoding(TextEncoding work, Executor& cpu, EncodingDone done)
      : work_(std::move(work)),
        cpu_(cpu),
        done_(std::move(done)),
        pieces_(Cut(work_.request.texts)),
        count_(pieces_.size()),
        open_(count_) {}

  void Start(int threads) {
    const std::size_t wanted = std::min(count_, static_cast<std::size_t>(std::max(threads, 1)));
    for (std::size_t i = 0; i < wanted; ++i) {
      if (PostStep()) continue;
      if (i > 0) return;  // those that were taken do it all
      Error busy = MakeError(Code::kResourceExhausted, "Too many requests wait to be tokenized.");
      busy.retry_after = std::chrono::seconds(1);
      return done_(std::move(busy));
    }
  }

 private:
  bool PostStep() {
    return cpu_.Post([self = shared_from_this()] { self->Step(); });
  }

  void Step() {
    do {
      const std::size_t i = next_.fetch_add(1);
      if (i >= count_) return;
      Work(i);
      if (open_.fetch_sub(1) == 1) return Finish();
    } while (!PostStep());
  }

  // A piece before the first bad one is still worked on, so that the same request fails in the same way.
  void Work(std::size_t i) {
    if (i > first_bad_.load()) return;
    Piece& piece = pieces_[i];
    piece.status = StopExceptions("The prediction", [&] { return EncodePiece(work_, tokens_, piece); });
    if (piece.status) return;
    std::size_t known = first_bad_.load();
    while (i < known && !first_bad_.compare_exchange_weak(known, i)) {
    }
  }

  void Finish() {
    if (const std::size_t bad = first_bad_.load(); bad < count_) return done_(NamePlace(pieces_[bad]));
    done_(StopExceptions("The prediction", [&]() -> Result<Encoding> { return Join(std::move(pieces_)); }));
  }

  const TextEncoding work_;
  Executor& cpu_;
  EncodingDone done_;
  std::vector<Piece> pieces_;  // gone once they are joined, while other threads may still look for one
  const std::size_t count_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::size_t> open_;  // pieces not yet worked on or passed over
  std::atomic<std::size_t> first_bad_{std::numeric_limits<std::size_t>::max()};
  std::atomic<std::size_t> tokens_{0};
};

}  // namespace

bool IsLarge(const PredictRequest& request) {
  if (request.texts.size() > kInlineTexts) return true;
  std::size_t bytes = request.pair ? request.pair->size() : 0;
  for (const std::string_view text : request.texts) bytes += text.size();
  return bytes > kInlineBytes;
}

Result<Encoding> EncodeHere(const TextEncoding& work) {
  std::atomic<std::size_t> tokens{0};
  std::vector<Piece> pieces = Cut(work.request.texts);
  for (Piece& piece : pieces) {
    piece.status = EncodePiece(work, tokens, piece);
    if (!piece.status) return NamePlace(piece);
  }
  return Join(std::move(pieces));
}

void EncodeInParallel(TextEncoding work, Executor& cpu, int threads, EncodingDone done) {
  std::make_shared<ParallelEncoding>(std::move(work), cpu, std::move(done))->Start(threads);
}

}  // namespace mlnode::serving
