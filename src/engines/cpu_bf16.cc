#include "engines/cpu_bf16.h"

namespace mlnode::engines {

bool CpuComputesBf16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0 || __builtin_cpu_supports("amx-bf16") != 0;
#else
  return false;
#endif
}

}  // namespace mlnode::engines
