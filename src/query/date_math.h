// query/date_math.h: dates as ranges name them: now-1d/d, 2026-11-24||+1M, 2026-11-24T10:00:00Z. UTC.
// Units: y, M, w, d, h or H, m, s; +N and -N move, / rounds. Threads: immutable.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace mlnode::query {

class DateMath {
 public:
  // nullopt: the text does not begin as a date does (then it is an ordinary value). kInvalidArgument with reason
  // "parse_exception": it does and goes wrong, or leads further than 300 years from where it starts.
  static Result<std::optional<DateMath>> Parse(std::string_view text);

  // `round_up`: rounding leads to the last millisecond of the unit, not to the first (gt and lte).
  EpochMillis Resolve(EpochMillis now, bool round_up) const;

 private:
  struct Step {
    char unit = 'd';
    std::int64_t amount = 0;  // 0: round
  };
  std::optional<EpochMillis> anchor_;  // nullopt: now
  std::vector<Step> steps_;
};

}  // namespace mlnode::query
