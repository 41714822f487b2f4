#include "query/date_math.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <string>

namespace mlnode::query {
namespace {

using std::chrono::milliseconds;
using TimePoint = std::chrono::sys_time<milliseconds>;

constexpr std::string_view kUnits = "yMwdhHms";
constexpr std::int64_t kDayMillis = 86'400'000;
// 300 years either way: a date and what is added to it stay far from the ends of the calendar and of 64 bits.
constexpr std::int64_t kMaxOffsetMillis = 300 * 366 * kDayMillis;
constexpr std::size_t kMaxSteps = 64;

// The longest the unit can be.
std::int64_t UnitMillis(char unit) {
  switch (unit) {
    case 'y':
      return 366 * kDayMillis;
    case 'M':
      return 31 * kDayMillis;
    case 'w':
      return 7 * kDayMillis;
    case 'd':
      return kDayMillis;
    case 'h':
    case 'H':
      return 3'600'000;
    case 'm':
      return 60'000;
    default:
      return 1000;
  }
}

TimePoint Move(TimePoint at, char unit, std::int64_t amount) {
  if (unit != 'y' && unit != 'M') return at + milliseconds(UnitMillis(unit) * amount);
  const auto day = std::chrono::floor<std::chrono::days>(at);
  std::chrono::year_month_day date(day);
  date += std::chrono::months(amount * (unit == 'y' ? 12 : 1));
  if (!date.ok()) date = date.year() / date.month() / std::chrono::last;  // the 31st of a shorter month
  return std::chrono::sys_days(date) + (at - day);
}

TimePoint RoundDown(TimePoint at, char unit) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  switch (unit) {
    case 'y':
      return std::chrono::sys_days(date.year() / std::chrono::January / 1);
    case 'M':
      return std::chrono::sys_days(date.year() / date.month() / 1);
    case 'w':
      return day - (std::chrono::weekday(day) - std::chrono::Monday);
    default:
      return day + (at - day) / milliseconds(UnitMillis(unit)) * milliseconds(UnitMillis(unit));
  }
}

Error BadDate(std::string_view text, std::string_view why) {
  Error error =
      MakeError(Code::kInvalidArgument, "failed to parse date field [" + std::string(text) + "]: " + std::string(why));
  error.reason = "parse_exception";
  return error;
}

// Takes `digits` digits after an optional `before`; false leaves `rest` as it is.
bool Take(std::string_view& rest, char before, std::size_t digits, int& out) {
  std::string_view text = rest;
  if (before != '\0') {
    if (!text.starts_with(before)) return false;
    text.remove_prefix(1);
  }
  if (text.size() < digits) return false;
  const std::string_view number = text.substr(0, digits);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), out);
  if (error != std::errc() || end != number.data() + number.size() || number.front() == '-') return false;
  rest = text.substr(digits);
  return true;
}

// yyyy[-MM[-dd[THH[:mm[:ss[.SSS]]]]]] and Z or +HH:mm; nullopt: something else.
std::optional<EpochMillis> ReadDate(std::string_view text) {
  int year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0, millis = 0, zone_hour = 0, zone_minute = 0;
  if (!Take(text, '\0', 4, year)) return std::nullopt;
  if (Take(text, '-', 2, month) && Take(text, '-', 2, day) && Take(text, 'T', 2, hour) && Take(text, ':', 2, minute) &&
      Take(text, ':', 2, second)) {
    Take(text, '.', 3, millis);
  }
  std::int64_t zone = 0;
  if (text == "Z") {
    text = {};
  } else if (text.starts_with('+') || text.starts_with('-')) {
    const char sign = text.front();
    if (!Take(text, sign, 2, zone_hour)) return std::nullopt;
    if (!Take(text, ':', 2, zone_minute)) Take(text, '\0', 2, zone_minute);
    zone = (sign == '-' ? -1 : 1) * (zone_hour * 60LL + zone_minute) * 60'000;
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!text.empty() || !date.ok() || hour > 23 || minute > 59 || second > 59 || zone_hour > 18 || zone_minute > 59) {
    return std::nullopt;
  }
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return days * kDayMillis + ((hour * 60LL + minute) * 60 + second) * 1000 + millis - zone;
}

}  // namespace

Result<std::optional<DateMath>> DateMath::Parse(std::string_view text) {
  DateMath date;
  std::string_view rest;
  if (text.starts_with("now")) {
    rest = text.substr(3);
  } else {
    const std::size_t bars = text.find("||");
    date.anchor_ = ReadDate(text.substr(0, bars));
    if (!date.anchor_ && bars == std::string_view::npos) return std::optional<DateMath>();
    if (!date.anchor_) return BadDate(text, "what stands before || is no date");
    if (bars != std::string_view::npos) rest = text.substr(bars + 2);
  }
  std::int64_t reach = 0;
  while (!rest.empty()) {
    const char sign = rest.front();
    rest.remove_prefix(1);
    Step step;
    if (sign != '/') {
      step.amount = 1;
      const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), step.amount);
      if (error == std::errc::result_out_of_range) return BadDate(text, "an amount leads beyond 300 years");
      rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    }
    const bool known_unit = !rest.empty() && kUnits.find(rest.front()) != std::string_view::npos;
    if ((sign != '/' && sign != '+' && sign != '-') || !known_unit || step.amount < 0) {
      return BadDate(text, "after now or || come +N, -N or / with one of the units y, M, w, d, h, m, s");
    }
    if (date.steps_.size() == kMaxSteps) return BadDate(text, "more than 64 steps");
    step.unit = rest.front();
    rest.remove_prefix(1);
    const std::int64_t unit_millis = UnitMillis(step.unit);
    if (step.amount > kMaxOffsetMillis / unit_millis) return BadDate(text, "an amount leads beyond 300 years");
    reach += step.amount * unit_millis;
    if (reach > kMaxOffsetMillis) return BadDate(text, "the steps lead beyond 300 years");
    if (sign == '-') step.amount = -step.amount;
    const bool moves_nowhere = sign != '/' && step.amount == 0;
    if (!moves_nowhere) date.steps_.push_back(step);
  }
  return std::optional(std::move(date));
}

EpochMillis DateMath::Resolve(EpochMillis now, bool round_up) const {
  TimePoint at{milliseconds(anchor_.value_or(now))};
  for (const Step& step : steps_) {
    if (step.amount != 0) {
      at = Move(at, step.unit, step.amount);
    } else {
      at = RoundDown(at, step.unit);
      if (round_up) at = Move(at, step.unit, 1) - milliseconds(1);
    }
  }
  return at.time_since_epoch().count();
}

}  // namespace mlnode::query
