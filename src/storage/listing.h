// storage/listing.h: what every repository of typed documents does: one by its key, all of a collection, and its
// removal. Threads: as Store.
#pragma once

#include <array>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/log.h"
#include "storage/store.h"

namespace mlnode::storage {

// From the replica; on a miss from the authority, which may block. kNotFound, kUnavailable.
Result<DocumentPtr> GetOrAsk(const Store& store, const Key& key);

// Removes the document as the authority has it; again on kConflict up to 16 times, then kConflict names `what` ("model
// x"). `still` judges each version just before it goes: an error keeps it and is returned. kNotFound; Commit's errors.
Result<Written> Remove(Store& store, RandomSource& random, const Key& key, std::string_view what,
                       const std::function<Status(const Document&)>& still);

// What `read` makes of each document of the collection, by id. Those that it cannot read are left out and logged for
// `room`: a damaged document does not hide the others. Cost: as Store::Read, and `read` of each.
template <class Read, class T = typename std::invoke_result_t<Read, const Document&>::value_type>
std::vector<T> ReadListing(const Store& store, Collection collection, const char* room, const Read& read) {
  std::vector<T> listed;
  for (const DocumentPtr& document : store.Read(std::array{collection}).documents) {
    Result<T> item = read(*document);
    if (item) {
      listed.push_back(*std::move(item));
    } else {
      LOG_ERROR(room, "left out of a listing: {}", item.error().message);
    }
  }
  return listed;
}

}  // namespace mlnode::storage
