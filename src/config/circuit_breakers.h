// config/circuit_breakers.h: the peer's breakers over memory and disk (spec/deploy §2.3), as pure functions of the
// settings and of what was measured. An open one is kResourceExhausted, reason "circuit_breaking_exception"; the
// message begins with the peer's and tells the numbers. The breaker over the Java heap has nothing to measure here.
#pragma once

#include <cstdint>
#include <functional>

#include "config/settings.h"

namespace mlnode::config {

// What the machine has. What cannot be measured (0 for the memory's limit) opens nothing.
struct Resources {
  std::uint64_t memory_used = 0;   // anonymous and shared memory of this process's cgroup
  std::uint64_t memory_limit = 0;  // the smallest of machine, cgroup and those above it
  std::uint64_t disk_free = ~0ULL;
};
// Measures now: some small files and a system call. Any thread.
using ResourceProbe = std::function<Resources()>;

// "Native Memory Circuit Breaker": more than plugins.ml_commons.native_memory_threshold percent used; 100 never opens.
Status CheckMemoryBreaker(const Snapshot& settings, const Resources& resources);
// "Disk Circuit Breaker": less free than plugins.ml_commons.disk_free_space_threshold; 0 and -1 never open.
Status CheckDiskBreaker(const Snapshot& settings, const Resources& resources);

}  // namespace mlnode::config
