// engines/cpu_bf16.h: whether this CPU multiplies bf16 itself. Vendors emulate it where it does not, which gives the
// lower accuracy without the speed.
#pragma once

namespace mlnode::engines {

bool CpuComputesBf16();  // avx512_bf16 or AMX

}  // namespace mlnode::engines
