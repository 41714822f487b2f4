// core/cgroup.h: how much of the machine this process may use, inside containers too. Reads cgroup v2 and v1 (kernel:
// Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst) and /proc. Never fails: what cannot be read does not
// limit. Threads: any. Cost: a few small files per call, so not per request.
#pragma once

#include <cstdint>
#include <string>

namespace mlnode {

// Where the kernel shows itself; tests point this at folders of their own.
struct SystemRoots {
  std::string proc = "/proc";
  std::string cgroup = "/sys/fs/cgroup";
};

// The smallest of physical memory and the limits of this process's cgroup and all above it, in bytes.
std::uint64_t MemoryLimitBytes(const SystemRoots& roots = {});

// Anonymous and shared memory of this process's cgroup, never page cache; outside of any memory cgroup, of this process
// alone.
std::uint64_t MemoryUsedBytes(const SystemRoots& roots = {});

// Anonymous and shared memory of this process alone.
std::uint64_t ProcessMemoryBytes(const SystemRoots& roots = {});

// Physical cores (hyper-threads counted once) that this process may run on, at most what the CPU quotas of its cgroup
// and all above it give (rounded down); at least 1.
int PhysicalCores(const SystemRoots& roots = {});

}  // namespace mlnode
