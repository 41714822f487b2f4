// storage/listing.h: what every repository of typed documents does: one by its key, and all of a collection.
// Threads: as Store.
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
