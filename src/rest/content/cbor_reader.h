// rest/content/cbor_reader.h: reads CBOR (RFC 8949) of strangers as JSON text. Our own, since the one of nlohmann-json
// 3.11 recurses as deep as a sender of nested strings wants and misreads integers below -2^63; the tests compare the
// two. Threads: pure.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace mlnode::rest {

// One data item as JSON text of at most `max_bytes`. float16 and float32 print as the shortest decimal that reads back
// as the same float32. kInvalidArgument, with what was found and the byte it begins at: byte strings, tags, simple
// values but true, false and null, keys that are no text, and what JsonText refuses (depth, duplicate keys, text that
// is no UTF-8, NaN and infinity); bytes after the item; reason "json_e_o_f_exception" where it ends too early.
// kTooLarge beyond `max_bytes`. Cost: 20 to 500 MB/s by what is in it; at most 9 bytes of text a byte read.
Result<std::string> CborToJson(std::string_view cbor, std::size_t max_bytes);

}  // namespace mlnode::rest
