#include "query/search.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "query/search_request_impl.h"

namespace mlnode::query {
namespace {

// Scores are floats, as the peer's: the double that prints as the float does.
double ShownScore(double score) {
  const float kept = static_cast<float>(std::min<double>(score, std::numeric_limits<float>::max()));
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), kept).ptr;
  double shown = 0;
  std::from_chars(text.data(), end, shown);
  return shown;
}

struct Hit {
  const SearchDocument* document;
  double score;
  json::array sort_values;
};

// All hits of the query, in the order of the documents.
std::vector<Hit> FindHits(const SearchRequest::Impl& request, std::span<const SearchDocument> documents,
                          Evaluation& search) {
  std::vector<Hit> hits;
  for (const SearchDocument& document : documents) {
    const std::optional<double> score = request.query->Score(document, search);
    if (!score || (request.min_score && *score < *request.min_score)) continue;
    hits.push_back({&document, *score, SortValues(request.sort, document, ShownScore(*score))});
  }
  return hits;
}

json::object Aggregate(const std::vector<TermsAggregation>& aggregations, const std::vector<Hit>& hits) {
  std::vector<const SearchDocument*> documents;
  for (const Hit& hit : hits) documents.push_back(hit.document);
  json::object out;
  for (const TermsAggregation& aggregation : aggregations) out[aggregation.name] = CountTerms(aggregation, documents);
  return out;
}

void Sort(const SearchRequest::Impl& request, std::vector<Hit>& hits) {
  // Equal hits stay in the order of the documents, so that pages do not overlap.
  std::sort(hits.begin(), hits.end(), [&](const Hit& a, const Hit& b) {
    if (request.sort.empty()) return a.score != b.score ? a.score > b.score : a.document < b.document;
    if (SortsBefore(request.sort, a.sort_values, b.sort_values)) return true;
    return !SortsBefore(request.sort, b.sort_values, a.sort_values) && a.document < b.document;
  });
}

bool ShowsScores(const SearchRequest::Impl& request) {
  if (request.sort.empty() || request.track_scores) return true;
  return std::ranges::any_of(request.sort, &SortKey::by_score);
}

SourceFilter EffectiveFilter(const SearchRequest::Impl& request, const SearchTarget& target) {
  SourceFilter filter = request.source.value_or(SourceFilter({}, target.default_excludes));
  filter.Exclude(target.always_excludes);
  return filter;
}

json::object RenderHit(const Hit& hit, const SearchRequest::Impl& request, const SourceFilter& filter,
                       const std::string& index) {
  json::object out;
  out["_index"] = index;
  out["_id"] = hit.document->id;
  out["_version"] = hit.document->version;
  out["_seq_no"] = hit.document->seq_no;
  out["_primary_term"] = 1;
  if (ShowsScores(request)) {
    out["_score"] = ShownScore(hit.score);
  } else {
    out["_score"] = nullptr;
  }
  if (filter.shows_source())
    out["_source"] = hit.document->source ? filter.Apply(*hit.document->source) : json::object();
  if (!request.sort.empty()) out["sort"] = hit.sort_values;
  return out;
}

json::object RenderTotal(std::int64_t found, std::int64_t tracked) {
  const bool beyond = found > tracked;
  return {{"value", beyond ? tracked : found}, {"relation", beyond ? "gte" : "eq"}};
}

json::value MaxScore(const SearchRequest::Impl& request, const std::vector<Hit>& hits, bool no_index) {
  if (no_index) return 0.0;
  const bool known = request.sort.empty() || request.track_scores;  // as the peer: not when only sorted by score
  if (hits.empty() || request.size == 0 || !known) return nullptr;
  return ShownScore(std::ranges::max(hits, {}, &Hit::score).score);
}

}  // namespace

Result<json::object> Search(const SearchRequest& request, std::span<const SearchDocument> documents,
                            const SearchTarget& target) {
  const SearchRequest::Impl& impl = request.impl();
  TextStatistics texts(documents);
  Evaluation search{.now = target.now, .texts = texts};
  std::vector<Hit> hits = FindHits(impl, documents, search);
  const json::object aggregated = Aggregate(impl.aggregations, hits);
  if (impl.post_filter) {
    std::erase_if(hits, [&](const Hit& hit) { return !impl.post_filter->Score(*hit.document, search); });
  }
  Sort(impl, hits);
  // The peer's index exists from the first document on; without it no shard answers.
  const bool no_index = documents.empty();
  const int shards = no_index ? 0 : 1;
  json::object answer;
  answer["timed_out"] = false;
  answer["_shards"] = {{"total", shards}, {"successful", shards}, {"skipped", 0}, {"failed", 0}};
  json::object outer;
  if (impl.tracked_hits) outer["total"] = RenderTotal(static_cast<std::int64_t>(hits.size()), *impl.tracked_hits);
  outer["max_score"] = MaxScore(impl, hits, no_index);
  json::array shown;
  const SourceFilter filter = EffectiveFilter(impl, target);
  const auto first = static_cast<std::size_t>(impl.from);
  const std::size_t last = std::min(hits.size(), static_cast<std::size_t>(impl.from + impl.size));
  for (std::size_t i = first; i < last; ++i) shown.push_back(RenderHit(hits[i], impl, filter, target.index));
  outer["hits"] = std::move(shown);
  answer["hits"] = std::move(outer);
  if (!aggregated.empty() && !no_index) answer["aggregations"] = aggregated;
  return answer;
}

}  // namespace mlnode::query
