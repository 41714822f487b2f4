// serving/exception_barrier.h: where a task of this room stops what others throw. Tasks are noexcept by contract
// (core/executor.h): without it one request that finds no memory would end the process.
#pragma once

#include <fmt/format.h>

#include <exception>
#include <new>
#include <string_view>
#include <utility>

#include "core/result.h"

namespace mlnode::serving {

// What `call` returns (a Status or Result). Its exceptions become kResourceExhausted (no memory) or kInternal with the
// thrown text as detail; `what` is the subject of the message.
template <class Call>
auto StopExceptions(std::string_view what, Call&& call) -> decltype(call()) {
  try {
    return std::forward<Call>(call)();
  } catch (const std::bad_alloc&) {
    return MakeError(Code::kResourceExhausted, fmt::format("{} found too little memory on this node.", what));
  } catch (const std::exception& thrown) {
    Error error = MakeError(Code::kInternal, fmt::format("{} could not be carried out on this node.", what));
    error.detail = thrown.what();
    return error;
  }
}

}  // namespace mlnode::serving
